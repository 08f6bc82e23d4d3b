"""DSA against an implementation written pixel by pixel from the formulas of Zhao and Bilen's strategies."""

import math

import numpy as np
import pytest
import torch

from gsdd.errors import KernelInputError
from gsdd.kernels.augment import augment
from gsdd.kernels.augmentation import STRATEGIES, Augmentation, Column

SHAPES = [(32, 32), (33, 33), (40, 64), (17, 9)]
C = Column


def omega(*rows: dict) -> Augmentation:
    """Each row: {"strategies": names, Column: value, ...}."""
    strategies = torch.tensor([sum(1 << STRATEGIES.index(name) for name in row["strategies"]) for row in rows])
    values = torch.zeros(len(rows), len(Column))
    for number, row in enumerate(rows):
        for column, value in row.items():
            if isinstance(column, Column):
                values[number, column] = value
    return Augmentation(strategies, values)


def photo(seed: int, height: int, width: int, count: int = 1) -> torch.Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def sample(image: np.ndarray, row: float, column: float) -> np.ndarray:
    """Bilinear, zeros outside; coordinates in pixels, pixel centres on integers."""
    top, left = math.floor(row), math.floor(column)
    value = np.zeros(image.shape[0])
    for r, c in [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]:
        if 0 <= r < image.shape[1] and 0 <= c < image.shape[2]:
            value += image[:, r, c] * (1 - abs(row - r)) * (1 - abs(column - c))
    return value


def warp(image: np.ndarray, source_of) -> np.ndarray:
    _, height, width = image.shape
    out = np.zeros_like(image, dtype=np.float64)
    for i in range(height):
        for j in range(width):
            # align_corners=False: pixel j has the coordinate (2j + 1) / width - 1
            x, y = source_of((2 * j + 1) / width - 1, (2 * i + 1) / height - 1)
            out[:, i, j] = sample(image, ((y + 1) * height - 1) / 2, ((x + 1) * width - 1) / 2)
    return out


