"""`gsdd compress --part` and `gsdd merge`, as a user types them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pairs.small_file import COMPACT, copy_photos
from sample_file import write_sample

from gsdd.cli.main import exit_code
from gsdd.formats.container import read, write_stored
from gsdd.formats.manifest import ManifestClass

TINY = ["--preset", "quick", "--hr-size", "32", "--inversion-steps", "1", "--iterations", "1", "--real-crops", "2",
        "--real-batch", "1", "--ipc", "1", "--generator", COMPACT, "-q"]  # fmt: skip


@pytest.fixture(autouse=True)
def desk(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def two() -> tuple[str, str]:
    """Two files of two classes each."""
    contents = read(write_sample(Path("old.gsdd")))
    manifest = replace(
        contents.manifest,
        classes=(ManifestClass("desert", 2), ManifestClass("ice", 1)),
        source=replace(contents.manifest.source, sha256="d4" * 32),
        recipe={**contents.manifest.recipe, "seed": 1},
    )
    write_stored(Path("new.gsdd"), manifest, contents.tensors)
    return "old.gsdd", "new.gsdd"


def test_parts_have_names_of_their_own_and_merge_into_the_file_of_one_run(desk, capsys):
    copy_photos(desk / "ost")
    assert exit_code(["compress", "ost", *TINY]) == 0
    for part in ("1/2", "2/2"):
        assert exit_code(["compress", "ost", *TINY, "--part", part]) == 0
    assert capsys.readouterr().out.split() == ["ost.gsdd", "ost.1-of-2.gsdd", "ost.2-of-2.gsdd"]
    assert exit_code(["info", "ost.2-of-2.gsdd"]) == 0
    assert "part        2/2 of the source's 3 classes\n" in capsys.readouterr().out
    assert exit_code(["merge", "ost.2-of-2.gsdd", "ost.1-of-2.gsdd", "-o", "m.gsdd", "-q"]) == 0
    assert Path("m.gsdd").read_bytes() == Path("ost.gsdd").read_bytes()


@pytest.mark.parametrize("part", ["3/2", "9/9", "one"])
def test_what_is_no_part_is_a_usage_error_in_one_line(desk, capsys, part):
    copy_photos(desk / "ost")
    assert exit_code(["compress", "ost", *TINY, "--part", part]) == 2
    assert capsys.readouterr().err.startswith("gsdd: part: got ")
    assert [path.name for path in desk.iterdir()] == ["ost"]


def test_json_tells_what_was_merged(two, capsys):
    assert exit_code(["merge", *two, "-o", "m.h5", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": "m.h5",
        "files": list(two),
        "latents": 6,
        "classes": {"Gebäude": 2, "sky": 1, "desert": 2, "ice": 1},
        "origins": 2,
        "bytes": Path("m.h5").stat().st_size,
        "notes": ["seed: old.gsdd has 'none', new.gsdd has 1; the file tells which classes have which"],
        "container": "hdf5",
        "dry_run": False,
    }


def test_what_differs_is_noted_and_told_by_info(two, capsys):
    assert exit_code(["merge", *two, "-o", "m.gsdd"]) == 0
    assert capsys.readouterr() == (
        "m.gsdd\n",
        "note: seed: old.gsdd has 'none', new.gsdd has 1; the file tells which classes have which\n"
        f"2 files -> m.gsdd: 6 latents, 4 classes, {Path('m.gsdd').stat().st_size:,} bytes\n",
    )
    assert exit_code(["info", "m.gsdd"]) == 0
    assert "run         of desert, ice: seed=1, iterations=3\n" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "code"), [(["old.gsdd", "old.gsdd"], 1), (["old.gsdd", "no.gsdd"], 1),
                                             (["old.gsdd", "bad.gsdd"], 3), ([], 2)])  # fmt: skip
def test_what_cannot_be_merged_is_one_line_and_nothing_is_written(two, desk, words, code, capsys):
    Path("bad.gsdd").write_bytes(Path("new.gsdd").read_bytes()[:-1])
    assert exit_code(["merge", *words, "-o", "m.gsdd"]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), Path("m.gsdd").exists()) == ("", 1, False)
