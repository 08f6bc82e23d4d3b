"""A file may lie behind a URL; a protocol whose package is missing names the extra."""

import functools
import http.server
import sys
import threading

import pytest
from sample_file import write_sample

from gsdd.distilled.latent_set import read_latents
from gsdd.errors import FormatError, MissingExtraError, SourceError


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    write_sample(tmp_path / "ost.gsdd")
    (tmp_path / "cut.gsdd").write_bytes((tmp_path / "ost.gsdd").read_bytes()[:-1])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_a_url_opens_as_the_file_does(server, tmp_path):
    remote, local = read_latents(f"{server}/ost.gsdd"), read_latents(tmp_path / "ost.gsdd")
    assert remote.manifest == local.manifest
    assert remote.latents.tolist() == local.latents.tolist()
    assert remote.name(0) == local.name(0)


def test_a_damaged_or_missing_remote_file_is_named(server):
    with pytest.raises(FormatError, match=r"http://.*/cut\.gsdd: "):
        read_latents(f"{server}/cut.gsdd")
    with pytest.raises(SourceError, match=r"http://.*/nowhere\.gsdd: cannot be fetched"):
        read_latents(f"{server}/nowhere.gsdd")


def test_a_protocol_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.http", raising=False)
    with pytest.raises(MissingExtraError, match=r"gsdd\[remote\]"):
        read_latents("https://nowhere.invalid/ost.gsdd")