@pytest.mark.parametrize(("height", "width"), SHAPES)
@pytest.mark.parametrize("seed", range(5))
class TestAgainstFormulas:
    def test_color_is_brightness_then_saturation_then_contrast(self, height, width, seed):
        x, rng = photo(seed, height, width), np.random.default_rng(seed)
        b, s, k = rng.uniform(-0.5, 0.5), rng.uniform(0, 2), rng.uniform(0.5, 1.5)
        got = augment(x, omega({"strategies": ["color"], C.BRIGHTNESS: b, C.SATURATION: s, C.CONTRAST: k}))
        y = x.double().numpy()[0] + np.float32(b)
        y = (y - y.mean(axis=0)) * np.float32(s) + y.mean(axis=0)
        y = (y - y.mean()) * np.float32(k) + y.mean()
        np.testing.assert_allclose(got[0].numpy(), y, atol=3e-6)

    def test_crop_moves_by_whole_pixels_and_fills_zeros(self, height, width, seed):
        x, rng = photo(seed, height, width), np.random.default_rng(seed)
        rows, columns = rng.integers(-height // 8, height // 8 + 1), rng.integers(-width // 8, width // 8 + 1)
        got = augment(x, omega({"strategies": ["crop"], C.SHIFT_ROWS: rows, C.SHIFT_COLUMNS: columns}))[0]
        for i in range(height):
            for j in range(width):
                inside = 0 <= i + rows < height and 0 <= j + columns < width
                wanted = x[0, :, i + rows, j + columns] if inside else torch.zeros(3)
                assert torch.equal(got[:, i, j], wanted)

    def test_cutout_blanks_the_rectangle_and_nothing_else(self, height, width, seed):
        x, rng = photo(seed, height, width), np.random.default_rng(seed)
        top, bottom = sorted(rng.integers(0, height + 1, 2))
        left, right = sorted(rng.integers(0, width + 1, 2))
        row = {C.CUT_TOP: top, C.CUT_BOTTOM: bottom, C.CUT_LEFT: left, C.CUT_RIGHT: right}
        got = augment(x, omega({"strategies": ["cutout"], **row}))
        wanted = x.clone()
        wanted[:, :, top:bottom, left:right] = 0
        assert torch.equal(got, wanted)

    def test_flip_reverses_columns(self, height, width, seed):
        x = photo(seed, height, width)
        got = augment(x, omega({"strategies": ["flip"]}))
        np.testing.assert_array_equal(got.numpy(), x.numpy()[..., ::-1])

    def test_scale_samples_at_scaled_coordinates(self, height, width, seed):
        x, rng = photo(seed, height, width), np.random.default_rng(seed)
        sx, sy = rng.uniform(1 / 1.2, 1.2, 2)
        got = augment(x, omega({"strategies": ["scale"], C.SCALE_X: sx, C.SCALE_Y: sy}))
        wanted = warp(x.double().numpy()[0], lambda u, v: (sx * u, sy * v))
        np.testing.assert_allclose(got[0].numpy(), wanted, atol=5e-5)

    def test_rotate_turns_normalised_coordinates(self, height, width, seed):
        x, rng = photo(seed, height, width), np.random.default_rng(seed)
        a = math.radians(rng.uniform(-15, 15))
        got = augment(x, omega({"strategies": ["rotate"], C.ANGLE: a}))
        cos, sin = math.cos(a), math.sin(a)
        wanted = warp(x.double().numpy()[0], lambda u, v: (cos * u - sin * v, sin * u + cos * v))
        np.testing.assert_allclose(got[0].numpy(), wanted, atol=5e-5)


ROWS = [
    {"strategies": ["color"], C.BRIGHTNESS: 0.3, C.SATURATION: 1.7, C.CONTRAST: 0.6},
    {"strategies": ["crop"], C.SHIFT_ROWS: 1, C.SHIFT_COLUMNS: -1},
    {"strategies": ["crop"], C.SHIFT_ROWS: -2, C.SHIFT_COLUMNS: 0},
    {"strategies": ["cutout"], C.CUT_TOP: 1, C.CUT_BOTTOM: 4, C.CUT_LEFT: 0, C.CUT_RIGHT: 3},
    {"strategies": ["flip"]},
    {"strategies": []},
    {"strategies": ["scale"], C.SCALE_X: 1.1, C.SCALE_Y: 0.9},
    {"strategies": ["rotate"], C.ANGLE: 0.2},
    {
        "strategies": list(STRATEGIES),
        C.BRIGHTNESS: -0.2, C.SATURATION: 0.4, C.CONTRAST: 1.2, C.SHIFT_ROWS: 1, C.SHIFT_COLUMNS: 1, C.CUT_TOP: 0,
        C.CUT_BOTTOM: 2, C.CUT_LEFT: 2, C.CUT_RIGHT: 5, C.SCALE_X: 0.9, C.SCALE_Y: 1.1, C.ANGLE: -0.1,
    },
]  # fmt: skip


def test_a_mixed_batch_gives_each_image_what_it_gets_alone():
    x = photo(0, 7, 6, len(ROWS))
    mixed = augment(x, omega(*ROWS))
    for number, row in enumerate(ROWS):
        assert torch.equal(mixed[number : number + 1], augment(x[number : number + 1], omega(row)))


def test_no_strategy_is_the_identity():
    x = photo(0, 7, 6, 2)
    assert torch.equal(augment(x, omega({"strategies": []}, {"strategies": []})), x)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "+".join(row["strategies"]) or "nothing")
def test_gradient_is_right_in_float64(row):
    x = photo(1, 6, 5).double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda image: augment(image, omega(row)), x)


def test_siamese_rows_are_taken_by_index():
    both = omega(ROWS[0], ROWS[4])
    taken = both.take(torch.tensor([1, 1, 0]))
    assert taken.strategies.tolist() == [both.strategies[1], both.strategies[1], both.strategies[0]]
    assert torch.equal(taken.values[2], both.values[0])


def test_wrong_inputs_are_named():
    x = photo(0, 7, 6, 2)
    with pytest.raises(KernelInputError, match="omega for 1 images, wanted 2"):
        augment(x, omega({"strategies": []}))
    with pytest.raises(KernelInputError, match=r"floating \[N, C, H, W\]"):
        augment(x.byte(), omega({"strategies": []}, {"strategies": []}))
    with pytest.raises(KernelInputError, match="wanted int64"):
        Augmentation(torch.zeros(2, dtype=torch.int64), torch.zeros(3, len(Column)))
