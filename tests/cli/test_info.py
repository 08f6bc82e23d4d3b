"""`gsdd info`: what a file is, as text and as JSON."""

import json

import pytest
from golden_files import GOLDEN_1_0
from sample_file import forge, take_apart, write_sample

from gsdd.formats.container import read


@pytest.fixture
def sound(tmp_path):
    return write_sample(tmp_path / "a.gsdd")


def test_the_text_has_what_a_person_asks_for(sound, gsdd):
    out, err = gsdd("info", sound)
    assert err == ""
    for line in [
        f"file        {sound} (safetensors, format 1.1, 2,724 bytes)",
        "latents     3 of 3x2x2, codec uint8",
        "pairs       HR 8x8, LR 2x2 by bicubic with antialiasing",
        "signatures  8x8 for each HR image; gsdd verify --decode compares",
        "            Gebäude       2",
        "generator   realesr-animevideov3 (SRVGGNetCompact, x4, 621,424 parameters)",
        "source      3 photos, 12,345 bytes; 1 skipped, 0 ignored",
        'recipe      budget=null, layers=[1, 2], lr=0.001, preset="quick", siamese=true',
    ]:
        assert line in out.splitlines()


def test_a_file_of_an_earlier_version_is_told_with_its_version(tmp_path, gsdd):
    path = tmp_path / "old.gsdd"
    path.write_bytes(GOLDEN_1_0)
    lines = gsdd("info", path).out.splitlines()
    assert f"file        {path} (safetensors, format 1.0, 2,332 bytes)" in lines
    assert "signatures  none in format 1.0" in lines


def test_json_has_the_whole_manifest_and_what_only_the_file_tells(sound, gsdd):
    document = json.loads(gsdd("info", "--json", sound).out)
    own = {name: document.pop(name) for name in ("path", "container", "bytes", "latents", "latent_shape")}
    assert own == {
        "path": str(sound),
        "container": "safetensors",
        "bytes": 2724,
        "latents": 3,
        "latent_shape": [3, 2, 2],
    }
    assert document == json.loads(read(sound).document.text)
    assert document["classes"] == [{"latents": 2, "name": "Gebäude"}, {"latents": 1, "name": "sky"}]
    assert document["source"]["images"] == 3


def test_what_a_file_says_cannot_steer_the_terminal(sound, gsdd):
    manifest, tensors = take_apart(sound.read_bytes())
    manifest["source"]["licence"] = "\x1b[2J\nfile        other"
    sound.write_bytes(forge(manifest, tensors))
    out = gsdd("info", sound).out
    assert "            licence \\u001b[2J\\u000afile        other" in out.splitlines()
    assert "\x1b" not in out


def test_several_files_have_a_line_each_and_the_sum(sound, tmp_path, gsdd):
    write_sample(tmp_path / "b.h5", "fp16", "hdf5")
    lines = [line.split() for line in gsdd("info", tmp_path / "*").out.splitlines()]
    sizes = [(tmp_path / name).stat().st_size for name in ("a.gsdd", "b.h5")]
    assert lines == [
        ["file", "latents", "classes", "HR", "codec", "bytes", "generator"],
        [str(sound), "3", "2", "8", "uint8", f"{sizes[0]:,}", "realesr-animevideov3"],
        [str(tmp_path / "b.h5"), "3", "2", "8", "fp16", f"{sizes[1]:,}", "realesr-animevideov3"],
        ["2", "files", "6", "2", f"{sum(sizes):,}"],
    ]
    document = json.loads(gsdd("info", sound, tmp_path / "b.h5", "--json").out)
    assert [each["path"] for each in document.pop("files")] == [str(sound), str(tmp_path / "b.h5")]
    assert document == {"latents": 6, "bytes": sum(sizes), "classes": {"Gebäude": 4, "sky": 2}}
