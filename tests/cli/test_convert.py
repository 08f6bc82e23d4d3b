"""`gsdd convert`: the same file in the other container, and back."""

import json

import pytest
from sample_file import write_sample

from gsdd.cli.main import exit_code
from gsdd.formats.container import read


@pytest.fixture
def source(tmp_path):
    return write_sample(tmp_path / "a.gsdd")


def test_there_and_back_gives_the_same_bytes(source, tmp_path, capsys):
    there, back = tmp_path / "b.gsdd", tmp_path / "c.gsdd"
    assert exit_code(["convert", str(source), str(there), "--container", "hdf5"]) == 0
    assert exit_code(["convert", str(there), str(back)]) == 0
    assert read(there).container == "hdf5"
    assert back.read_bytes() == source.read_bytes()
    assert capsys.readouterr().out == f"{there}\n{back}\n"


@pytest.mark.parametrize(
    ("name", "options", "container"),
    [
        ("b.h5", [], "hdf5"),
        ("b.HDF5", [], "hdf5"),
        ("b.gsdd", [], "safetensors"),
        ("b.safetensors", [], "safetensors"),
        ("b.h5", ["--container", "safetensors"], "safetensors"),
    ],
)
def test_the_suffix_chooses_the_container_unless_the_option_does(source, tmp_path, name, options, container):
    assert exit_code(["convert", "-q", str(source), str(tmp_path / name), *options]) == 0
    assert read(tmp_path / name).container == container


def test_quiet_prints_the_path_alone(source, tmp_path, capsys):
    assert exit_code(["convert", "-q", str(source), str(tmp_path / "b.h5")]) == 0
    assert capsys.readouterr() == (f"{tmp_path / 'b.h5'}\n", "")


def test_json_tells_what_was_written(source, tmp_path, capsys):
    target = tmp_path / "b.h5"
    assert exit_code(["convert", "--json", str(source), str(target)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "source": str(source),
        "path": str(target),
        "container": "hdf5",
        "bytes": target.stat().st_size,
        "dry_run": False,
    }


def test_an_existing_target_is_kept_unless_forced(source, tmp_path, capsys):
    target = tmp_path / "b.h5"
    target.write_bytes(b"mine")
    assert exit_code(["convert", str(source), str(target)]) == 1
    assert capsys.readouterr() == ("", f"gsdd: {target}: exists already; --force replaces it\n")
    assert target.read_bytes() == b"mine"
    assert exit_code(["convert", str(source), str(target), "--force"]) == 0
    assert read(target).container == "hdf5"


def test_the_source_is_never_overwritten(source, capsys):
    before = source.read_bytes()
    assert exit_code(["convert", str(source), str(source), "--force", "--container", "hdf5"]) == 1
    assert "is the source itself" in capsys.readouterr().err
    assert source.read_bytes() == before


def test_an_unsound_source_exits_3_and_writes_nothing(source, tmp_path, capsys):
    source.write_bytes(source.read_bytes()[:-1])
    assert exit_code(["convert", str(source), str(tmp_path / "b.h5")]) == 3
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "b.h5").exists()


@pytest.mark.parametrize("target", ["no/b.h5", "."])
def test_a_target_that_cannot_be_written_is_a_failure_in_one_line(source, tmp_path, target, capsys):
    assert exit_code(["convert", str(source), str(tmp_path / target)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
