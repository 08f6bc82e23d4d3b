"""Class statistics of local patches: DSA, random local features, spatial mean and class mean in one op."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augment import contrast_means
from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.plan import Planned, plan_for
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.kernels.class_statistics.filter_bank import NONLINEARITIES, PRODUCTS, FilterBank, Nonlinearity, Products
from gsdd.kernels.class_statistics.reference import class_statistics_backward_reference, class_statistics_reference
from gsdd.kernels.image_checks import channel_numbers, check_images, placed, takes_kernel
from gsdd.kernels.upload import uploaded

Method = Literal["auto", "patches", "convolution"]
METHODS: tuple[str, ...] = get_args(Method)


def class_statistics(
    images: Tensor,
    augmentation: Augmentation | Planned,
    frequencies: Tensor,
    phases: Tensor,
    counts: Sequence[int],
    *,
    stride: int = 3,
    nonlinearity: Nonlinearity = "fourier",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    means: Tensor | None = None,
    products: Products = "fp32",
    method: Method = "auto",
    backend: Backend = "auto",
) -> Tensor:
    """Average a random feature of local patches over each augmented image and each class; differentiable in the images.

    Feature d of a patch p is sqrt(2) cos(w_d . p + b_d), so that the statistic is the empirical characteristic function
    of the class's patches, or max(w_d . p + b_d, 0). Neither augmented images nor feature maps are kept in memory: the
    backward pass computes them again.

    Args:
        images: uint8 (divided by 255 first) or floating `[N, C, H, W]`, any strides, class after class; kernels
            take C = 3.
        augmentation: omega, one row an image; worked out beforehand where it is used again.
        frequencies: w, floating `[D, C, P, P]`, any strides; gets no gradient.
        phases: b, floating `[D]`, in radians; gets no gradient.
        counts: images of each class, all at least 1, summing to N; ones give the features of each image.
        stride: pixels from a patch to the next; patches lie fully inside the image.
        nonlinearity: `fourier` (cosine) or `relu`.
        mean: subtracted from the images before DSA, a channel; None subtracts nothing.
        std: divided by before DSA, a channel; None divides by nothing.
        means: `image_means` of the images with the same mean and std, `[N]`, for contrast; None computes them.
        products: what kernels multiply patches and filters in: `fp32`, or `tf32`, which rounds both to 2^-11 of their
            size and takes a third of the time; float64 images are always exact.
        method: of the kernels: `patches` gathers and multiplies them itself, `convolution` writes the feature maps of a
            slice of the images by cuDNN's convolution, in the precision of torch's flags; `auto` is the first.
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
    _check_bank(images, frequencies, phases)
    _check_options(stride, nonlinearity, products, method)
    _check_counts(images, counts)
    mean, std = channel_numbers(images, "mean", mean), channel_numbers(images, "std", std)
    compute = torch.float64 if images.dtype == torch.float64 else torch.float32
    plan = plan_for("class_statistics", images, augmentation, means, compute)
    if means is None and (backend == "triton" or (backend == "auto" and images.is_cuda)):
        means = contrast_means(images.detach(), plan.ops, mean, std, backend)
    statistics: Tensor = _class_statistics(
        images,
        plan.ops,
        plan.rows,
        placed(means, plan.rows),
        frequencies,
        phases,
        list(counts),
        mean,
        std,
        stride,
        nonlinearity,
        products,
        method,
        backend,
    )
    return statistics


