"""`gsdd verify`: one line a sound file on stdout, one line an unsound one on stderr."""

import json

import pytest
from sample_file import write_sample

from gsdd.cli.main import exit_code
from gsdd.formats.container import read


@pytest.fixture
def sound(tmp_path):
    return write_sample(tmp_path / "sound.gsdd")


@pytest.fixture
def cut_off(tmp_path, sound):
    path = tmp_path / "cut.gsdd"
    path.write_bytes(sound.read_bytes()[:-1])
    return path


def test_each_sound_file_has_a_line_with_its_digest(sound, tmp_path, capsys):
    other = write_sample(tmp_path / "other.h5", "fp16", "hdf5")
    assert exit_code(["verify", str(sound), str(other)]) == 0
    out, err = capsys.readouterr()
    assert out == "".join(f"OK  {read(path).document.digest}  {path}\n" for path in (sound, other))
    assert err == ""


def test_a_file_has_one_digest_in_either_container(sound, tmp_path):
    assert read(sound).document.digest == read(write_sample(tmp_path / "a.h5", container="hdf5")).document.digest


def test_one_unsound_file_does_not_keep_the_others_from_being_checked(sound, cut_off, capsys):
    assert exit_code(["verify", str(cut_off), str(sound)]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("OK  ")
    assert out.count("\n") == 1
    assert err == f"gsdd: {cut_off}: the file has 2331 bytes; its header accounts for 2332\n"


def test_a_missing_file_is_a_failure_and_an_unsound_one_is_worse(tmp_path, cut_off, capsys):
    missing = tmp_path / "none.gsdd"
    assert exit_code(["verify", str(missing)]) == 1
    assert capsys.readouterr().err == f"gsdd: {missing}: no such file\n"
    assert exit_code(["verify", str(cut_off), str(missing)]) == 3


def test_json_tells_all_files_in_one_document(sound, cut_off, capsys):
    assert exit_code(["verify", "--json", str(sound), str(cut_off)]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "ok": False,
        "files": [
            {
                "path": str(sound),
                "ok": True,
                "digest": read(sound).document.digest,
                "container": "safetensors",
                "bytes": sound.stat().st_size,
                "latents": 3,
            },
            {"path": str(cut_off), "ok": False, "error": err.removeprefix("gsdd: ").rstrip("\n")},
        ],
    }


def test_no_file_is_a_usage_error(capsys):
    assert exit_code(["verify"]) == 2
    assert "FILE..." in capsys.readouterr().err
