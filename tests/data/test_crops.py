"""Which squares of which photos a run uses, and their pixels."""

import time
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from strange_photos import picture, put

from gsdd.data.catalog import Catalog, PhotoClass, PhotoRecord, scan
from gsdd.data.crops import Crop, grid_crops, latents_per_class, plan_crops, read_crops
from gsdd.errors import RecipeError, SourceError
from gsdd.recipe import parse_ipc


def catalog(**classes: list[tuple[int, int]]) -> Catalog:
    """Describe photos by (height, width) alone: planning opens no file."""
    return Catalog(
        Path("photos"),
        tuple(
            PhotoClass(name, tuple(PhotoRecord(f"{name}/{k}", 1, "", w, h) for k, (h, w) in enumerate(sizes)))
            for name, sizes in classes.items()
        ),
        (),
        (),
    )


def overlap(one: Crop, other: Crop, size: int) -> bool:
    same = (one.class_index, one.photo_index) == (other.class_index, other.photo_index)
    return same and abs(one.top - other.top) < size and abs(one.left - other.left) < size


def inside(crop: Crop, source: Catalog, size: int) -> bool:
    photo = source.classes[crop.class_index].photos[crop.photo_index]
    return 0 <= crop.top <= photo.height - size and 0 <= crop.left <= photo.width - size


@pytest.mark.parametrize(
    ("text", "ipc"),
    [
        ("100", 100),
        (" 5 ", 5),
        ("sky=50,animal=200", {"sky": 50, "animal": 200}),
        ("sky = 50, *=3", {"sky": 50, "*": 3}),
        ("a=b=2", {"a=b": 2}),
    ],
)
def test_ipc_is_one_count_or_a_count_per_class(text, ipc):
    assert parse_ipc(text) == ipc


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("many", "`ipc` is 'many'; wanted a whole number"),
        ("", "`ipc` is ''; wanted a whole number"),
        ("1.5", "`ipc` is '1.5'"),
        ("0", "`ipc` is 0; wanted at least 1"),
        ("sky=-1", "`ipc` of class sky is -1"),
        ("sky=5,animal", "`ipc` has 'animal'; wanted CLASS=COUNT"),
        ("=5", "wanted CLASS=COUNT"),
        ("sky=1,sky=2", "names class sky twice"),
    ],
)
def test_an_ipc_that_makes_no_run_is_explained(text, message):
    with pytest.raises(RecipeError, match=message.replace("*", r"\*")):
        parse_ipc(text)


def test_every_class_gets_its_count_in_the_catalogs_order():
    source = catalog(animal=[(9, 9)], sky=[(9, 9)], water=[(9, 9)])
    assert latents_per_class(source, 7) == (7, 7, 7)
    assert latents_per_class(source, {"water": 3, "animal": 1, "sky": 2}) == (1, 2, 3)
    assert latents_per_class(source, {"sky": 2, "*": 5}) == (5, 2, 5)


@pytest.mark.parametrize(
    ("ipc", "message"),
    [
        ({"sky": 2}, "no count for animal, water; name each class, or add \\*=COUNT"),
        ({"sky": 2, "sea": 1, "*": 1}, "names sea; the classes of the source are animal, sky, water"),
        ({"sky": 0, "*": 1}, "class sky is 0"),
        (-3, "`ipc` is -3"),
    ],
)
def test_a_count_that_does_not_fit_the_classes_is_explained(ipc, message):
    with pytest.raises(RecipeError, match=message):
        latents_per_class(catalog(animal=[(9, 9)], sky=[(9, 9)], water=[(9, 9)]), ipc)


def test_no_photo_is_used_twice_while_another_is_unused():
    source = catalog(sky=[(40, 50)] * 30)
    for count in (1, 12, 30):
        assert len({crop.photo_index for crop in plan_crops(source, [count], 16, seed=0)}) == count


def test_which_photos_are_used_and_where_is_drawn_from_the_whole_range():
    source = catalog(sky=[(20, 24)] * 10)
    plans = [plan_crops(source, [1], 16, seed=seed)[0] for seed in range(600)]
    for values, expected in (("photo_index", range(10)), ("top", range(5)), ("left", range(9))):
        counts = Counter(getattr(crop, values) for crop in plans)
        assert set(counts) == set(expected)
        assert max(counts.values()) < 2 * 600 / len(expected)


def test_one_crop_of_each_photo_comes_before_a_second_of_any():
    plan = plan_crops(catalog(sky=[(64, 64), (32, 32), (64, 32)]), [7], 16, seed=3)
    assert {crop.photo_index for crop in plan[:3]} == {0, 1, 2}
    assert {crop.photo_index for crop in plan[3:6]} == {0, 1, 2}


def test_several_crops_of_a_photo_do_not_overlap_while_they_fit():
    source = catalog(sky=[(40, 70), (33, 16)])
    tiles = 2 * 4 + 2 * 1
    for count in range(2, tiles + 1):
        plan = plan_crops(source, [count], 16, seed=count)
        assert not any(overlap(one, other, 16) for one, other in combinations(plan, 2))


@pytest.mark.parametrize("count", [1, 2, 5, 14, 40, 100, 188, 189, 9 * 9 + 1 * 5 + 2 * 1 + 17 * 6])
def test_up_to_the_last_possible_square_no_two_crops_are_the_same(count):
    source = catalog(sky=[(24, 24), (16, 20), (17, 16), (32, 21)])
    plan = plan_crops(source, [count], 16, seed=count)
    assert len(set(plan)) == len(plan) == count
    assert all(inside(crop, source, 16) for crop in plan)