# At each step of a loop the counts are those of the step before.
@lru_cache(maxsize=64)
def _classes(counts: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Class of each image, and the first image of each class with the number of all."""
    sizes = torch.tensor(counts)
    owners = torch.arange(len(sizes)).repeat_interleave(sizes, output_size=sum(counts))
    return uploaded(owners, device), uploaded(torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]), device)


def _check_bank(images: Tensor, frequencies: Tensor, phases: Tensor) -> None:
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
            "class_statistics: got frequencies or phases that require a gradient, wanted fixed ones; detach them"
        )
    if min(images.shape[2:]) < frequencies.shape[2]:
        raise KernelInputError(
            f"class_statistics: got images of {tuple(images.shape[2:])}, wanted at least the patch, "
            f"{tuple(frequencies.shape[2:])}; use larger images or smaller filters"
        )


def _check_options(stride: int, nonlinearity: str, products: str, method: str) -> None:
    if stride < 1 or nonlinearity not in NONLINEARITIES:
        raise KernelInputError(
            f"class_statistics: got stride {stride} and nonlinearity {nonlinearity!r}, wanted a stride of at least 1 "
            f"and one of {NONLINEARITIES}"
        )
    if products not in PRODUCTS:
        raise KernelInputError(f"class_statistics: products: got {products!r}, wanted one of {PRODUCTS}")
    if method not in METHODS:
        raise KernelInputError(f"class_statistics: method: got {method!r}, wanted one of {METHODS}")


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
    counts: Sequence[int],
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    stride: int,
    nonlinearity: str,
    products: str,
    method: str,
    backend: str,
) -> Tensor:
    batch = Batch(images, ops, plan, Normalisation(mean, std), means)
    bank = FilterBank(frequencies, phases, stride, nonlinearity, products)
    owners, starts = _classes(tuple(counts), images.device)
    if not takes_kernel("class_statistics", backend, images, plan.dtype):
        return class_statistics_reference(batch, bank, owners, starts)
    out = plan.new_empty(len(starts) - 1, bank.filters)
    if method == "convolution":
        from gsdd.kernels.class_statistics.triton_convolution import class_statistics_by_convolution

        class_statistics_by_convolution(batch, bank, starts, out)
        return out
    from gsdd.kernels.class_statistics.triton import class_statistics_launches

    for launch in class_statistics_launches(batch, bank, starts, out):
        launch.run()
    return out


@_class_statistics.register_fake
def _(images: Tensor, ops: Tensor, plan: Tensor, *rest: Any) -> Tensor:
    _, frequencies, _, counts, *_ = rest
    return plan.new_empty(len(counts), frequencies.shape[0])


@torch.library.custom_op("gsdd::class_statistics_backward", mutates_args=())
def _class_statistics_backward(
    grad: Tensor,
    images: Tensor,
    ops: Tensor,
    plan: Tensor,
    means: Tensor | None,
    frequencies: Tensor,
    phases: Tensor,
    counts: Sequence[int],
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    stride: int,
    nonlinearity: str,
    products: str,
    method: str,
    backend: str,
) -> Tensor:
    batch = Batch(images, ops, plan, Normalisation(mean, std), means)
    bank = FilterBank(frequencies, phases, stride, nonlinearity, products)
    owners, starts = _classes(tuple(counts), images.device)
    if not takes_kernel("class_statistics", backend, images, plan.dtype):
        return class_statistics_backward_reference(grad, batch, bank, owners, starts)
    out = _gradient_like(images)
    if method == "convolution":
        from gsdd.kernels.class_statistics.triton_convolution import class_statistics_backward_by_convolution

        class_statistics_backward_by_convolution(grad, batch, bank, owners, starts, out)
        return out
    from gsdd.kernels.class_statistics.triton_backward import class_statistics_backward_launches

    for launch in class_statistics_backward_launches(grad, batch, bank, owners, starts, out):
        launch.run()
    return out


@_class_statistics_backward.register_fake
def _(grad: Tensor, images: Tensor, *rest: Any) -> Tensor:
    return _gradient_like(images)


def _gradient_like(images: Tensor) -> Tensor:
    return torch.empty(images.shape, dtype=images.dtype, device=images.device)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:6])
    ctx.rest = inputs[6:]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    wanted = ctx.needs_input_grad[0]
    back = _class_statistics_backward(grad, *ctx.saved_tensors, *ctx.rest) if wanted else None
    return back, *[None] * 13


_class_statistics.register_autograd(_backward, setup_context=_keep)
