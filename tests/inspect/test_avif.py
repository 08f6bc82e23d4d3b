"""Crops in AVIF: the budget is held to the byte, and what is decoded is what those bytes hold."""

import hashlib
import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from gsdd.data.catalog import scan
from gsdd.data.crops import read_tiles
from gsdd.errors import RecipeError
from gsdd.inspect import avif
from gsdd.inspect.avif import decoded, encoded, fitting

SIZE, QUALITY = 64, 50


@pytest.fixture(scope="module")
def crops(photos) -> torch.Tensor:
    return torch.from_numpy(read_tiles(scan(photos, min_size=SIZE), SIZE, limit=6)[0])


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(10 * np.log10(255**2 / np.square(one.numpy().astype(float) - other.numpy()).mean()))


@pytest.fixture(scope="module")
def sizes(crops) -> list[int]:
    """Bytes of the first crop, of the first two, and so on."""
    return [size(crops[:count]) for count in range(1, len(crops) + 1)]


def size(crops: torch.Tensor) -> int:
    return sum(map(len, encoded(crops, QUALITY)))


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_budget_is_held_to_the_byte(crops, sizes, count):
    assert sizes == sorted(sizes)
    exact = fitting(crops, sizes[count - 1], QUALITY)
    assert (exact.count, exact.bytes) == (count, sizes[count - 1])
    less = fitting(crops, sizes[count - 1] - 1, QUALITY)
    assert (less.count, less.bytes) == (count - 1, [0, *sizes][count - 1])
    assert len(less.images) == count - 1


def test_a_budget_beyond_all_crops_and_one_below_any(crops):
    assert fitting(crops, 10**9, 50).count == len(crops)
    nothing = fitting(crops, 10, 50)
    assert (nothing.count, nothing.bytes, nothing.images.shape) == (0, 0, (0, 3, SIZE, SIZE))


def test_what_comes_back_is_what_the_bytes_hold_in_the_order_given(crops):
    (data,) = encoded(crops, 90)
    with Image.open(BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("AVIF", (SIZE, SIZE * len(crops)))
        strip = np.asarray(picture.convert("RGB"))
    images = fitting(crops, len(data), 90).images
    assert images.dtype == torch.uint8
    for number, image in enumerate(images):
        np.testing.assert_array_equal(image.permute(1, 2, 0), strip[SIZE * number : SIZE * (number + 1)])
        others = [psnr(image, crop) for crop in crops]
        assert others.index(max(others)) == number


def test_lower_quality_stores_more_crops_that_are_further_from_the_photos(crops):
    budget = sum(map(len, encoded(crops[:3], 90)))
    stored = [fitting(crops, budget, quality) for quality in (90, 60, 30)]
    counts = [each.count for each in stored]
    assert counts == sorted(counts)
    assert counts[0] == 3 < counts[-1]
    near = [psnr(each.images[:3], crops[:3]) for each in stored]
    assert near == sorted(near, reverse=True)


def test_colour_is_stored_in_full_resolution():
    stripes = torch.zeros(1, 3, SIZE, SIZE, dtype=torch.uint8)
    stripes[:, 0, :, ::2], stripes[:, 2, :, 1::2] = 255, 255
    assert psnr(decoded(encoded(stripes, 95), SIZE)[0], stripes) > 30


def test_the_bytes_are_the_same_in_a_process_with_one_core(crops, tmp_path):
    np.save(tmp_path / "crops.npy", crops.numpy())
    code = (
        "import hashlib, os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "import numpy, torch; from gsdd.inspect.avif import encoded;"
        "crops = torch.from_numpy(numpy.load(sys.argv[1]));"
        "print(hashlib.sha256(encoded(crops, 50)[0]).hexdigest())"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "crops.npy")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(encoded(crops, 50)[0]).hexdigest()


def test_more_crops_than_one_picture_is_high_are_stored_in_several(monkeypatch, crops):
    monkeypatch.setattr(avif, "MOST_ROWS", 4 * SIZE)
    pictures = encoded(crops, QUALITY)
    stored = fitting(crops, 10**6, QUALITY)
    assert [len(part) for part in decoded(pictures, SIZE)] == [4, 2]
    assert (stored.count, stored.bytes) == (6, sum(map(len, pictures)))
    assert all(psnr(image, crop) > 25 for image, crop in zip(stored.images, crops, strict=True))


def test_a_quality_that_avif_does_not_have_is_refused(crops):
    for quality in (-1, 101):
        with pytest.raises(RecipeError, match=f"AVIF quality: got {quality}, wanted 0 to 100"):
            fitting(crops, 1000, quality)


def test_the_settings_come_nearer_to_the_photos_in_as_many_bytes_than_pillows_own(crops):
    ours = fitting(crops, size(crops), QUALITY)
    strip = Image.fromarray(np.concatenate(list(crops.permute(0, 2, 3, 1).numpy())))
    for quality in range(40, 80, 4):
        buffer = BytesIO()
        strip.save(buffer, "AVIF", quality=quality)
        if buffer.tell() >= ours.bytes:
            break
    (theirs,) = decoded([buffer.getvalue()], SIZE)
    assert psnr(ours.images, crops) > psnr(theirs, crops)


def test_the_tallest_picture_that_is_made_can_be_read():
    crops = torch.zeros(avif.MOST_ROWS // 16 + 1, 3, 16, 16, dtype=torch.uint8)
    pictures = avif.encoded(crops, 10)
    assert [len(part) for part in avif.decoded(pictures, 16)] == [len(crops) - 1, 1]
