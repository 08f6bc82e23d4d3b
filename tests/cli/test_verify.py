"""`gsdd verify`: one line a sound file on stdout, one line an unsound one on stderr."""

import json
import subprocess
import sys

import pytest
from pairs.small_file import COMPACT, copy_photos, write_small_file
from sample_file import without_signatures, write_sample

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


def test_a_glob_is_the_files_that_it_finds(sound, tmp_path, capsys):
    other = write_sample(tmp_path / "other.gsdd")
    assert exit_code(["verify", str(tmp_path / "*.gsdd")]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == [str(other), str(sound)]


def test_a_file_has_one_digest_in_either_container(sound, tmp_path):
    assert read(sound).document.digest == read(write_sample(tmp_path / "a.h5", container="hdf5")).document.digest


def test_one_unsound_file_does_not_keep_the_others_from_being_checked(sound, cut_off, capsys):
    assert exit_code(["verify", str(cut_off), str(sound)]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("OK  ")
    assert out.count("\n") == 1
    assert err == f"gsdd: {cut_off}: the file has 2723 bytes; its header accounts for 2724\n"


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


def test_no_file_is_a_usage_error(capsys):
    assert exit_code(["verify"]) == 2
    assert "FILE..." in capsys.readouterr().err


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    return write_small_file(folder / "real.gsdd", copy_photos(folder / "photos"))


def test_decoding_tells_how_many_images_agree_with_progress_on_stderr(real, capsys):
    assert exit_code(["verify", "--decode", str(real)]) == 0
    out, err = capsys.readouterr()
    facts = "12 of 12 images agree, largest difference 0.000 grey levels"
    assert out == f"OK  {read(real).document.digest}  {real}  {facts}\n"
    assert "decode" in err


OTHER = ["--generator", "realesrgan-x4plus-anime"]


def test_other_weights_that_are_forced_are_found_out_in_one_line_and_exit_3(real, capsys):
    assert exit_code(["verify", "--decode", "-q", *OTHER, "--force-generator", str(real)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"gsdd: {real}: 12 of 12 images are not those of the file's author")


def test_other_weights_that_are_not_forced_are_a_failure_in_one_line(real, sound, capsys):
    assert exit_code(["verify", "--decode", "-q", *OTHER, str(real)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert exit_code(["verify", "--decode", "-q", str(sound), str(real)]) == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"gsdd: {sound}: the file was made with generator {COMPACT} (fingerprint a1a1a1a1")
    assert out.startswith("OK  ")


def test_json_tells_what_decoding_gave(real, capsys):
    assert exit_code(["verify", "--decode", "-q", "--json", *OTHER, "--force-generator", str(real)]) == 3
    out, err = capsys.readouterr()
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


def test_a_file_of_version_1_0_is_sound_and_has_nothing_to_compare_with(real, tmp_path, capsys):
    old = tmp_path / "old.gsdd"
    old.write_bytes(without_signatures(real.read_bytes()))
    assert exit_code(["verify", str(old)]) == 0
    capsys.readouterr()
    assert exit_code(["verify", "--decode", "-q", str(old)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"gsdd: {old}: is of format 1.0, which holds no signatures")
    assert err.count("\n") == 1


def test_a_device_that_is_not_there_is_a_usage_error(real, capsys):
    assert exit_code(["verify", "--decode", "-q", "--device", "nowhere", str(real)]) == 2
    assert "device 'nowhere' cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [OTHER, ["--force-generator"], ["--device", "cpu"]])
def test_options_of_decoding_alone_are_a_usage_error(sound, arguments, capsys):
    assert exit_code(["verify", str(sound), *arguments]) == 2
    assert "go with --decode" in capsys.readouterr().err


def test_the_bytes_are_checked_without_torch(sound):
    code = "import sys; from gsdd.cli.main import exit_code; exit_code(['verify', sys.argv[1]]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, sound], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("OK  ")
    assert "torch" not in done.stdout.split()
