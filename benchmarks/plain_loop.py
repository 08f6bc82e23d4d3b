"""GSDD's loop as one would write it from the paper: the baseline of every ratio of docs/performance.md.

fp32, NCHW, autograd through G, every latent at every step, 64 fresh real crops a class and step out of memory, one
draw of (theta, omega) a step, Adam at a constant rate. Whoever edits this may only make it faster;
tests/benchmarks/test_plain_loop.py holds it to the objective of `gsdd.distill`.
"""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gsdd.data.degradation import to_float
from gsdd.distill.bank import DistillationSource
from gsdd.distill.spaces import Spaces, calibration_crops
from gsdd.features.local_fourier import STRIDE, LocalFourier
from gsdd.features.normalisation import MEAN, STD
from gsdd.features.resnet18 import calibrated_resnet18
from gsdd.generators.generator import Generator
from gsdd.kernels.augment import augment
from gsdd.kernels.augmentation import Augmentation
from gsdd.randomness import numpy_stream
from gsdd.recipe import Recipe

REAL_BATCH = 64
Psi = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Step:
    """What a step of the plain loop left.

    Attributes:
        latents: z after it, `[N, 3, h, w]`.
        loss: Eq. 9 before it.
        seconds: that it took.
    """

    latents: Tensor
    loss: float
    seconds: float


def plain_loop(
    source: DistillationSource, latents: Tensor, generator: Generator, spaces: Spaces, recipe: Recipe
) -> Iterator[Step]:
    """Minimise Eq. 9, a step an iteration.

    Args:
        source: real crops, pairs and classes.
        latents: z' of the inversion.
        generator: G.
        spaces: where (theta, omega) are drawn; the draws are those that a run without a bank makes.
        recipe: lambda and learning rate.

    Yields:
        Each step, without end.
    """
    device = generator.device
    network = copy.deepcopy(generator.network).to(memory_format=torch.contiguous_format)
    z = latents.clone().requires_grad_(True)
    adam = torch.optim.Adam([z], lr=recipe.matching.lr, betas=(0.9, 0.999))
    number = 0
    while True:
        began = time.perf_counter()
        psi, omegas = plain_psi(spaces, source, recipe, number), spaces.omega("training", number, source.class_names)
        adam.zero_grad()
        loss, first = 0.0, 0
        # Class by class, each with its own backward pass: the graph of one class of images at a time.
        for c, count in enumerate(source.counts):
            omega = omegas.take(torch.tensor([c]))
            rows = slice(first, first + count)
            with torch.no_grad():
                real = psi(augmented(real_batch(source, recipe, c, number).to(device), omega)).mean(dim=0)
                pairs = psi(augmented(to_float(source.starts[rows].to(device)), omega))
            made = psi(augmented(network(z[rows]), omega))
            l_dis, r = (made.mean(dim=0) - real).square().sum(), (made - pairs).square().sum(dim=1).mean()
            of_class = (1 - recipe.matching.lam) * l_dis + recipe.matching.lam * r
            of_class.backward()
            loss, first = loss + float(of_class.detach()), first + count
        adam.step()
        number += 1
        yield Step(z.detach().clone(), loss, time.perf_counter() - began)


def real_batch(source: DistillationSource, recipe: Recipe, c: int, number: int) -> Tensor:
    stream = numpy_stream(recipe.seed, f"real batch of {source.class_names[c]}", number)
    crops = source.real[c]
    return to_float(crops[torch.from_numpy(stream.permutation(len(crops))[:REAL_BATCH])])


def augmented(images: Tensor, omega: Augmentation) -> Tensor:
    rows = omega.take(torch.zeros(len(images), dtype=torch.int64))
    return augment(images, rows, mean=MEAN, std=STD)


def plain_psi(spaces: Spaces, source: DistillationSource, recipe: Recipe, number: int) -> Psi:
    """psi with the theta of a run, as torch and torchvision have it, its norms calibrated and frozen."""
    if recipe.features.family == "local-fourier":
        psi = spaces.draw_psi(recipe.seed, "training theta", number)
        assert isinstance(psi, LocalFourier)
        return lambda x: 2**0.5 * F.conv2d(x, psi.frequencies, psi.phases, STRIDE).cos().mean(dim=(2, 3))
    layers = tuple(recipe.features.layers.split(","))
    calibration = calibration_crops(source.real, recipe)
    network = calibrated_resnet18(layers, calibration, recipe.seed, "training theta", number)
    network = network.to(memory_format=torch.contiguous_format)
    return lambda x: pooled(network, layers, x)


def pooled(network: nn.Module, layers: tuple[str, ...], x: Tensor) -> Tensor:
    features = []
    for name, child in network.named_children():
        x = child(x)
        if name in layers:
            features.append(x.mean(dim=(2, 3)))
        if name == layers[-1]:
            break
    return torch.cat(features, dim=1)
