"""class_statistics is augment, convolution, nonlinearity, spatial mean and class mean in one op."""

import math
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from alike import assert_alike, assert_compiles
from dsa_formulas import random_omega
from interpreter import watched
from memory import allocations, peak_bytes, poisoned
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augment import augment, image_means
from gsdd.kernels.augmentation import OPS, Augmentation, Column
from gsdd.kernels.class_statistics import class_statistics

# Statistics are means of at most sqrt(2): float32 keeps 6e-8 of an angle of some 10 rad, and sums differ in order.
# The gradient is relative to its largest element; narrow ones are rounded once, to half a unit in the last place.
STATISTICS = 5e-6
GRADIENT = {
    torch.float64: 1e-11,
    torch.float32: 1e-5,
    torch.bfloat16: 2.0**-8 + 1e-5,
    torch.float16: 2.0**-11 + 1e-5,
}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EVERY = [[], *[[name] for name in OPS], list(OPS)]


def omega(height: int, width: int, *names: Sequence[str]) -> Augmentation:
    """Every op of DSA has parameters for each image; `names` tells which act."""
    return random_omega(len(names), [tuple(some) for some in names], height, width)


def photos_of(count: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    x = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(height * width + count))
    return (x * 255).to(torch.uint8) if dtype == torch.uint8 else x.to(dtype)


def filters(number: int, patch: int) -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(number + patch)
    w = torch.randn(number, 3, patch, patch, generator=stream) / patch
    return w, 2 * math.pi * torch.rand(number, generator=stream)


def unfused(x: Tensor, augmentation: Augmentation, w: Tensor, b: Tensor, counts, stride: int, nonlinearity: str):
    """The same from ops that keep everything, in float64, with autograd's gradient."""
    mean, std = (torch.tensor(numbers, dtype=torch.float64).view(3, 1, 1) for numbers in (MEAN, STD))
    y = x.double() / 255 if x.dtype == torch.uint8 else x.double()
    y = (y - mean) / std
    y = F.conv2d(augment(y, augmentation, backend="reference"), w.double(), b.double(), stride=stride)
    y = math.sqrt(2) * y.cos() if nonlinearity == "fourier" else y.clamp(min=0)
    return torch.stack([part.mean(dim=0) for part in y.mean(dim=(2, 3)).split(list(counts))])


def fused(x: Tensor, augmentation: Augmentation, w: Tensor, b: Tensor, counts, **options) -> Tensor:
    return class_statistics(x, augmentation, w, b, counts, mean=MEAN, std=STD, **options)


def assert_equals_unfused(
    x: Tensor, augmentation, w, b, counts, stride=3, nonlinearity="fourier", backend="reference", **options
):
    """Compare values, and gradients where images can have one."""
    x.requires_grad_(x.is_floating_point())
    again = x.detach().double().requires_grad_(x.requires_grad) if x.requires_grad else x
    options |= {"stride": stride, "nonlinearity": nonlinearity, "backend": backend}
    got = fused(x, augmentation, w, b, counts, **options)
    wanted = unfused(again, augmentation, w, b, counts, stride, nonlinearity)
    assert got.dtype == (torch.float64 if x.dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(got.double(), wanted, rtol=0, atol=1e-12 if x.dtype == torch.float64 else STATISTICS)
    if not x.requires_grad:
        return
    upstream = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (wanted_grad,) = torch.autograd.grad(wanted, again, upstream)
    (got_grad,) = torch.autograd.grad(got, x, upstream.to(got.dtype))
    assert (got_grad.dtype, got_grad.shape) == (x.dtype, x.shape)
    scale = float(wanted_grad.abs().max()) or 1.0
    difference = (got_grad.double() - wanted_grad.double()).abs().max() / scale
    assert difference <= GRADIENT[x.dtype], float(difference)


class TestReference:
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.uint8])
    @pytest.mark.parametrize("nonlinearity", ["fourier", "relu"])
    @pytest.mark.parametrize(("patch", "stride"), [(7, 3), (5, 2), (3, 1), (1, 4), (3, 5)])
    def test_equals_the_unfused_composition(self, dtype, nonlinearity, patch, stride):
        x, w, b = photos_of(10, 13, 17, dtype), *filters(20, patch)
        assert_equals_unfused(x, omega(13, 17, *EVERY), w, b, (1, 4, 3, 2), stride, nonlinearity)

    @pytest.mark.parametrize("names", EVERY, ids="+".join)
    @pytest.mark.parametrize("nonlinearity", ["fourier", "relu"])
    def test_gradient_is_right_in_float64(self, names, nonlinearity):
        x, (w, b) = photos_of(1, 5, 4, torch.float64).requires_grad_(True), filters(3, 3)
        augmentation = omega(5, 4, names)
        assert torch.autograd.gradcheck(
            lambda images: fused(images, augmentation, w, b, (1,), stride=1, nonlinearity=nonlinearity), x
        )

    @pytest.mark.parametrize("elements", [1, 200, 700, 10**6])
    def test_the_size_of_a_block_changes_nothing(self, monkeypatch, elements):
        monkeypatch.setattr("gsdd.kernels.class_statistics.reference.BLOCK_ELEMENTS", elements)
        monkeypatch.setattr("gsdd.kernels.class_statistics.reference.AUGMENTED_BYTES", 30 * elements)
        assert_equals_unfused(photos_of(5, 13, 11), omega(13, 11, *EVERY[-5:]), *filters(6, 3), (2, 3), 2)

    def test_takes_much_less_memory_than_the_composition(self):
        x, (w, b) = photos_of(12, 64, 64).requires_grad_(True), filters(256, 7)
        augmentation = omega(64, 64, *[["rotate"]] * 12)

        def compose():
            projections = F.conv2d(augment(x, augmentation), w, b, stride=3)
            return torch.autograd.grad((math.sqrt(2) * projections.cos().mean(dim=(2, 3))).mean(dim=0).sum(), x)

        def fuse():
            return torch.autograd.grad(class_statistics(x, augmentation, w, b, (12,)).sum(), x)

        torch.testing.assert_close(fuse(), compose(), rtol=0, atol=1e-6)
        assert peak_bytes(fuse) < 0.5 * peak_bytes(compose)


