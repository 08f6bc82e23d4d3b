import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from heard import Heard

from gsdd.errors import GeneratorError, OutputError
from gsdd.generators.download import download
from gsdd.generators.named import NAMED

CONTENT = bytes(range(256)) * 9000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GOOD = {"size": len(CONTENT), "sha256": SHA256}


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT at /good, after a redirect at /moved, more of it at /more, and drops the line at /dropped."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        if self.path == "/gone":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/good" else CONTENT[:5000])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/good", "/moved"])
def test_the_expected_file_arrives_whole_and_alone(server, tmp_path, path):
    monitor = Heard()
    target = tmp_path / "new" / "weights.pth"
    download(server + path, target, **GOOD, monitor=monitor)
    assert {path: path.read_bytes() for path in target.parent.iterdir()} == {target: CONTENT}
    assert monitor.stages[-1] == ("kB", -(-len(CONTENT) // 1000), -(-len(CONTENT) // 1000))


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ({"size": len(CONTENT), "sha256": "0" * 64}, f"sha256 {SHA256}; wanted {len(CONTENT)} bytes, sha256 000"),
        ({"size": len(CONTENT) + 1, "sha256": SHA256}, f"{len(CONTENT)} bytes"),
        ({"size": 100, "sha256": SHA256}, "wanted 100 bytes"),
    ],
)  # fmt: skip
def test_a_file_that_was_not_expected_is_deleted_and_leaves_the_old_one(server, tmp_path, wanted, got):
    target = tmp_path / "weights.pth"
    target.write_text("what was here before")
    with pytest.raises(GeneratorError, match=f"deleted: not the file that was expected: got .*{got}"):
        download(f"{server}/good", target, **wanted)
    assert {path: path.read_text() for path in tmp_path.iterdir()} == {target: "what was here before"}


@pytest.mark.parametrize("path", ["/gone", "/dropped"])
def test_a_failing_server_is_an_error_of_one_line_and_leaves_nothing(server, tmp_path, path):
    with pytest.raises(GeneratorError, match=r"http://127.*; try again|not the file that was expected") as caught:
        download(server + path, tmp_path / "weights.pth", **GOOD)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_address_that_does_not_answer_is_named(tmp_path):
    with pytest.raises(GeneratorError, match="file:///no/such/file: cannot be downloaded"):
        download("file:///no/such/file", tmp_path / "weights.pth", **GOOD)


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"/file: cannot be made"):
        download(f"{server}/good", tmp_path / "file" / "weights.pth", **GOOD)


@pytest.mark.parametrize("named", NAMED.values(), ids=NAMED)
def test_every_download_is_pinned(named):
    assert len(bytes.fromhex(named.download.sha256)) == 32
    assert named.download.url is None or named.download.url.startswith(
        "https://github.com/xinntao/Real-ESRGAN/releases/"
    )
