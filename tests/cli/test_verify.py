"""`gsdd verify`: one line a sound file on stdout, one line an unsound one on stderr."""

import json
import subprocess
import sys

import pytest
from pairs.small_file import COMPACT
from sample_file import without_signatures, write_sample

from gsdd.formats.container import read


@pytest.fixture
def sound(tmp_path):
    return write_sample(tmp_path / "sound.gsdd")


@pytest.fixture
def cut_off(tmp_path, sound):
    path = tmp_path / "cut.gsdd"
    path.write_bytes(sound.read_bytes()[:-1])
    return path


def test_each_sound_file_has_a_line_with_its_digest(sound, tmp_path, gsdd):
    other = write_sample(tmp_path / "other.h5", "fp16", "hdf5")
    lines = [f"OK  {read(path).document.digest}  {path}\n" for path in (sound, other)]
    assert gsdd("verify", sound, other) == ("".join(lines), "")


def test_a_glob_is_the_files_that_it_finds(sound, tmp_path, gsdd):
    other = write_sample(tmp_path / "other.gsdd")
    lines = gsdd("verify", tmp_path / "*.gsdd").out.splitlines()
    assert [line.split()[-1] for line in lines] == [str(other), str(sound)]


def test_a_file_has_one_digest_in_either_container(sound, tmp_path):
    assert read(sound).document.digest == read(write_sample(tmp_path / "a.h5", container="hdf5")).document.digest


def test_one_unsound_file_does_not_keep_the_others_from_being_checked(sound, cut_off, gsdd):
    out, err = gsdd("verify", cut_off, sound, code=3)
    assert out.startswith("OK  ")
    assert out.count("\n") == 1
    assert err == f"gsdd: {cut_off}: the file has 2723 bytes; its header accounts for 2724\n"


def test_an_unsound_file_is_worse_than_a_missing_one(tmp_path, cut_off, gsdd):
    gsdd("verify", cut_off, tmp_path / "none.gsdd", code=3)


def test_json_tells_all_files_in_one_document(sound, cut_off, gsdd):
    out, err = gsdd("verify", "--json", sound, cut_off, code=3)
    assert json.loads(out) == {
        "ok": False,
        "files": [
            {
                "path": str(sound),
                "ok": True,
                "version": "1.1",
                "digest": read(sound).document.digest,
                "container": "safetensors",
                "bytes": sound.stat().st_size,
                "latents": 3,
                "decoding": None,
            },
            {"path": str(cut_off), "ok": False, "error": err.removeprefix("gsdd: ").rstrip("\n")},
        ],
    }


def test_decoding_tells_how_many_images_agree_with_progress_on_stderr(small_file, gsdd):
    out, err = gsdd("verify", "--decode", small_file)
    facts = "12 of 12 images agree, largest difference 0.000 grey levels"
    assert out == f"OK  {read(small_file).document.digest}  {small_file}  {facts}\n"
    assert "decode" in err


OTHER = ["--generator", "realesrgan-x4plus-anime"]


def test_other_weights_that_are_forced_are_found_out_in_one_line_and_exit_3(small_file, refused):
    line = refused("verify", "--decode", "-q", *OTHER, "--force-generator", small_file, code=3)
    assert line.startswith(f"gsdd: {small_file}: 12 of 12 images are not those of the file's author")


def test_other_weights_that_are_not_forced_are_a_failure_in_one_line(small_file, sound, gsdd, refused):
    refused("verify", "--decode", "-q", *OTHER, small_file)
    out, err = gsdd("verify", "--decode", "-q", sound, small_file, code=1)
    assert err.startswith(f"gsdd: {sound}: the file was made with generator {COMPACT} (fingerprint a1a1a1a1")
    assert out.startswith("OK  ")


def test_json_tells_what_decoding_gave(small_file, gsdd):
    out, err = gsdd("verify", "--decode", "-q", "--json", *OTHER, "--force-generator", small_file, code=3)
    document = json.loads(out)
    decoding = document["files"][0]["decoding"]
    assert not document["ok"]
    assert document["files"][0]["error"] == err.removeprefix("gsdd: ").rstrip("\n")
    assert decoding.pop("note").startswith("forced: ")
    assert decoding.pop("largest_difference") > 0.4
    assert decoding == {
        "generator": "realesrgan-x4plus-anime",
        "device": "cpu",
        "images": 12,
        "differing": list(range(12)),
        "tolerance": 1 / 64,
    }


def test_a_file_of_version_1_0_is_sound_and_has_nothing_to_compare_with(small_file, tmp_path, gsdd, refused):
    old = tmp_path / "old.gsdd"
    old.write_bytes(without_signatures(small_file.read_bytes()))
    gsdd("verify", old)
    line = refused("verify", "--decode", "-q", old)
    assert line.startswith(f"gsdd: {old}: is of format 1.0, which holds no signatures")


def test_the_bytes_are_checked_without_torch(sound):
    code = "import sys; from gsdd.cli.main import exit_code; exit_code(['verify', sys.argv[1]]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, sound], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("OK  ")
    assert "torch" not in done.stdout.split()