class TestMeaning:
    def test_is_the_mean_cosine_of_projected_patches(self):
        x, (w, b) = photos_of(1, 8, 9), filters(2, 3)
        got = class_statistics(x, omega(8, 9, []), w, b, (1,), stride=2)
        patches = [x[0, :, i : i + 3, j : j + 3].flatten() for i in (0, 2, 4) for j in (0, 2, 4, 6)]
        for d in range(2):
            values = [math.sqrt(2) * math.cos(float(w[d].flatten() @ patch + b[d])) for patch in patches]
            assert float(got[0, d]) == pytest.approx(sum(values) / len(values), abs=1e-6)

    def test_a_class_has_the_mean_of_its_images(self):
        x, (w, b), augmentation = photos_of(6, 12, 10), filters(5, 3), omega(12, 10, *EVERY[-6:])
        each = fused(x, augmentation, w, b, (1,) * 6)
        both = fused(x, augmentation, w, b, (2, 4))
        torch.testing.assert_close(both, torch.stack([each[:2].mean(dim=0), each[2:].mean(dim=0)]), rtol=0, atol=1e-6)

    def test_given_means_are_used_by_contrast(self):
        x, (w, b), augmentation = photos_of(2, 12, 10), filters(5, 3), omega(12, 10, ["contrast"], list(OPS))
        given = image_means(x, mean=MEAN, std=STD)
        wanted = fused(x, augmentation, w, b, (2,))
        torch.testing.assert_close(fused(x, augmentation, w, b, (2,), means=given), wanted, rtol=0, atol=1e-6)
        assert not torch.allclose(fused(x, augmentation, w, b, (2,), means=given + 1), wanted, atol=1e-3)


