"""Class statistics of local patches: DSA, random local features, spatial mean and class mean in one op."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augment import image_means
from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.plan import plan_of
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.kernels.class_statistics.filter_bank import NONLINEARITIES, FilterBank, Nonlinearity
from gsdd.kernels.class_statistics.reference import class_statistics_backward_reference, class_statistics_reference
from gsdd.kernels.image_checks import channel_numbers, check_images, check_omega, placed, takes_kernel


def class_statistics(
    images: Tensor,
    augmentation: Augmentation,
    frequencies: Tensor,
    phases: Tensor,
    counts: Sequence[int],
    *,
    stride: int = 3,
    nonlinearity: Nonlinearity = "fourier",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    means: Tensor | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Average a random feature of local patches over each augmented image and each class; differentiable in the images.

    Feature d of a patch p is sqrt(2) cos(w_d . p + b_d), so that the statistic is the empirical characteristic function
    of the class's patches, or max(w_d . p + b_d, 0). Neither augmented images nor feature maps are kept in memory: the
    backward pass computes them again.

    Args:
        images: uint8 (divided by 255 first) or floating `[N, C, H, W]`, any strides, class after class; kernels
            take C = 3.
        augmentation: omega, one row an image.
        frequencies: w, floating `[D, C, P, P]`, any strides; gets no gradient.
        phases: b, floating `[D]`, in radians; gets no gradient.
        counts: images of each class, all at least 1, summing to N; ones give the features of each image.
        stride: pixels from a patch to the next; patches lie fully inside the image.
        nonlinearity: `fourier` (cosine) or `relu`.
        mean: subtracted from the images before DSA, a channel; None subtracts nothing.
        std: divided by before DSA, a channel; None divides by nothing.
        means: `image_means` of the images with the same mean and std, `[N]`, for contrast; None computes them.
        backend: `reference`, `triton`, or what suits the images.

    Returns:
        `[len(counts), D]`, float32; float64 for float64 images. The gradient to the images is contiguous, and has no
        gradient of its own.

    Raises:
        KernelInputError: tensors that the op does not take, an empty class, or images smaller than a patch.

    Source: random Fourier features, Rahimi and Recht, NIPS 2007; matching of local patches for SR condensation, Peng et
    al., arXiv 2505.21099; DSA, Zhao and Bilen, ICML 2021.
    """
    check_images("class_statistics", images)
    _check_bank(images, frequencies, phases, stride, nonlinearity)
    check_omega("class_statistics", images, augmentation, means)
    _check_counts(images, counts)
    mean, std = channel_numbers(images, "mean", mean), channel_numbers(images, "std", std)
    compute = torch.float64 if images.dtype == torch.float64 else torch.float32
    rows = plan_of(augmentation, images.shape[2], images.shape[3], compute).to(images.device)
    sizes = torch.tensor(list(counts))
    owners = torch.arange(len(sizes)).repeat_interleave(sizes, output_size=len(images)).to(images.device)
    starts = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]).to(images.device)
    if means is None and (backend == "triton" or (backend == "auto" and images.is_cuda)):
        means = image_means(images.detach(), mean=mean, std=std, backend=backend)
    ops = augmentation.ops.to(images.device).contiguous()
    statistics: Tensor = _class_statistics(
        images,
        ops,
        rows,
        placed(means, rows),
        frequencies,
        phases,
        owners,
        starts,
        mean,
        std,
        stride,
        nonlinearity,
        backend,
    )
    return statistics


