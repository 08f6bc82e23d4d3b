"""`gsdd.scan` says what a folder holds, and what compress would make of it."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from strange_photos import SKIPPED, put, strange_class

from gsdd.data.blockiness import blockiness
from gsdd.data.catalog import scan as catalog_of
from gsdd.data.likeness import MOST_BITS, perceptual_hash
from gsdd.inspect.survey import BLOCKY, Survey, scan
from gsdd.recipe import Crops

SMALL = Crops(hr_size=32)
COPIES = 1000
SIDE = 48


def encoded(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=quality)
    return Image.open(buffer).convert("RGB")


def lightened(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) * 1.08 + 4).clip(0, 255).astype(np.uint8))


def noisy(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 4, (*image.size[::-1], 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


# What becomes of a picture that is stored, sent and found again.
AGAIN = (
    lambda image: encoded(image, 85),
    lambda image: encoded(image, 40),
    lambda image: image.resize((SIDE * 3 // 4, SIDE * 3 // 4), Image.Resampling.BICUBIC),
    lambda image: image.resize((2 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC),
    lightened,
    noisy,
)


def scene(number: int) -> Image.Image:
    """A picture that looks like no other: sixteen by sixteen random colours, smoothly enlarged."""
    colours = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    return Image.fromarray(colours).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> tuple[Survey, dict[str, set[str]]]:
    """What is found in a thousand pictures of 880 scenes; and by the name of a scene what else shows it."""
    root = tmp_path_factory.mktemp("many")
    planted: dict[str, set[str]] = {}
    for number in range(COPIES - 120):
        (root / f"{number % 2}").mkdir(exist_ok=True)
        scene(number).save(root / f"{number % 2}" / f"{number:04}.png", compress_level=1)
    for copy in range(120):
        number = copy * 7 % 600
        name = f"{copy % 2}/again{copy:03}.png"
        AGAIN[copy % len(AGAIN)](scene(number)).save(root / name, compress_level=1)
        planted.setdefault(f"{number % 2}/{number:04}.png", set()).add(name)
    return scan(root, crops=SMALL), planted


def test_all_near_duplicates_among_a_thousand_are_found_and_nothing_else(many):
    survey, planted = many
    assert survey.images == COPIES
    groups: dict[str, set[str]] = {}
    for each in survey.duplicates:
        groups.setdefault(each.of, set()).update({each.photo, each.of})
    wanted = {frozenset({name, *copies}) for name, copies in planted.items()}
    assert {frozenset(group) for group in groups.values()} == wanted
    assert len(survey.duplicates) == 120


def test_the_largest_of_pictures_that_look_alike_stays(many):
    survey, _ = many
    sizes = {}
    for path in {path for each in survey.duplicates for path in (each.photo, each.of)}:
        with Image.open(Path(survey.folder) / path) as image:
            sizes[path] = image.size
    assert all(sizes[each.photo] <= sizes[each.of] for each in survey.duplicates)
    assert {size for size in sizes.values() if size[0] > SIDE} == {(2 * SIDE, 2 * SIDE)}


def test_other_photos_are_far_apart_and_the_same_ones_near(photos):
    files = sorted(photos.glob("*/*"))[:40]
    images = [Image.open(file).convert("RGB") for file in files]
    hashes = np.stack([perceptual_hash(np.asarray(image)) for image in images])
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(axis=-1)
    assert apart[np.triu_indices(len(files), 1)].min() > 2 * MOST_BITS
    for image, own in zip(images[:8], hashes, strict=False):
        again = encoded(image.resize((image.width // 2, image.height // 2)), 50)
        assert np.bitwise_count(own ^ perceptual_hash(np.asarray(again))).sum() <= MOST_BITS


def test_exact_duplicates_are_told_apart_from_those_that_look_alike(tmp_path):
    scene(0).save(tmp_path / "a.png")
    scene(0).save(tmp_path / "b.bmp")
    encoded(scene(0), 80).save(tmp_path / "c.png")
    found = {(each.photo, each.of, each.exact) for each in scan(tmp_path, crops=SMALL).duplicates}
    assert found == {("b.bmp", "a.png", True), ("c.png", "a.png", False)}
    (tmp_path / "sky").mkdir()
    (tmp_path / "sea").mkdir()
    for name in ("sky/a.png", "sea/z.png"):
        (tmp_path / name).write_bytes((tmp_path / "a.png").read_bytes())
    (only,) = scan(tmp_path, crops=SMALL).duplicates
    assert (only.photo, only.of, only.exact) == ("sky/a.png", "sea/z.png", True)


def test_strange_photos_are_told_with_the_reason(tmp_path):
    strange_class(tmp_path / "strange")
    survey = scan(tmp_path, crops=SMALL)
    told = {**survey.left_out, **survey.unusable}
    assert {path.removeprefix("strange/"): why for path, why in told.items()} == {
        name: why for name, why in SKIPPED.items() if not why.startswith("same")
    }
    assert {path.removeprefix("strange/") for path in survey.left_out} == {"1x1.png", "20000x1.png"}
    assert sum(survey.formats.values()) == survey.images
    assert survey.formats["GIF"] == 1
    json.dumps(survey.to_dict())


def test_sizes_are_those_of_the_photos(tmp_path):
    for number, (height, width) in enumerate([(40, 60), (300, 200), (128, 512), (20, 900)]):
        put(tmp_path / f"{number}.png", number, height=height, width=width)
    survey = scan(tmp_path, crops=SMALL)
    assert (survey.smallest, survey.median_side, survey.largest) == ((60, 40), 128, (512, 128))
    assert dict(survey.fitting) == {128: 2, 192: 1, 256: 0, 288: 0, 512: 0}
    assert dict(survey.left_out) == {"3.png": "too small: 900x20 pixels, wanted 32 a side"}


def test_blocks_are_seen_where_there_are_some_wherever_they_begin(photos):
    with Image.open(sorted(photos.glob("*/*"))[0]) as photo:
        image = photo.convert("RGB")
    small = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    values = [blockiness(np.asarray(picture)) for picture in (small, *(encoded(small, q) for q in (75, 50, 20)))]
    assert values == sorted(values)
    assert values[0] < BLOCKY < values[-1]
    blocky = encoded(small, 20)
    for other in (blocky.crop((3, 5, *blocky.size)), blocky.transpose(Image.Transpose.ROTATE_90)):
        assert blockiness(np.asarray(other)) > BLOCKY


def test_blockiness_is_the_ratio_of_steps():
    # Columns 0 1 2 ..: 4 a step at every eighth, 1 elsewhere, and rows the same.
    line = np.cumsum([0] + [4 if (step + 1) % 8 == 0 else 1 for step in range(31)])
    grey = line[:, None] + line[None]
    assert blockiness(np.stack([grey] * 3, axis=-1).astype(np.uint8)) == pytest.approx(4, rel=1e-3)
    assert blockiness(np.zeros((8, 99, 3), np.uint8)) == blockiness(np.zeros((99, 99, 3), np.uint8)) == 0


def test_blocky_files_are_named_the_worst_first(tmp_path, photos):
    with Image.open(sorted(photos.glob("*/*"))[0]) as photo:
        image = photo.convert("RGB").resize((240, 160), Image.Resampling.LANCZOS)
    for name, quality in (("fine", 95), ("bad", 25), ("worse", 8)):
        image.rotate(quality).save(tmp_path / f"{name}.jpg", quality=quality)
    survey = scan(tmp_path, crops=SMALL)
    assert [path for path in survey.blockiness if path != "fine.jpg"] == ["worse.jpg", "bad.jpg"]
    assert survey.median_blockiness == pytest.approx(survey.blockiness["bad.jpg"])


def test_nothing_is_written_and_compress_would_decide_the_same(photos):
    survey = scan(photos)
    catalog = catalog_of(photos, min_size=128)
    assert survey.classes == {each.name: len(each.photos) for each in catalog.classes}
    assert (survey.by, survey.bytes, survey.folder) == ("folders", catalog.bytes, str(photos))
    assert not survey.duplicates
