"""A folder of photos -> a coreset on disk: its pixels are the photos', and the same call gives the same bytes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from heard import Heard
from killed.seen import contents
from PIL import Image
from strange_photos import CONVERTED, IGNORED, SKIPPED, USED_AS_THEY_ARE, put, strange_class

from gsdd.data.catalog import scan
from gsdd.data.crops import grid_crops, read_crops
from gsdd.errors import OutputError, RecipeError, SourceError
from gsdd.selection.coreset import coreset
from gsdd.selection.crop_list import find_crops, read_list
from gsdd.selection.method import METHODS

SIZE = 64
TILES = {"animal": 18, "scene": 18, "thing": 27}  # a 240x200 photo has nine


def make(source: Path, target: Path, method: str = "random", ipc=2, **options):
    return coreset(source, target, ipc=ipc, method=method, **{"hr_size": SIZE, **options})


@pytest.mark.parametrize("method", METHODS)
def test_crops_are_squares_of_photos_that_their_names_tell(source, tmp_path, method):
    report = make(source, tmp_path / "out", method, ipc=3)
    files = sorted((tmp_path / "out").glob("*/*.png"))
    assert report.classes == {"animal": 3, "scene": 3, "thing": 3}
    assert report.crops == len(files) == 9
    for file in files:
        photo, left, top = re.fullmatch(r"(.+)_left(\d+)_top(\d+)\.png", file.name).groups()
        left, top = int(left), int(top)
        with Image.open(source / file.parent.name / f"{photo}.png") as whole, Image.open(file) as crop:
            pixels = np.asarray(whole)[top : top + SIZE, left : left + SIZE]
            assert pixels.shape == (SIZE, SIZE, 3)
            assert np.array_equal(pixels, crop)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_call_gives_the_same_bytes_and_a_list_names_the_same_crops(source, tmp_path, method):
    first = make(source, tmp_path / "one", method)
    again = make(source, tmp_path / "two", method)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert first.bytes == again.bytes == sum(map(len, contents(tmp_path / "one").values()))
    as_list = make(source, tmp_path / "list.csv", method)
    assert (tmp_path / "list.csv").read_bytes() == (tmp_path / "one" / "coreset.csv").read_bytes()
    assert as_list.bytes == (tmp_path / "list.csv").stat().st_size


def test_a_list_read_back_gives_the_pixels_of_the_folder(source, tmp_path):
    make(source, tmp_path / "out", "herding")
    catalog = scan(source, min_size=SIZE)
    rows = read_list(tmp_path / "out" / "coreset.csv")
    pixels = read_crops(catalog, find_crops(rows, catalog), rows[0].size)
    for row, crop in zip(rows, pixels, strict=True):
        name = f"{Path(row.photo).stem}_left{row.left}_top{row.top}.png"
        with Image.open(tmp_path / "out" / row.class_name / name) as image:
            assert np.array_equal(np.asarray(image).transpose(2, 0, 1), crop)


def test_a_coreset_is_itself_a_folder_of_class_photos(source, tmp_path):
    make(source, tmp_path / "out", "kmeans")
    catalog = scan(tmp_path / "out", min_size=SIZE)
    assert {each.name: len(each.photos) for each in catalog.classes} == dict.fromkeys(TILES, 2)
    assert {(each.path, each.reason) for each in catalog.ignored_entries} == {
        ("coreset.csv", "not an image"),
        ("coreset.json", "not an image"),
    }


def test_the_facts_tell_method_seed_and_source_and_nothing_of_the_machine(source, tmp_path):
    report = make(source, tmp_path / "out", "kmeans", seed=4)
    text = (tmp_path / "out" / "coreset.json").read_text()
    assert json.loads(text) == {
        "method": "kmeans",
        "seed": 4,
        "features": "local-fourier",
        "leave_out": None,
        "hr_size": SIZE,
        "classes": dict.fromkeys(TILES, 2),
        "candidates": TILES,
        "source": {"images": 7, "bytes": report.source_bytes, "sha256": scan(source, min_size=SIZE).sha256},
    }
    assert str(tmp_path) not in text


@pytest.mark.parametrize("method", ["random", "herding", "gradient", "loss"])
def test_a_class_has_the_same_crops_beside_any_other_classes(source, tmp_path, method):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "thing").symlink_to(source / "thing")
    make(source, tmp_path / "all.csv", method)
    make(tmp_path / "photos", tmp_path / "one.csv", method)
    of_thing = [row for row in read_list(tmp_path / "all.csv") if row.class_name == "thing"]
    assert list(read_list(tmp_path / "one.csv")) == of_thing


def test_seeds_methods_and_features_differ(source, tmp_path):
    ways = [{"method": method} for method in METHODS]
    ways += [{"method": "random", "seed": 1}, {"method": "herding", "features": "resnet18"}]
    lists = set()
    for number, way in enumerate(ways):
        make(source, tmp_path / f"{number}.csv", ipc=5, **way)
        lists.add(read_list(tmp_path / f"{number}.csv"))
    assert len(lists) == len(ways) == 7


def test_counts_may_differ_by_class_and_go_up_to_all_tiles(source, tmp_path):
    report = make(source, tmp_path / "a.csv", "gradient", ipc={"thing": 27, "*": 1})
    assert report.classes == {"animal": 1, "scene": 1, "thing": 27}
    rows = [row for row in read_list(tmp_path / "a.csv") if row.class_name == "thing"]
    assert len(set(rows)) == 27


@pytest.mark.parametrize("method", METHODS)
def test_more_crops_than_a_class_has_are_refused_by_name_before_any_are_looked_at(source, tmp_path, method):
    told = "class animal: 19 crops wanted, but its 2 photos have only 18 of 64x64 that do not overlap; lower `ipc`"
    with pytest.raises(RecipeError, match=told):
        make(source, tmp_path / "out", method, ipc=19)
    assert not list(tmp_path.iterdir())


def test_methods_choose_among_a_limited_number_and_random_among_all(source, tmp_path):
    few = make(source, tmp_path / "a.csv", "loss", max_candidates=4)
    assert few.candidates == dict.fromkeys(TILES, 4)
    pool = set(grid_crops(scan(source, min_size=SIZE), 0, SIZE, limit=4, seed=0))
    catalog = scan(source, min_size=SIZE)
    assert {crop for crop in find_crops(read_list(tmp_path / "a.csv"), catalog) if crop.class_index == 0} <= pool
    assert make(source, tmp_path / "b.csv", "loss", ipc=6, max_candidates=4).candidates == dict.fromkeys(TILES, 6)
    assert make(source, tmp_path / "c.csv", "random", max_candidates=4).candidates == TILES


def test_strange_photos_are_used_converted_skipped_or_ignored_as_compress_does(tmp_path):
    strange_class(tmp_path / "photos" / "strange")
    usable = len(USED_AS_THEY_ARE) + len(CONVERTED)
    told = Heard()
    report = make(tmp_path / "photos", tmp_path / "out", "herding", ipc=usable, hr_size=32, monitor=told, device="cpu")
    assert {line.removeprefix("strange: strange/") for line in report.skipped} == {
        f"{name}: {why}" for name, why in SKIPPED.items()
    }
    assert {line.removeprefix("strange/") for line in report.conversions} == {
        f"{name}: {how}" for name, how in CONVERTED.items()
    }
    assert {path.removeprefix("strange/"): why for path, why in report.ignored.items()} == IGNORED
    assert len(told.surprises) == len(SKIPPED) + len(CONVERTED) + 2
    assert len(list((tmp_path / "out" / "strange").iterdir())) == usable == report.crops
    catalog = scan(tmp_path / "photos", min_size=32)
    rows = read_list(tmp_path / "out" / "coreset.csv")
    assert len({crop.photo_index for crop in find_crops(rows, catalog)}) == usable
    with pytest.raises(SourceError, match="skip such photos: `on_bad_image"):
        make(tmp_path / "photos", tmp_path / "other", hr_size=32, on_bad_image="fail")


def test_photos_whose_names_differ_by_case_or_suffix_get_files_of_their_own(tmp_path):
    for number, name in enumerate(["a.png", "A.png", "a.bmp", "a_2.png"]):
        put(tmp_path / "photos" / "sky" / name, number)
    make(tmp_path / "photos", tmp_path / "out", ipc=4, hr_size=32)
    names = [file.name.casefold() for file in (tmp_path / "out" / "sky").iterdir()]
    assert len(names) == len(set(names)) == 4


def test_a_flat_folder_is_one_class(source, tmp_path):
    assert make(source / "thing", tmp_path / "out").classes == {"thing": 2}


def test_a_dry_run_counts_and_writes_nothing(source, tmp_path):
    report = make(source, tmp_path / "out", "herding", dry_run=True)
    assert (report.bytes, report.crops, report.candidates) == (None, 6, TILES)
    assert not list(tmp_path.iterdir())


def test_progress_tells_photos_then_crops(source, tmp_path):
    monitor = Heard()
    make(source, tmp_path / "a.csv", "herding", monitor=monitor)
    heard = monitor.stages
    assert heard[6] == ("photos", 7, 7)
    crops = [done for stage, done, total in heard[7:] if (stage, total) == ("crops", 63)]
    assert crops == sorted(crops)
    assert crops[-1] == 63
    assert len(crops) == len(heard) - 7


def test_what_is_there_is_kept_unless_forced(source, tmp_path):
    for name in ("out", "list.csv"):
        make(source, tmp_path / name)
        before = contents(tmp_path)
        with pytest.raises(OutputError, match="exists already; `force=True`"):
            make(source, tmp_path / name, seed=1)
        with pytest.raises(OutputError, match="exists already; `force=True`"):
            make(source, tmp_path / name, seed=1, dry_run=True)
        assert contents(tmp_path) == before
        make(source, tmp_path / name, seed=1, force=True)
        assert contents(tmp_path) != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.csv", "out"]


def test_nothing_is_written_into_or_over_the_source(source, tmp_path):
    before = contents(source)
    for target in (source, source / "out", source / "animal" / "a.csv", source.parent):
        with pytest.raises(OutputError, match="only read from"):
            make(source, target, force=True)
    assert contents(source) == before
    made = tmp_path / "made"
    make(source, made)
    with pytest.raises(OutputError, match="is or holds the source"):
        make(made / "animal", made, force=True)
    assert len(list(made.glob("*/*.png"))) == 6


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hr_size": 66}, "`hr_size`: got 66, wanted a multiple of 4 of at least 32"),
        ({"hr_size": 28}, "`hr_size`: got 28"),
        ({"method": "best"}, "`method`: got 'best', wanted one of"),
        ({"max_candidates": 0}, "`max_candidates`: got 0"),
        ({"leave_out": -0.1}, "`leave_out`: got -0.1"),
        ({"leave_out": 1.5}, "`leave_out`: got 1.5"),
        ({"leave_out": float("nan")}, "`leave_out`: got nan"),
        ({"features": "vgg"}, "features: got 'vgg'"),
        ({"ipc": 0}, "`ipc` is 0; wanted at least 1"),
        ({"ipc": {"sea": 1}}, "`ipc` names sea"),
    ],
)
def test_options_that_make_no_coreset_are_told(source, tmp_path, options, told):
    with pytest.raises(RecipeError, match=re.escape(told)):
        make(source, tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())
