"""`gsdd merge`, as a user types it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pairs.small_file import COMPACT, copy_photos
from sample_file import write_sample

from gsdd.cli.main import exit_code
from gsdd.formats.container import read, write_stored
from gsdd.formats.manifest import ManifestClass

TINY = ["--preset", "quick", "--hr-size", "32", "--inversion-steps", "1", "--iterations", "1",
        "--set", "crops.real=2", "--set", "matching.real_batch=1", "--ipc", "1", "--generator", COMPACT,
        "-q"]  # fmt: skip


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


def test_classes_that_were_compressed_apart_are_one_file(desk, capsys):
    copy_photos(desk / "ost")
    (desk / "rest").mkdir()
    (desk / "ost" / "thing").rename(desk / "rest" / "thing")
    for folder in ("ost", "rest"):
        assert exit_code(["compress", folder, *TINY]) == 0
    assert exit_code(["merge", "ost.gsdd", "rest.gsdd", "-o", "m.gsdd", "-q"]) == 0
    assert capsys.readouterr().out.split() == ["ost.gsdd", "rest.gsdd", "m.gsdd"]
    apart = [read(Path(name)).tensors["latents"] for name in ("ost.gsdd", "rest.gsdd")]
    assert np.array_equal(read(Path("m.gsdd")).tensors["latents"], np.concatenate(apart))


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
