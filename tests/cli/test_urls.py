"""Commands and functions that read a file take its URL as it is written."""

import json
import time
from pathlib import Path

import pytest
from http_server import PASSWORD, serving
from pairs.small_file import write_small_file

import gsdd as library
from gsdd.formats import remote
from gsdd.pairs.tree import PairTree

TRAINING = ["--size", "small", "--iterations", "2", "--batch", "2", "--crop", "32"]
FAILED, DAMAGED = 1, 3


@pytest.fixture(scope="module")
def server(small_file):
    with serving(small_file) as server:
        yield server


@pytest.fixture
def url(server) -> str:
    return server.url("private", "far.gsdd?sign=s3cret&part=[1]", user=f"me:{PASSWORD}@")


@pytest.fixture
def shown(server) -> str:
    return server.url("private", "far.gsdd?...", user="...@")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_info_and_verify_take_a_url_and_show_no_secret(gsdd, url, shown, desk):
    document = json.loads(gsdd("info", url, "--json").out)
    assert document == {**json.loads(gsdd("info", "small.gsdd", "--json").out), "path": shown}
    assert gsdd("info", url).out.startswith(f"file        {shown} (safetensors")
    assert gsdd("info", url, "small.gsdd").out.splitlines()[-1].startswith("2 files")
    assert gsdd("verify", url, "--decode").out.split()[2] == shown


def test_expand_names_its_folder_after_the_file_and_completes_it(gsdd, url, desk):
    gsdd("expand", url, "-q")
    gsdd("expand", "small.gsdd", "-o", "near")
    assert below(desk / "far_expanded") == below(desk / "near")
    assert "(0 written, 12 kept)" in gsdd("expand", url).out
    assert "(0 written, 12 kept)" in gsdd("expand", "small.gsdd", "-o", "far_expanded").out


def test_how_to_continue_is_told_without_secrets(gsdd, url, shown, desk, monkeypatch):
    monkeypatch.setattr(PairTree, "finish", interrupted)
    assert gsdd("expand", url, code=130).err.splitlines()[-1] == f"to continue: gsdd expand '{shown}'"


def test_train_makes_the_model_of_the_file_itself(gsdd, server, url, desk):
    same_name = write_small_file(desk / "far.gsdd", desk / "photos")
    assert same_name.read_bytes() == server.data
    for data, model in ((url, "far"), (same_name, "near")):
        gsdd("train", data, "-o", f"{model}.safetensors", *TRAINING, "-q")
    assert Path("far.safetensors").read_bytes() == Path("near.safetensors").read_bytes()


def test_convert_merge_and_savings_read_a_url(gsdd, url, shown, desk):
    assert f"{shown} -> far.h5" in gsdd("convert", url, "far.h5").err
    assert f"{shown} -> own.gsdd" in gsdd("convert", url, "own.gsdd", "--embed-generator").err
    gsdd("merge", url, "-o", "merged.gsdd")
    assert Path("merged.gsdd").read_bytes() == Path("small.gsdd").read_bytes()
    assert json.loads(gsdd("savings", "photos", url, "--sample", 1, "--json").out)["file"] == shown
    gsdd("info", url, "--contact-sheet", "sheet.png", "--source", "photos")


def test_a_url_is_not_written_to(refused, url, shown, desk):
    said = refused("convert", "small.gsdd", url, code=2)
    assert f"{shown} is a URL, which can be read and not written" in said


def test_python_takes_a_url(url, small_file, tmp_path):
    far, near = library.open(url), library.open(small_file)
    assert (far.manifest, len(far), far[0]["lq_path"]) == (near.manifest, len(near), "far.gsdd::animal/000000")
    assert far.pairs().identity == near.pairs().identity
    assert library.DistilledPairs([url, small_file])[12]["lq_path"] == "small.gsdd::animal/000000"
    assert far.verify().digest == near.verify().digest
    assert far.expand(tmp_path / "far").written == 12


def test_what_was_opened_stays_what_it_was(gsdd, server, desk):
    opened = library.open(server.url("replaced"))
    assert len(opened.pairs()) == opened.expand(desk / "far").pairs == 12
    with pytest.raises(library.GsddError, match=r"is not a \.gsdd file"):
        opened.verify()
    gsdd("info", server.url("replaced", "again.gsdd"), "--contact-sheet", "sheet.png")


@pytest.mark.parametrize("how", ["silent", "dribbling", "truncating", "changing", "missing"])
def test_a_bad_server_is_one_line_and_a_code(refused, server, monkeypatch, desk, how):
    monkeypatch.setattr(remote, "PATIENCE", 0.3)
    code, place = DAMAGED if how == "changing" else FAILED, server.url(how, user=f"me:{PASSWORD}@")
    began, before = time.monotonic(), sorted(desk.rglob("*"))
    # `info` reads the header alone, which comes whole.
    jobs = [["verify"], ["expand", "-q"], ["train", "-q", "-o", "m.safetensors", *TRAINING]]
    for words in jobs if how == "changing" else [["info"], *jobs]:
        said = refused(*words, place, code=code)
        assert said.startswith(f"gsdd: {server.url(how, user='...@')}: ")
    assert time.monotonic() - began < 30
    assert sorted(desk.rglob("*")) == before
