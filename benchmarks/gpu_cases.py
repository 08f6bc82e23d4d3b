"""The cases of device.py: every op of gsdd.kernels with its inputs, its baselines, and the bytes that it must move."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import compositions
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.distill.omega import Dsa
from gsdd.kernels.augment import augment, image_means
from gsdd.kernels.augmentation import STRATEGIES, Augmentation
from gsdd.kernels.class_statistics import class_statistics
from gsdd.kernels.matching import class_means, matching
from gsdd.kernels.sign_activation import sign_activation

PATCH, STRIDE = 7, 3
CHANNELS = 64
LAM = 0.1
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FLOATS = (torch.float32, torch.bfloat16)


@dataclass(frozen=True)
class Case:
    """One op on one input.

    Attributes:
        op: name of the op.
        name: what the input is.
        x: the input that a gradient is wanted of; uint8 has none.
        run: the op, given x and a backend.
        composed: the obvious composition of torch ops, given x.
        forward_bytes: that must move on the way forward: inputs read once, results written once.
        backward_bytes: the same on the way back.
        tolerance: of the largest difference from the composition, as a part of the largest value.
    """

    op: str
    name: str
    x: Tensor
    run: Callable[[Tensor, str], Tensor]
    composed: Callable[[Tensor], Tensor]
    forward_bytes: int
    backward_bytes: int
    tolerance: float


@dataclass(frozen=True)
class Scale:
    """How large the inputs are.

    Attributes:
        sides: of square images, in pixels.
        pixels: of all images of a batch together, at most; at least 2 images.
        rows: features of `matching`.
        filters: of `class_statistics`.
        omegas: which augmentations, see `_omegas`.
        device: where they lie.
    """

    sides: tuple[int, ...]
    pixels: int
    rows: int
    filters: int
    omegas: tuple[str, ...]
    device: torch.device

    def images(self, side: int) -> int:
        """Images a batch, an even number."""
        return max(self.pixels // side**2 // 2, 1) * 2


MIXED, ALL = "one of six an image", "all six"
COMPARED = Scale((65, 128), 2**17, 511, 100, (*STRATEGIES, MIXED, ALL), torch.device("cuda"))
PRODUCT = Scale((128,), 2**22, 4096, 512, (MIXED,), torch.device("cuda"))
DRY = Scale((10,), 0, 8, 16, (MIXED,), torch.device("cpu"))


def cases(scale: Scale) -> Iterator[Case]:
    """Yield every case.

    Args:
        scale: sizes and device.

    Yields:
        Cases, op by op, small images first.
    """
    for side in scale.sides:
        yield from _augment_cases(scale, side)
        yield from _statistics_cases(scale, side)
        yield from _activation_cases(scale, side)
    yield from _matching_cases(scale)


def _nbytes(*tensors: Tensor) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _normal(scale: Scale, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    stream = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=stream).to(scale.device, dtype)


def _omega(count: int, side: int, strategies: tuple[str, ...], mode: str, device: torch.device) -> Augmentation:
    """Every image its own draw."""
    dsa, stream = Dsa(strategies, mode), np.random.default_rng(0)
    drawn = [dsa.draw(stream, side, side) for _ in range(count)]
    return Augmentation(torch.cat([one.ops for one in drawn]), torch.cat([one.values for one in drawn])).to(device)


def _omegas(scale: Scale, side: int) -> Iterator[tuple[str, Augmentation]]:
    for name in scale.omegas:
        strategies = (name,) if name in STRATEGIES else tuple(STRATEGIES)
        mode = "multiple" if name == ALL else "single"
        yield name, _omega(scale.images(side), side, strategies, mode, scale.device)


def _augment_cases(scale: Scale, side: int) -> Iterator[Case]:
    count = scale.images(side)
    for dtype in FLOATS:
        x = _normal(scale, count, 3, side, side, dtype=dtype)
        for name, omega in _omegas(scale, side):
            # Contrast needs the mean of an image before its first pixel can be written: one more read.
            reads = 2 if name in ("color", ALL) else 1
            yield Case(
                op="augment",
                name=f"{count} x 3 x {side} x {side}, {_short(dtype)}, {name}",
                x=x,
                run=lambda x, backend, omega=omega: augment(x, omega, backend=backend),
                composed=lambda x, omega=omega: compositions.augment(x.float(), omega).to(x.dtype),
                forward_bytes=(reads + 1) * _nbytes(x),
                backward_bytes=(reads + 1) * _nbytes(x),
                tolerance=_tolerance(dtype),
            )
    yield _from_bytes(scale, side)


def _from_bytes(scale: Scale, side: int) -> Case:
    """Stored photos to what psi takes: uint8 in, normalised bf16 in channels_last out."""
    count, device = scale.images(side), scale.device
    x = (_normal(scale, count, 3, side, side) * 50 + 128).clamp(0, 255).to(torch.uint8)
    omega = _omega(count, side, ("crop", "flip"), "multiple", device)
    mean, std = (torch.tensor(numbers, device=device).view(3, 1, 1) for numbers in (MEAN, STD))

    def composed(x: Tensor) -> Tensor:
        augmented = compositions.augment((x.float() / 255 - mean) / std, omega)
        return augmented.to(torch.bfloat16, memory_format=torch.channels_last)

    def run(x: Tensor, backend: str) -> Tensor:
        kind = {"dtype": torch.bfloat16, "channels_last": True}
        return augment(x, omega, mean=MEAN, std=STD, backend=backend, **kind)

    name = f"{count} x 3 x {side} x {side}, uint8 to bf16 NHWC, crop and flip"
    return Case("augment", name, x, run, composed, 3 * _nbytes(x), 0, _tolerance(torch.bfloat16))


def _statistics_cases(scale: Scale, side: int) -> Iterator[Case]:
    count = scale.images(side)
    counts = (count // 2,) * 2
    frequencies, phases = _normal(scale, scale.filters, 3, PATCH, PATCH) * 0.1, _normal(scale, scale.filters)
    result = 4 * len(counts) * scale.filters
    for dtype in FLOATS:
        x = _normal(scale, count, 3, side, side, dtype=dtype)
        for name, omega in _omegas(scale, side):
            means = image_means(x)
            yield Case(
                op="class_statistics",
                name=f"{count} x 3 x {side} x {side}, {_short(dtype)}, {scale.filters} filters, {name}",
                x=x,
                run=lambda x, backend, omega=omega, means=means: class_statistics(
                    x, omega, frequencies, phases, counts, stride=STRIDE, means=means, backend=backend
                ),
                composed=lambda x, omega=omega: compositions.class_statistics(
                    x.float(), omega, frequencies, phases, counts, STRIDE
                ),
                forward_bytes=_nbytes(x, frequencies) + result,
                backward_bytes=2 * _nbytes(x) + _nbytes(frequencies) + result,
                tolerance=_tolerance(dtype),
            )


def _activation_cases(scale: Scale, side: int) -> Iterator[Case]:
    """Maps of a compact generator's width, a quarter as many pixels as an augmented batch."""
    count = max(scale.images(side) // 4, 1)
    slopes = torch.linspace(0.1, 0.3, CHANNELS)
    for dtype in FLOATS:
        x, of_channel = _normal(scale, count, CHANNELS, side, side, dtype=dtype), slopes.to(scale.device, dtype)
        baselines: dict[str, tuple[float | Tensor, Callable[[Tensor], Tensor]]] = {
            "ReLU": (0.0, F.relu),
            "LeakyReLU": (0.2, lambda x: F.leaky_relu(x, 0.2)),
            "PReLU": (of_channel, lambda x, slopes=of_channel: F.prelu(x, slopes)),
        }
        for name, (slope, composed) in baselines.items():
            yield Case(
                op="sign_activation",
                name=f"{count} x {CHANNELS} x {side} x {side}, {_short(dtype)}, {name}",
                x=x,
                run=lambda x, backend, slope=slope: sign_activation(x, slope, backend=backend),
                composed=composed,
                forward_bytes=2 * _nbytes(x) + x.numel() // 8,
                backward_bytes=2 * _nbytes(x) + x.numel() // 8,
                tolerance=0.0,
            )


def _matching_cases(scale: Scale) -> Iterator[Case]:
    counts, width = (scale.rows // 2, scale.rows // 4, scale.rows // 8, scale.rows // 8), 512
    real = _normal(scale, len(counts), width)
    for dtype in FLOATS:
        rows = _normal(scale, scale.rows, width, dtype=dtype)
        maps = _normal(scale, scale.rows, width // 8, 4, 4, dtype=dtype)
        for x in (rows, maps):
            pairs, of_real = _normal(scale, *x.shape[:2], dtype=dtype).neg(), real[:, : x.shape[1]]
            small = _nbytes(of_real) * 2 + 8 * len(counts)
            kept = 4 * pairs.numel() if x.ndim == 4 else _nbytes(x)
            shape = f"{' x '.join(map(str, x.shape))}, {_short(dtype)}"
            yield Case(
                op="matching",
                name=f"{shape}, with R",
                x=x,
                run=lambda x, backend, pairs=pairs, real=of_real: (
                    matching(x, counts, real, pairs, LAM, backend=backend).total
                ),
                composed=lambda x, pairs=pairs, real=of_real: compositions.matching(
                    x.float(), counts, real, pairs.float(), LAM
                ),
                forward_bytes=_nbytes(x, pairs) + small,
                backward_bytes=_nbytes(x, pairs) + kept + small,
                tolerance=_tolerance(dtype),
            )
            yield Case(
                op="class_means",
                name=shape,
                x=x,
                run=lambda x, backend: class_means(x, counts, backend=backend),
                composed=lambda x: compositions.class_means(x.float(), counts),
                forward_bytes=_nbytes(x) + small // 2,
                backward_bytes=_nbytes(x) + small // 2,
                tolerance=_tolerance(dtype),
            )


def _short(dtype: torch.dtype) -> str:
    return {torch.float32: "fp32", torch.bfloat16: "bf16"}[dtype]


def _tolerance(dtype: torch.dtype) -> float:
    """bf16 has 8 bits; fp32 cases differ by the order of sums and the rounding of grids."""
    return 2**-6 if dtype == torch.bfloat16 else 1e-3
