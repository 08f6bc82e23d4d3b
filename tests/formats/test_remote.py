"""A file may lie behind a URL; a server that goes wrong is refused in one line and in time."""

import os
import socket
import sys
import time

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from http_server import PASSWORD, serving
from sample_file import write_sample

from gsdd.distilled.latent_set import read_files, read_latents
from gsdd.errors import FormatError, MissingExtraError, SourceError
from gsdd.formats import remote


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("served") / "ost.gsdd")


@pytest.fixture(scope="module")
def server(file):
    with serving(file) as server:
        yield server


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(remote, "PATIENCE", 0.5)


def refusal(url: str, kind: type[Exception] = SourceError) -> str:
    with pytest.raises(kind) as caught:
        read_latents(url)
    text = str(caught.value)
    assert text.isprintable()
    assert PASSWORD not in text
    return text


@pytest.mark.parametrize("how", ["good", "no_length", "chunked", "moved"])
def test_a_url_opens_as_the_file_does(server, file, how):
    far, near = read_latents(server.url(how)), read_latents(file)
    assert (far.manifest, far.sha256, far.name(0)) == (near.manifest, near.sha256, near.name(0))
    assert far.latents.tolist() == near.latents.tolist()


def test_a_query_is_sent_and_is_no_pattern(server):
    [latents] = read_files(server.url("good", "größe *.gsdd?part=[1]&x=y"))
    assert server.paths[-1] == "/good/gr%C3%B6%C3%9Fe%20*.gsdd?part=[1]&x=y"
    assert latents.name(0).startswith("größe *.gsdd::")


def test_credentials_go_to_the_host_and_nowhere_else(server):
    user = f"me:{PASSWORD}@"
    assert read_latents(server.url("private", user=user)).path.name == "ost.gsdd"
    wanted = (
        f"http://...@127.0.0.1:{server.server_port}/moved_private/ost.gsdd: cannot be fetched: the server answers 401"
    )
    assert refusal(server.url("moved_private", user=user)).startswith(wanted)


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("missing", SourceError, "the server answers 404 Not Found"),
        ("private", SourceError, "the server answers 401 Unauthorized"),
        ("broken", SourceError, "the server answers 500 Internal Server Error"),
        ("circle", SourceError, "infinite loop"),
        ("moved_to_file", SourceError, "Redirection to url 'file:///etc/hostname' is not allowed"),
        ("moved_to_ftp", SourceError, "unknown url type: ftp"),
        ("zipped", SourceError, "Content-Encoding 'gzip'"),
        ("truncating", SourceError, "were announced: cut short, or changed while it was fetched"),
        ("truncating_chunks", SourceError, "cannot be fetched: it is cut short"),
        ("truncating_silently", FormatError, ""),
        ("changing", FormatError, "sha256"),
        ("page", FormatError, "is a page in HTML, not the file itself"),
        ("huge", SourceError, "has 1,099,511,627,776 bytes or more, wanted at most 1,073,741,824"),
    ],
)
def test_a_bad_server_is_refused_at_once(server, how, kind, said):
    text = refusal(server.url(how), kind)
    assert text.startswith(f"{server.url(how)}: ")
    assert said in text


def test_what_does_not_end_is_refused_by_its_header(server):
    assert "metadata is not valid JSON" in refusal(server.url("endless"), FormatError)


@pytest.mark.parametrize(
    ("how", "got"),
    [("silent", "0"), ("silent_after_headers", "0"), ("silent_in_the_middle", "1,000"), ("dribbling", ""),
     ("dribbling_headers", "0")],
)  # fmt: skip
def test_a_server_that_stalls_is_given_up_in_time(server, monkeypatch, impatient, how, got):
    monkeypatch.setattr(remote, "SLOWEST", 5000)
    started = time.monotonic()
    text = refusal(server.url(how))
    assert time.monotonic() - started < 3
    assert f"{server.url(how)}: stalls: got {got}" in text
    assert "for 0.5 s" in text


def test_a_slow_line_that_goes_on_is_let_finish(server, file, monkeypatch):
    monkeypatch.setattr(remote, "PATIENCE", 1)
    started = time.monotonic()
    assert len(read_latents(server.url("slow"))) == len(read_latents(file))
    assert time.monotonic() - started > 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://nowhere.invalid/ost.gsdd", "cannot be fetched: "),
        ("http://me:s3cret@host:abc/ost.gsdd", "port"),
        ("http://[::1/ost.gsdd", "IPv6"),
        ("nothing://host/ost.gsdd", "Protocol not known: nothing"),
        ("memory://nowhere.gsdd", "no such file"),
    ],
)
def test_a_place_that_is_not_there_is_named(url, said, impatient):
    text = refusal(url)
    assert said in text or "stalls: " in text


def test_a_refused_connection_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        assert refusal(f"http://127.0.0.1:{taken.getsockname()[1]}/a").endswith("cannot be fetched: Connection refused")


def test_other_protocols_go_through_fsspec(file, tmp_path):
    fsspec.filesystem("memory").pipe("/sets/far.gsdd", file.read_bytes())
    fsspec.filesystem("memory").pipe("/sets/cut.gsdd", file.read_bytes()[:-1])
    assert read_latents("memory://sets/far.gsdd").name(0).startswith("far.gsdd::")
    assert read_latents(file.as_uri()).sha256 == read_latents(file).sha256
    assert refusal("memory://sets/cut.gsdd", FormatError).startswith("memory://sets/cut.gsdd: ")
    assert "is not a file" in refusal(tmp_path.as_uri())
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in refusal((tmp_path / "pipe").as_uri())


class Odd(MemoryFileSystem):
    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix(f"{cls.protocol}://"))


class Shrinking(Odd):
    """Files that are shorter when they are read than they were said to be."""

    protocol = "shrinking"

    def info(self, path: str, **more: object) -> dict:
        return {**super().info(path, **more), "size": super().info(path, **more)["size"] + 9}


class Hanging(Odd):
    """Files that nobody ever answers for."""

    protocol = "hanging"

    def info(self, path: str, **more: object) -> dict:
        time.sleep(5)
        raise FileNotFoundError(path)


def test_fsspec_is_held_to_the_size_and_the_time(file, impatient, monkeypatch):
    for kind in (Shrinking, Hanging):
        fsspec.register_implementation(kind.protocol, kind, clobber=True)
    fsspec.filesystem("shrinking").pipe("/far.gsdd", file.read_bytes())
    size = file.stat().st_size
    assert f"got {size:,} bytes, wanted the {size + 9:,}" in refusal("shrinking://far.gsdd")
    assert "stalls: got 0 bytes" in refusal("hanging://far.gsdd")
    monkeypatch.setattr(remote, "LIMIT", 1000)
    assert "wanted at most 1,000" in refusal("memory://sets/far.gsdd")


def test_a_protocol_without_its_package_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "huggingface_hub.hf_file_system", raising=False)
    said = "needs the package huggingface_hub, which is not installed; pip install huggingface_hub"
    assert refusal("hf://datasets/me/sets/ost.gsdd", MissingExtraError).endswith(said)