def _check_bank(images: Tensor, frequencies: Tensor, phases: Tensor, stride: int, nonlinearity: str) -> None:
    channels, size = images.shape[1], frequencies.shape
    square = len(size) == 4 and size[1] == channels and size[2] == size[3]
    if not square or phases.shape != size[:1] or 0 in size:
        raise KernelInputError(
            f"class_statistics: got frequencies {tuple(frequencies.shape)} and phases {tuple(phases.shape)}, wanted "
            f"[D, {channels}, P, P] and [D]"
        )
    if not (frequencies.is_floating_point() and phases.is_floating_point()):
        raise KernelInputError(
            f"class_statistics: got frequencies {frequencies.dtype} and phases {phases.dtype}, wanted floating ones"
        )
    if frequencies.requires_grad or phases.requires_grad:
        raise KernelInputError(
            "class_statistics: got frequencies or phases that want a gradient, wanted fixed ones; detach them"
        )
    if stride < 1 or nonlinearity not in NONLINEARITIES:
        raise KernelInputError(
            f"class_statistics: got stride {stride} and nonlinearity {nonlinearity!r}, wanted a stride of at least 1 "
            f"and one of {NONLINEARITIES}"
        )
    if min(images.shape[2:]) < frequencies.shape[2]:
        raise KernelInputError(
            f"class_statistics: got images of {tuple(images.shape[2:])}, wanted at least the patch, "
            f"{tuple(frequencies.shape[2:])}; use larger images or smaller filters"
        )


def _check_counts(images: Tensor, counts: Sequence[int]) -> None:
    total = images.shape[0]
    if not all(isinstance(count, int) for count in counts) or sum(counts) != total or min(counts, default=0) < 1:
        raise KernelInputError(
            f"class_statistics: got class counts {tuple(counts)} for {total} images, wanted counts of at least 1 that "
            "sum to it; leave empty classes out"
        )


@torch.library.custom_op("gsdd::class_statistics", mutates_args=())
def _class_statistics(
    images: Tensor,
    ops: Tensor,
    plan: Tensor,
    means: Tensor | None,
    frequencies: Tensor,
    phases: Tensor,
    owners: Tensor,
    starts: Tensor,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    stride: int,
    nonlinearity: str,
    backend: str,
) -> Tensor:
    batch = Batch(images, ops, plan, Normalisation(mean, std), means)
    bank = FilterBank(frequencies, phases, stride, nonlinearity)
    if not takes_kernel("class_statistics", backend, images, plan.dtype):
        return class_statistics_reference(batch, bank, owners, starts)
    from gsdd.kernels.class_statistics.triton import class_statistics_launches

    out = plan.new_empty(len(starts) - 1, bank.filters)
    for launch in class_statistics_launches(batch, bank, starts, out):
        launch.run()
    return out


@_class_statistics.register_fake
def _(images: Tensor, ops: Tensor, plan: Tensor, *rest: Any) -> Tensor:
    _, frequencies, _, _, starts, *_ = rest
    return plan.new_empty(starts.shape[0] - 1, frequencies.shape[0])


@torch.library.custom_op("gsdd::class_statistics_backward", mutates_args=())
def _class_statistics_backward(
    grad: Tensor,
    images: Tensor,
    ops: Tensor,
    plan: Tensor,
    means: Tensor | None,
    frequencies: Tensor,
    phases: Tensor,
    owners: Tensor,
    starts: Tensor,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    stride: int,
    nonlinearity: str,
    backend: str,
) -> Tensor:
    batch = Batch(images, ops, plan, Normalisation(mean, std), means)
    bank = FilterBank(frequencies, phases, stride, nonlinearity)
    if not takes_kernel("class_statistics", backend, images, plan.dtype):
        return class_statistics_backward_reference(grad, batch, bank, owners, starts)
    from gsdd.kernels.class_statistics.triton_backward import class_statistics_backward_launches

    out = _gradient_like(images)
    for launch in class_statistics_backward_launches(grad, batch, bank, owners, starts, out):
        launch.run()
    return out


@_class_statistics_backward.register_fake
def _(grad: Tensor, images: Tensor, *rest: Any) -> Tensor:
    return _gradient_like(images)


def _gradient_like(images: Tensor) -> Tensor:
    return torch.empty(images.shape, dtype=images.dtype, device=images.device)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:8])
    ctx.rest = inputs[8:]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    wanted = ctx.needs_input_grad[0]
    back = _class_statistics_backward(grad, *ctx.saved_tensors, *ctx.rest) if wanted else None
    return back, *[None] * 12


_class_statistics.register_autograd(_backward, setup_context=_keep)