class TestTriton:
    def test_every_op_of_dsa(self):
        x = photos_of(10, 7, 8)
        assert_equals_unfused(x, omega(7, 8, *EVERY), *filters(5, 3), (1, 5, 4), 2, backend="triton")

    @pytest.mark.parametrize("nonlinearity", ["fourier", "relu"])
    def test_the_filters_of_the_distiller(self, nonlinearity):
        w, b = filters(20, 7)
        w = w.contiguous(memory_format=torch.channels_last)
        assert_equals_unfused(photos_of(1, 12, 15), omega(12, 15, EVERY[-1]), w, b, (1,), 3, nonlinearity, "triton")

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.uint8])
    def test_narrow_types_are_computed_in_float32(self, dtype):
        x = photos_of(1, 9, 10, dtype)
        assert_equals_unfused(x, omega(9, 10, EVERY[-1]), *filters(4, 3), (1,), 2, backend="triton")

    @pytest.mark.parametrize(
        ("height", "width", "number", "patch", "stride"),
        [(17, 18, 3, 5, 4), (7, 7, 17, 7, 1), (1, 5, 2, 1, 1), (11, 10, 70, 4, 6), (10, 9, 2, 9, 1)],
    )
    def test_shapes_that_divide_by_nothing(self, height, width, number, patch, stride):
        x, augmentation = photos_of(1, height, width), omega(height, width, ["saturation", "flip"])
        assert_equals_unfused(x, augmentation, *filters(number, patch), (1,), stride, backend="triton")

    @pytest.mark.parametrize("scale", [0.4, 2.5])
    def test_a_strong_zoom(self, scale):
        augmentation = omega(10, 11, ["scale", "rotate"])
        augmentation.values[:, [Column.SCALE_X, Column.SCALE_Y]] = scale
        assert_equals_unfused(photos_of(1, 10, 11), augmentation, *filters(3, 3), (1,), 2, backend="triton")

    @pytest.mark.parametrize(
        "strided",
        [
            lambda x: x.contiguous(memory_format=torch.channels_last),
            lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
            lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
            lambda x: x[:, :1, :1, :1].expand_as(x),
        ],
        ids=["channels_last", "transposed", "every other column", "one pixel for all"],
    )
    def test_any_strides(self, strided):
        x, (w, b) = photos_of(1, 8, 9), filters(3, 3)
        augmentation, w, b = omega(8, 9, ["contrast", "crop"]), w.flip(0).transpose(2, 3), b.repeat(2)[::2]
        assert_equals_unfused(strided(x), augmentation, w, b, (1,), 2, backend="triton")

    def test_writes_each_element_once_and_reads_no_fresh_memory(self):
        x, (w, b), augmentation = (
            photos_of(2, 5, 18).requires_grad_(True),
            filters(3, 3),
            omega(5, 18, [], ["flip", "contrast"]),
        )
        with poisoned(), watched() as watch:
            y = fused(x, augmentation, w, b, (1, 1), stride=2, backend="triton")
            (grad,) = torch.autograd.grad(y.sum(), x)
        assert watch.kernels == [
            "image_means_kernel", "augment_kernel", "feature_sums_kernel", "class_sums_kernel",
            "augment_kernel", "patch_gradients_kernel", "pixel_gradients_kernel", "levels_kernel",
            "augment_backward_kernel",
        ]  # fmt: skip
        assert watch.atomics == 0
        watch.assert_each_stored_once(y)
        watch.assert_each_stored_once(grad)
        assert y.isfinite().all() and grad.isfinite().all()

    @pytest.mark.parametrize("nonlinearity", ["fourier", "relu"])
    def test_the_other_method_is_the_same_op(self, nonlinearity):
        x, augmentation = photos_of(3, 12, 15), omega(12, 15, EVERY[-1], ["rotate"], [])
        options = {"method": "convolution", "nonlinearity": nonlinearity}
        assert_equals_unfused(x, augmentation, *filters(20, 7), (1, 2), backend="triton", **options)

    def test_a_batch_in_slices_has_the_same_bits(self, monkeypatch):
        x, (w, b), augmentation = photos_of(3, 8, 6).requires_grad_(True), filters(3, 3), omega(8, 6, *EVERY[-3:])

        def run() -> tuple[Tensor, Tensor]:
            y = fused(x, augmentation, w, b, (1, 2), backend="triton")
            return y, torch.autograd.grad(y.square().sum(), x)[0]

        whole = run()
        for name in ("triton.AUGMENTED_BYTES", "triton_backward.SLICE_BYTES"):
            monkeypatch.setattr(f"gsdd.kernels.class_statistics.{name}", 1)
        assert all(map(torch.equal, run(), whole))

    def test_two_runs_give_equal_bits(self):
        x, (w, b), augmentation = photos_of(1, 5, 6), filters(3, 3), omega(5, 6, ["rotate", "contrast"])

        def run(images: Tensor) -> Tensor:
            return fused(images, augmentation, w, b, (1,), stride=2, backend="triton")

        assert_alike(run, run, x)


