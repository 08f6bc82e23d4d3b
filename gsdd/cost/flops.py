"""Floating-point operations of G and psi, counted while they run; a multiplication and an addition are two."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gsdd.cost.workload import Passes
from gsdd.features.extractor import FeatureExtractor
from gsdd.generators.generator import CHANNELS, Generator

Shape = tuple[int, ...]


def count_flops(work: Callable[[], object]) -> int:
    """Run something and count its FLOPs, forward and backward.

    Args:
        work: what to run.

    Returns:
        FLOPs of products and convolutions; what is done element by element counts as none.
    """
    formulas = {
        torch.ops.gsdd.class_statistics: _class_statistics,
        torch.ops.gsdd.class_statistics_backward: _class_statistics_backward,
    }
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        work()
    return int(counter.get_total_flops())


def image_flops(generator: Generator, psi: FeatureExtractor, hr_size: int) -> Passes:
    """Count the FLOPs of one image of a run, by making and seeing it once.

    Args:
        generator: G.
        psi: with any theta.
        hr_size: side of the image in pixels.

    Returns:
        FLOPs for an image, each way.
    """
    z = torch.full((1, *generator.latent_shape(hr_size)), 0.5, device=generator.device)
    image = torch.full((1, CHANNELS, hr_size, hr_size), 0.5, device=generator.device)
    return Passes(*_there_and_back(generator.frozen, z), *_there_and_back(psi, image))


def _there_and_back(function: Callable[[Tensor], Tensor], value: Tensor) -> tuple[int, int]:
    results: list[Tensor] = []
    forward = count_flops(lambda: results.append(function(value.requires_grad_(True))))
    return forward, count_flops(lambda: results[0].sum().backward())


def _class_statistics(images: Shape, *others: Shape | int, out_shape: Shape) -> int:
    frequencies, stride = others[5], others[9]
    return _projections(images, frequencies, stride)


def _class_statistics_backward(grad: Shape, images: Shape, *others: Shape | int, out_shape: Shape) -> int:
    """The projections are made again, and go back through the transpose."""
    frequencies, stride = others[3], others[9]
    return 2 * _projections(images, frequencies, stride)


def _projections(images: Shape, frequencies: Shape | int, stride: Shape | int) -> int:
    assert isinstance(frequencies, tuple)
    assert isinstance(stride, int)
    patches = prod((side - frequencies[2]) // stride + 1 for side in images[2:])
    return 2 * images[0] * patches * prod(frequencies)
