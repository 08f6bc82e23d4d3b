"""DSA for a whole batch in one go, every image with its own parameters."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.plan import Planned, plan_for
from gsdd.kernels.augment.reference import augment_backward_reference, augment_reference, image_means_reference
from gsdd.kernels.augmentation import Augmentation, op_bits
from gsdd.kernels.backend import Backend
from gsdd.kernels.image_checks import channel_numbers, check_images, placed, takes_kernel


def augment(
    images: Tensor,
    augmentation: Augmentation | Planned,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    means: Tensor | None = None,
    dtype: torch.dtype | None = None,
    channels_last: bool = False,
    backend: Backend = "auto",
) -> Tensor:
    """Normalise, then apply A(., omega); differentiable in the images.

    In mode multiple the geometric ops are composed into one map and the image is resampled once.

    Args:
        images: uint8 (divided by 255 first) or floating `[N, C, H, W]`, any strides; kernels take C = 3.
        augmentation: omega, one row an image; worked out beforehand where it is used again.
        mean: subtracted, a channel; None subtracts nothing.
        std: divided by, a channel; None divides by nothing.
        means: `image_means` of the images with the same mean and std, `[N]`: contrast then need not compute them.
            Gradient flows to the images as if they were computed here, and none to `means`.
        dtype: of the result; None takes the images', or float32 for uint8. Narrow types are computed in float32 and
            rounded once.
        channels_last: memory format of the result.
        backend: `reference`, `triton`, or what suits the images.

    Returns:
        Augmented images `[N, C, H, W]`. Nothing is clamped; what crop, cutout, scale and rotate leave empty is zero,
        the mean colour. The gradient has the images' dtype and memory format; it has no gradient of its own.

    Raises:
        KernelInputError: tensors that an op does not take, or that do not belong together.

    Source: A in Eq. 7 and 8 of the GSDD paper; DSA as in Zhao and Bilen, ICML 2021, with align_corners=False.
    """
    dtype = dtype or (torch.float32 if images.dtype == torch.uint8 else images.dtype)
    check_images("augment", images)
    if not dtype.is_floating_point:
        raise KernelInputError(f"augment: dtype: got {dtype}, wanted a floating one")
    mean, std = channel_numbers(images, "mean", mean), channel_numbers(images, "std", std)
    compute = torch.float64 if torch.float64 in (images.dtype, dtype) else torch.float32
    plan = plan_for("augment", images, augmentation, means, compute)
    given = placed(means, plan.rows)
    result: Tensor = _augment(images, plan.ops, plan.rows, mean, std, given, dtype, channels_last, backend)
    return result


def image_means(
    images: Tensor,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Average each normalised image: what `augment` takes as `means`. Not differentiable.

    Args:
        images: uint8 (divided by 255 first) or floating `[N, C, H, W]`, any strides; kernels take C = 3.
        mean: subtracted, a channel; None subtracts nothing.
        std: divided by, a channel; None divides by nothing.
        backend: `reference`, `triton`, or what suits the images.

    Returns:
        `[N]`, float32; float64 for float64 images.

    Raises:
        KernelInputError: images that the op does not take.
    """
    check_images("image_means", images)
    mean, std = channel_numbers(images, "mean", mean), channel_numbers(images, "std", std)
    result: Tensor = _image_means(images, None, mean, std, backend)
    return result


def contrast_means(
    images: Tensor, ops: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None, backend: Backend
) -> Tensor:
    """Average the images on which contrast acts, as `image_means`; others may be 0.

    Args:
        images: as `image_means` takes them.
        ops: of a plan, int32 `[N]`.
        mean: subtracted, a channel, or None.
        std: divided by, a channel, or None.
        backend: `reference`, `triton`, or what suits the images.

    Returns:
        `[N]`, float32; float64 for float64 images.
    """
    result: Tensor = _image_means(images, ops, mean, std, backend)
    return result


def _like(images: Tensor, dtype: torch.dtype, channels_last: bool) -> Tensor:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return torch.empty(images.shape, dtype=dtype, device=images.device, memory_format=layout)


def _means_of(images: Tensor) -> Tensor:
    return images.new_empty(images.shape[0], dtype=torch.float64 if images.dtype == torch.float64 else torch.float32)


@torch.library.custom_op("gsdd::augment", mutates_args=())
def _augment(
    images: Tensor,
    ops: Tensor,
    plan: Tensor,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    means: Tensor | None,
    dtype: torch.dtype,
    channels_last: bool,
    backend: str,
) -> Tensor:
    out, batch = _like(images, dtype, channels_last), Batch(images, ops, plan, Normalisation(mean, std), means)
    if takes_kernel("augment", backend, images, plan.dtype):
        from gsdd.kernels.augment.triton import augment_launches

        for launch in augment_launches(batch, out):
            launch.run()
    else:
        augment_reference(batch, out)
    return out


def _fake(images: Tensor, *rest: Any) -> Tensor:
    *_, dtype, channels_last, _ = rest
    return _like(images, dtype, channels_last)


@torch.library.custom_op("gsdd::augment_backward", mutates_args=())
def _augment_backward(
    grad: Tensor,
    ops: Tensor,
    plan: Tensor,
    std: Sequence[float] | None,
    dtype: torch.dtype,
    channels_last: bool,
    backend: str,
) -> Tensor:
    out, batch = _like(grad, dtype, channels_last), Batch(grad, ops, plan, Normalisation(None, std))
    if takes_kernel("augment", backend, grad, plan.dtype):
        from gsdd.kernels.augment.triton_backward import augment_backward_launches

        for launch in augment_backward_launches(batch, out):
            launch.run()
    else:
        augment_backward_reference(batch, out)
    return out


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    images, ops, plan, _, std, _, _, _, backend = inputs
    ctx.save_for_backward(ops, plan)
    layout = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    ctx.arguments = (std, images.dtype, layout, backend)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return _augment_backward(grad, *ctx.saved_tensors, *ctx.arguments), *[None] * 8


_augment.register_fake(_fake)
_augment_backward.register_fake(_fake)
_augment.register_autograd(_backward, setup_context=_keep)


@torch.library.custom_op("gsdd::image_means", mutates_args=())
def _image_means(
    images: Tensor, ops: Tensor | None, mean: Sequence[float] | None, std: Sequence[float] | None, backend: str
) -> Tensor:
    out, normalisation = _means_of(images), Normalisation(mean, std)
    if takes_kernel("image_means", backend, images, out.dtype):
        from gsdd.kernels.augment.triton import image_means_launches

        if ops is None:
            ops = torch.full((len(images),), op_bits(["contrast"]), dtype=torch.int32, device=images.device)
        for launch in image_means_launches(images, ops, normalisation, out):
            launch.run()
    else:
        image_means_reference(images, normalisation, out)
    return out


@_image_means.register_fake
def _(images: Tensor, *rest: Any) -> Tensor:
    return _means_of(images)