class TestMemory:
    """Of a slice of the batch: augmented images, and on the way back the gradient of their patches; sums of patches."""

    PATCHES, WIDTH = 8, 160  # 2 x 4 patches of 147 pixels fit into the image, in blocks of 128 and 32

    def made(self, monkeypatch, most_bytes: int) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """Shapes of all that forward and backward allocate."""
        for name in ("triton.AUGMENTED_BYTES", "triton_backward.SLICE_BYTES"):
            monkeypatch.setattr(f"gsdd.kernels.class_statistics.{name}", most_bytes)
        x, (w, b) = photos_of(4, 12, 16).requires_grad_(True), filters(6, 7)
        found = []
        with allocations() as record:
            y = class_statistics(x, omega(12, 16, *[[]] * 4), w, b, (2, 2), backend="triton")
        found.append(record.made)
        with allocations() as record:
            torch.autograd.grad(y, x, torch.ones(1).expand_as(y))
        found.append(record.made)
        return tuple([tuple(made.shape) for made in some] for some in found)

    @pytest.mark.parametrize("images", [1, 2, 4])
    def test_is_that_of_a_slice(self, monkeypatch, images):
        an_image = 4 * 3 * 12 * 16
        forward, _ = self.made(monkeypatch, images * an_image)
        assert (images, 3, 12, 16) in forward and (4, 1, 6) in forward
        _, backward = self.made(monkeypatch, images * (an_image + 4 * self.PATCHES * self.WIDTH))
        assert (images, 3, 12, 16) in backward and (images, self.PATCHES, self.WIDTH) in backward
        assert max(map(math.prod, backward)) <= max(images * self.PATCHES * self.WIDTH, 4 * 3 * 12 * 16)


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # raised by opcheck's own reading of .grad
@pytest.mark.parametrize("backend", ["reference", "triton"])
def test_torch_library_accepts_the_ops(backend):
    x, (w, b) = photos_of(2, 6, 7).requires_grad_(True), filters(3, 3)
    augmentation = omega(6, 7, ["contrast"], ["flip"])
    arguments = _arguments_of(x, augmentation, w, b, (1, 1), backend)
    assert set(torch.library.opcheck(torch.ops.gsdd.class_statistics.default, arguments).values()) == {"SUCCESS"}


def _arguments_of(x, augmentation, w, b, counts, backend) -> tuple:
    """What the public function hands to its op."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Caught(TorchDispatchMode):
        arguments = ()

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is torch.ops.gsdd.class_statistics.default:
                Caught.arguments = args
            return func(*args, **(kwargs or {}))

    with Caught():
        fused(x.detach(), augmentation, w, b, counts, backend=backend)
    return (x, *Caught.arguments[1:])


def test_means_and_ops_may_lie_anyhow_in_memory():
    x, (w, b), rows = photos_of(2, 6, 7), filters(3, 3), omega(6, 7, ["contrast"], ["contrast"])
    spread = Augmentation(rows.ops[:1].expand(2), rows.values)
    means = torch.tensor([0.25, 9.0, 0.5, 9.0])[::2].double()
    got, wanted = (fused(x, spread, w, b, (1, 1), means=means, backend=backend) for backend in ("triton", "reference"))
    torch.testing.assert_close(got, wanted, rtol=0, atol=2e-6)


@pytest.mark.parametrize("backend", ["reference", "triton"])
def test_torch_compile_accepts_it(backend):
    x, (w, b), augmentation = photos_of(2, 6, 7), filters(3, 3), omega(6, 7, ["contrast"], ["flip"])
    assert_compiles(lambda images: fused(images, augmentation, w, b, (1, 1), backend=backend), x)


class TestErrors:
    def test_wrong_inputs_are_named(self):
        x, (w, b), same = photos_of(2, 6, 7), filters(3, 3), omega(6, 7, [], [])
        wrong = {
            "leave empty classes out": lambda: class_statistics(x, same, w, b, (2, 0)),
            "for 2 images, wanted counts": lambda: class_statistics(x, same, w, b, (1,)),
            r"images of \(6, 7\), wanted at least the patch": lambda: class_statistics(x, same, *filters(3, 9), (2,)),
            "omega for 1 images, wanted 2": lambda: class_statistics(x, omega(6, 7, []), w, b, (2,)),
            "require a gradient": lambda: class_statistics(x, same, w.requires_grad_(), b, (2,)),
            r"wanted \[D, 3, P, P\] and \[D\]": lambda: class_statistics(x, same, w.detach(), b[:2], (2,)),
            r"floating \[N, C, H, W\]": lambda: class_statistics(x[0], same, w.detach(), b, (2,)),
            "stride of at least 1": lambda: class_statistics(x, same, w.detach(), b, (2,), stride=0),
            "'sine'": lambda: class_statistics(x, same, w.detach(), b, (2,), nonlinearity="sine"),
            "std: got": lambda: class_statistics(x, same, w.detach(), b, (2,), std=(1, 0, 1)),
            "got class counts": lambda: class_statistics(x, same, w.detach(), b, (1.5, 0.5)),
            r"frequencies \(\)": lambda: class_statistics(x, same, torch.zeros(()), b, (2,)),
            "means: got": lambda: class_statistics(x, same, w.detach(), b, (2,), means=torch.zeros(3)),
            "wanted one of": lambda: class_statistics(x.double(), same, w.detach(), b, (2,), backend="triton"),
        }
        for message, call in wrong.items():
            with pytest.raises(KernelInputError, match=message):
                call()
