"""`gsdd merge`, as a user types it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pairs.small_file import copy_photos
from recipes import TINY, quick
from sample_file import write_sample

from gsdd.formats.container import read, write_stored
from gsdd.formats.manifest import ManifestClass

pytestmark = pytest.mark.usefixtures("desk")


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


def test_classes_that_were_compressed_apart_are_one_file(desk, gsdd):
    copy_photos(desk / "ost")
    (desk / "rest").mkdir()
    (desk / "ost" / "thing").rename(desk / "rest" / "thing")
    for folder in ("ost", "rest"):
        assert gsdd("compress", folder, *quick(**TINY), "-q").out == f"{folder}.gsdd\n"
    assert gsdd("merge", "ost.gsdd", "rest.gsdd", "-o", "m.gsdd", "-q").out == "m.gsdd\n"
    apart = [read(Path(name)).tensors["latents"] for name in ("ost.gsdd", "rest.gsdd")]
    assert np.array_equal(read(Path("m.gsdd")).tensors["latents"], np.concatenate(apart))


def test_json_tells_what_was_merged(two, gsdd):
    assert json.loads(gsdd("merge", *two, "-o", "m.h5", "--json", "-q").out) == {
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


def test_what_differs_is_noted_and_told_by_info(two, gsdd):
    assert gsdd("merge", *two, "-o", "m.gsdd") == (
        "m.gsdd\n",
        "note: seed: old.gsdd has 'none', new.gsdd has 1; the file tells which classes have which\n"
        f"2 files -> m.gsdd: 6 latents, 4 classes, {Path('m.gsdd').stat().st_size:,} bytes\n",
    )
    assert "run         of desert, ice: seed=1, iterations=3\n" in gsdd("info", "m.gsdd").out
