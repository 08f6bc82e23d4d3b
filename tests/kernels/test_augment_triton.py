"""The kernels of `augment` against its reference, interpreted."""

import pytest
import torch
from dsa_formulas import OPS, omega, photos, random_omega
from interpreter import watched
from memory import poisoned
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augment import augment, image_means
from gsdd.kernels.augmentation import Augmentation

# Kernel and reference do the same float32 operations in the same order, and round once: they are equal to the bit,
# except for the means of contrast and of its gradient, which they sum in another order. In units of the last place of
# the largest value of an image, whatever the dtype: 1.
SETS = [*((name,) for name in OPS), OPS, ()]
FEW = [("saturation", "cutout"), ("crop", "rotate"), ("contrast", "flip")]
FP32, BF16, FP16, UINT8 = torch.float32, torch.bfloat16, torch.float16, torch.uint8
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# height, width, images' dtype, result's dtype, images' layout, whether the result is channels_last, ops an image
CASES = [
    (4, 3, FP32, FP32, "contiguous", False, SETS),
    (2, 3, BF16, BF16, "channels_last", True, SETS),
    (3, 2, FP16, FP16, "strided", False, SETS),
    (4, 3, UINT8, FP32, "contiguous", False, SETS),
    (3, 4, FP32, FP32, "channels_last", True, FEW),
    (2, 2, FP32, BF16, "contiguous", True, FEW),
    (3, 3, BF16, FP16, "strided", False, FEW),
    (2, 3, FP16, FP32, "strided", True, FEW),
    (4, 1, FP32, FP32, "strided", False, FEW),
    (1, 5, FP32, FP32, "contiguous", True, FEW),
    (1, 1, BF16, BF16, "contiguous", False, [OPS]),
    (3, 4, UINT8, BF16, "channels_last", True, FEW),
    (3, 2, UINT8, FP16, "strided", False, FEW),
]


def images(count: int, height: int, width: int, dtype: torch.dtype, layout: str) -> Tensor:
    x = photos(0, count, height, width)
    x = (x * 60 + 128).clamp(0, 255).to(dtype) if dtype == UINT8 else x.to(dtype)
    if layout == "strided":
        return torch.zeros(count + 1, height, 4, 2 * width, dtype=dtype)[1:, :, :3, ::2].permute(0, 2, 1, 3).copy_(x)
    return x.contiguous(memory_format=torch.channels_last) if layout == "channels_last" else x


def both_ways(x: Tensor, rows: Augmentation, g: Tensor, backend: str, **options) -> tuple[Tensor, Tensor | None]:
    leaf = x.detach().requires_grad_(x.is_floating_point())
    y = augment(leaf, rows, mean=MEAN, std=STD, backend=backend, **options)
    return y.detach(), torch.autograd.grad(y, leaf, g)[0] if leaf.requires_grad else None


def assert_same(got: Tensor, wanted: Tensor, sets: list[tuple[str, ...]]) -> None:
    assert (got.dtype, got.stride()) == (wanted.dtype, wanted.stride())
    for ops, ours, theirs in zip(sets, got, wanted, strict=True):
        assert "contrast" in ops or torch.equal(ours, theirs), ops
    unit = torch.finfo(got.dtype).eps * 2.0 ** wanted.double().abs().amax(dim=(1, 2, 3)).log2().floor()
    assert ((got.double() - wanted.double()).abs().amax(dim=(1, 2, 3)) <= unit).all()


@pytest.mark.parametrize(("height", "width", "dtype", "result", "layout", "channels_last", "sets"), CASES)
def test_the_kernels_do_what_the_reference_does(height, width, dtype, result, layout, channels_last, sets):
    x, rows = images(len(sets), height, width, dtype, layout), random_omega(100 * height + width, sets, height, width)
    g = photos(1, len(sets), height, width).to(result)
    options = {"dtype": result, "channels_last": channels_last}
    wanted = both_ways(x, rows, g, "reference", **options)
    with watched() as watch, poisoned():
        got = both_ways(x, rows, g, "triton", **options)
    for ours, theirs in zip(got, wanted, strict=True):
        if theirs is not None:
            assert_same(ours, theirs, sets)
            watch.assert_each_stored_once(ours)
    assert watch.launches == (2 if dtype == UINT8 else 4)
    assert watch.atomics == 0


@pytest.mark.parametrize("ops", [OPS, ("brightness", "saturation")], ids=["everything", "color"])
def test_one_image_and_two_runs(ops):
    x, row = photos(2, 1, 2, 130), random_omega(0, [ops], 2, 130)
    g = photos(3, 1, 2, 130)
    (y, grad), again = (both_ways(x, row, g, "triton") for _ in range(2))
    assert torch.equal(y, again[0]) and torch.equal(grad, again[1])
    wanted = both_ways(x, row, g, "reference")
    torch.testing.assert_close(y, wanted[0], rtol=0, atol=2e-6)
    torch.testing.assert_close(grad, wanted[1], rtol=0, atol=2e-6)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "strided"])
@pytest.mark.parametrize("dtype", [FP32, BF16, UINT8])
def test_image_means(dtype, layout):
    x = images(3, 5, 3, dtype, layout)
    with watched() as watch, poisoned():
        got = image_means(x, mean=MEAN, std=STD, backend="triton")
    torch.testing.assert_close(got, image_means(x, mean=MEAN, std=STD, backend="reference"), rtol=1e-6, atol=1e-6)
    watch.assert_each_stored_once(got)


def test_given_means_save_the_launch_that_computes_them():
    x, row = photos(5, 1, 3, 4), random_omega(5, [("contrast", "crop")], 3, 4)
    means = image_means(x, mean=MEAN, std=STD, backend="triton")
    with watched() as watch:
        got = augment(x, row, mean=MEAN, std=STD, means=means, backend="triton")
    assert watch.launches == 1
    assert torch.equal(got, augment(x, row, mean=MEAN, std=STD, backend="triton"))


@pytest.mark.parametrize("means", [torch.arange(8.0)[::2], torch.ones(1).expand(4), torch.arange(4.0).double()])
def test_means_may_lie_anyhow_in_memory(means):
    x, rows = photos(5, 4, 3, 4), random_omega(304, [("contrast",)] * 4, 3, 4)
    got, wanted = (augment(x, rows, means=means, backend=backend) for backend in ("triton", "reference"))
    assert torch.equal(got, wanted)


def test_pixels_that_stay_are_read_and_written_once():
    x, rows = photos(4, 2, 6, 8), omega({"ops": ("brightness",)}, {"ops": ("cutout",)})
    with watched() as watch:
        y = augment(x, rows, backend="triton")
    assert watch.bytes_loaded(x) == watch.bytes_stored(y) == x.numel() * 4


def test_what_kernels_do_not_take_is_named():
    x, identity = photos(0, 2, 3, 3), Augmentation.identity(2)
    with pytest.raises(KernelInputError, match=r"got torch\.float64"):
        augment(x.double(), identity, backend="triton")
    with pytest.raises(KernelInputError, match=r"got 2 channels, computed in torch\.float32, wanted 3"):
        augment(x[:, :2], identity, backend="triton")
    with pytest.raises(KernelInputError, match=r"computed in torch\.float64"):
        augment(x, identity, dtype=torch.float64, backend="triton")