def test_more_crops_than_there_are_is_an_error_that_names_the_class():
    source = catalog(animal=[(99, 99)], sky=[(24, 24), (16, 20)])
    with pytest.raises(RecipeError, match="class sky: 87 latents wanted, but its 2 images have only 86 different"):
        plan_crops(source, [1, 87], 16, seed=0)


def test_the_seed_and_nothing_else_decides():
    source = catalog(animal=[(50, 50)] * 8, sky=[(50, 50)] * 8)
    plan = plan_crops(source, [5, 20], 16, seed=1)
    assert plan == plan_crops(source, [5, 20], 16, seed=1)
    assert plan != plan_crops(source, [5, 20], 16, seed=2)
    animal, sky = [[crop for crop in plan if crop.class_index == k] for k in (0, 1)]
    assert [(c.photo_index, c.top, c.left) for c in animal] != [(c.photo_index, c.top, c.left) for c in sky[:5]]


def test_a_class_keeps_its_crops_when_another_is_added():
    sizes = [(50, 60), (40, 40), (30, 90)]
    alone = plan_crops(catalog(sky=sizes), [9], 16, seed=4)
    beside = plan_crops(catalog(animal=[(80, 80)], sky=sizes, water=[(99, 16)]), [4, 9, 2], 16, seed=4)
    assert [(c.photo_index, c.top, c.left) for c in beside if c.class_index == 1] == [
        (c.photo_index, c.top, c.left) for c in alone
    ]


def test_crops_come_class_by_class():
    plan = plan_crops(catalog(animal=[(80, 80)], sky=[(80, 80)]), [3, 4], 16, seed=0)
    assert [crop.class_index for crop in plan] == [0, 0, 0, 1, 1, 1, 1]


def test_planning_costs_what_the_crops_cost_not_what_the_photos_have():
    source = catalog(sky=[(12000, 12000)] * 40)
    began = time.perf_counter()
    plan = plan_crops(source, [20000], 128, seed=0)
    assert len(set(plan)) == 20000
    assert time.perf_counter() - began < 2


def test_a_grid_covers_a_photo_with_tiles_that_do_not_overlap_and_is_centred():
    source = catalog(sky=[(40, 55), (16, 16), (15, 99)])
    assert grid_crops(source, 0, 16) == (
        *(Crop(0, 0, top, left) for top in (4, 20) for left in (3, 19, 35)),
        Crop(0, 1, 0, 0),
    )


def test_a_limited_grid_is_a_seeded_subset():
    source = catalog(sky=[(64, 64)] * 5)
    everything = grid_crops(source, 0, 16)
    some = grid_crops(source, 0, 16, limit=30, seed=1)
    assert some == grid_crops(source, 0, 16, limit=30, seed=1) != grid_crops(source, 0, 16, limit=30, seed=2)
    places = [everything.index(crop) for crop in some]
    assert all(before < after for before, after in pairwise(places))
    assert grid_crops(source, 0, 16, limit=999) == everything


def test_real_photos_give_distinct_pictures_that_are_the_photos_pixels(photos):
    source = scan(photos, min_size=128)
    plan = plan_crops(source, [12] * len(source.classes), 128, seed=0)
    pixels = read_crops(source, plan, 128)
    assert pixels.dtype == np.uint8
    assert len({crop.tobytes() for crop in pixels}) == len(plan)
    for crop, found in zip(plan, pixels, strict=True):
        photo = source.classes[crop.class_index].photos[crop.photo_index]
        with Image.open(photos / photo.path) as image:
            if not photo.conversions:
                box = (crop.left, crop.top, crop.left + 128, crop.top + 128)
                np.testing.assert_array_equal(found.transpose(1, 2, 0), np.asarray(image.crop(box)))


def small_source(folder: Path) -> Catalog:
    for number in range(3):
        put(folder / "sky" / f"{number}.png", number, height=40, width=40)
    return scan(folder, min_size=16)


def test_crops_are_read_in_the_order_asked_for(tmp_path):
    source = small_source(tmp_path)
    crops = [Crop(0, k % 3, 3 * k, 24 - 3 * k) for k in (7, 0, 3, 2, 7, 5)]
    pixels = read_crops(source, crops, 16)
    for crop, found in zip(crops, pixels, strict=True):
        photo = np.asarray(picture(crop.photo_index, 40, 40))
        expected = photo[crop.top : crop.top + 16, crop.left : crop.left + 16].transpose(2, 0, 1)
        np.testing.assert_array_equal(found, expected)
    assert read_crops(source, [], 16).shape == (0, 3, 16, 16)


def test_a_photo_that_changed_or_went_since_the_scan_is_named(tmp_path):
    source = small_source(tmp_path)
    Image.new("RGB", (40, 40), "red").save(tmp_path / "sky" / "1.png")
    with pytest.raises(SourceError, match=r"1\.png: the file has changed since this run began"):
        read_crops(source, [Crop(0, 0, 0, 0), Crop(0, 1, 0, 0)], 16)
    (tmp_path / "sky" / "1.png").unlink()
    with pytest.raises(SourceError, match=r"1\.png: No such file"):
        read_crops(source, [Crop(0, 1, 0, 0)], 16)
