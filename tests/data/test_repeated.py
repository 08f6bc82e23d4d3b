"""Folders that hold the photos of another one smaller are found by names, sizes and pictures, and others never are."""

import numpy as np
import pytest
from PIL import Image

from gsdd.data.catalog import scan
from gsdd.errors import SourceError


def photo(number: int) -> Image.Image:
    """Smooth enough to be like itself at any size."""
    levels = np.random.default_rng(number).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(levels).resize((160, 120), Image.Resampling.BICUBIC)


def put(path, number: int, times: float = 1, cut: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = photo(number)
    image = image.crop((0, 0, image.width - cut, image.height - cut))
    image.resize((round(image.width / times), round(image.height / times)), Image.Resampling.BICUBIC).save(path)


def refusal(root) -> str:
    with pytest.raises(SourceError) as caught:
        scan(root, min_size=32)
    return str(caught.value)


def test_of_several_sizes_the_largest_is_to_be_given(tmp_path):
    for name, times in (("b", 2), ("a", 4), ("c", 1)):
        for number in range(4):
            put(tmp_path / "p" / name / f"{number}.png", number, times)
    assert refusal(tmp_path / "p").endswith(f"so give {tmp_path / 'p' / 'c'}")


def test_names_may_end_in_the_scale_and_hr_may_have_been_cut(tmp_path):
    for number in range(2):
        put(tmp_path / "a" / f"{number}.png", number)
        put(tmp_path / "b" / f"{number}_X3.png", number, 3, cut=6)
    assert "b repeats the photos of a at 1/3" in refusal(tmp_path)


@pytest.mark.parametrize(("high", "low"), [("_SRF_4_HR", "_SRF_4_LR"), ("", "x4"), ("-gt", "-lq")])
def test_both_sides_may_lie_in_one_folder(tmp_path, high, low):
    for number in range(3):
        put(tmp_path / "p" / f"{number}{high}.png", number)
        put(tmp_path / "p" / f"{number}{low}.png", number, 4)
    assert f"0{low}.png in p is 0{high}.png at 1/4 of its size" in refusal(tmp_path / "p")


def test_most_of_the_photos_are_enough(tmp_path):
    for number in range(5):
        put(tmp_path / "a" / f"{number + number // 3}.png", number)
        put(tmp_path / "b" / f"{number}.png", number, 4)
    assert "b repeats the photos of a at 1/4" in refusal(tmp_path)


def test_photos_may_be_of_any_sizes(tmp_path):
    for number, width in enumerate((160, 800, 320)):
        large = photo(number).resize((width, width * 3 // 4))
        for name, image in (("hr", large), ("x", large.resize((width // 4, width * 3 // 16)))):
            (tmp_path / name).mkdir(exist_ok=True)
            if (name, number) != ("x", 0):  # the smallest is missing
                image.save(tmp_path / name / f"{number}.png")
    assert "x repeats the photos of hr at 1/4" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("number", "name", "times"), [(9, "0", 4), (0, "1", 4), (0, "0", 1), (0, "0", 5), (0, "0", 2.5), (0, "0", 16)]
)
def test_other_pictures_names_or_scales_are_classes(tmp_path, number, name, times):
    put(tmp_path / "a" / "0.png", 0)
    put(tmp_path / "b" / f"{name}.png", number, times)
    assert len(scan(tmp_path, min_size=4).classes) == 2
