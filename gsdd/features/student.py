"""A small student as a space to match in: its weights along trainings on real crops, and its gradient there."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from gsdd.data.degradation import SCALE, downscale, low_resolution, to_float, whole
from gsdd.features.convolution import TwiceDifferentiable
from gsdd.kernels.upload import uploaded
from gsdd.networks.initial import Undrawn, initialise
from gsdd.networks.small import SmallNetwork
from gsdd.randomness import hashed, numpy_stream

# Side of what is cut out of an image, in HR pixels: what students are trained on.
SIDE = 96
# Of the smooth L1, in [0, 1]: L1 itself has no second derivative, by which the images are moved.
SMOOTH = 0.02
# Of the trainings on real crops: what a student of `gsdd train` has.
BATCH, RATE, BETAS = 8, 5e-4, (0.9, 0.99)
TURNS = 8

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Views:
    """Where images are cut, and how they are turned: a row an image.

    Attributes:
        tops: of the squares, in LR pixels, `[N]`.
        lefts: likewise.
        turns: one of eight ways, `[N]`.
        side: of the squares, in HR pixels.
    """

    tops: Sequence[int]
    lefts: Sequence[int]
    turns: Sequence[int]
    side: int

    @classmethod
    def draw(cls, count: int, size: tuple[int, int], stream: np.random.Generator) -> "Views":
        """Draw views of images, aligned to LR pixels.

        Args:
            count: how many.
            size: height and width of the images in pixels, at least 4.
            stream: of numbers.
        """
        side = whole(min(SIDE, *size), SCALE)
        tops, lefts = (stream.integers(0, (length - side) // SCALE + 1, count) for length in size)
        return cls(tops.tolist(), lefts.tolist(), stream.integers(0, TURNS, count).tolist(), side)

    def some(self, numbers: Sequence[int]) -> "Views":
        """Give the views of some of the images."""
        tops, lefts, turns = ([row[number] for number in numbers] for row in (self.tops, self.lefts, self.turns))
        return Views(tops, lefts, turns, self.side)

    def of(self, images: Tensor) -> Tensor:
        """Cut and turn images `[N, 3, H, W]` in as many ops for any number of them; gradient flows to them."""
        rows, columns = self._places(images.device)
        places = (rows * images.shape[-1] + columns).flatten(1)[:, None].expand(-1, images.shape[1], -1)
        squares: Tensor = images.flatten(2).gather(2, places).unflatten(2, (self.side, self.side))
        return squares

    def _places(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Say from which row and column of its image each pixel comes, int64 `[N, side, side]`."""
        drawn = uploaded(torch.tensor([self.tops, self.lefts, self.turns]), device)
        tops, lefts, turns = drawn[:, :, None, None].unbind()
        along, last = torch.arange(self.side, device=device), self.side - 1
        is_transposed = (turns & 4) > 0
        rows, columns = (torch.where(is_transposed, *pair) for pair in _both_ways(along))
        rows, columns = (torch.where((turns & bit) > 0, last - each, each) for bit, each in ((2, rows), (1, columns)))
        return rows + SCALE * tops, columns + SCALE * lefts


def _both_ways(along: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Give rows and columns of a square, each as they are transposed and as they are not."""
    down, across = torch.broadcast_tensors(along[:, None], along[None, :])
    return (across, down), (down, across)


@dataclass(frozen=True)
class Student:
    """A student with its weights.

    Attributes:
        weights: by name, without a gradient.
    """

    weights: Weights

    def error(self, hr: Tensor) -> Tensor:
        """Give what the smooth L1 says of each pixel: its derivative in the student's image, within (-1, 1).

        Args:
            hr: floating RGB `[N, 3, H, W]`, about [0, 1]; gradient flows to it.
        """
        gap = self._gap(self.weights, hr)
        return gap / (gap.square() + SMOOTH**2).sqrt()

    def gradient(self, hr: Tensor, *, differentiable: bool = False) -> Tensor:
        """Sum over images the gradient of the smooth L1 in the weights.

        Args:
            hr: floating RGB `[N, 3, H, W]`, about [0, 1].
            differentiable: whether gradient flows through the sum to the images.

        Returns:
            `[P]`, float32: all weights, one parameter after the other.
        """
        weights = {name: value.clone().requires_grad_(True) for name, value in self.weights.items()}
        with TwiceDifferentiable() if differentiable else nullcontext():
            gap = self._gap(weights, hr)
        loss = (gap.square() + SMOOTH**2).sqrt().mean(dim=(1, 2, 3)).sum()
        found = torch.autograd.grad(loss, list(weights.values()), create_graph=differentiable)
        return torch.cat([each.flatten() for each in found])

    @property
    def sizes(self) -> list[int]:
        """Numbers in each parameter, in the order of `gradient`."""
        return [value.numel() for value in self.weights.values()]

    def _gap(self, weights: Weights, hr: Tensor) -> Tensor:
        images: Tensor = torch.func.functional_call(_form(), dict(weights), (downscale(hr.clamp(0, 1), SCALE),))
        return images - hr


@cache
def _form() -> nn.Module:
    """Build the network that weights are put into."""
    with torch.device("meta"):
        return SmallNetwork()


def trajectory(crops: Tensor, steps: Sequence[int], seed: int, number: int, device: torch.device) -> list[Student]:
    """Train a student on real crops with L1 and Adam, and keep its weights on the way.

    Args:
        crops: uint8 RGB `[M, 3, H, W]`.
        steps: at which weights are kept, ascending.
        seed: of the run.
        number: which trajectory; each begins from other weights and sees other batches.
        device: where it trains.

    Returns:
        A student a step.
    """
    network = _begun(seed, number).to(device).to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters(), lr=RATE, betas=BETAS)
    kept = []
    for begun, wanted in pairwise((0, *steps)):
        for step in range(begun, wanted):
            hr, lr = _batch(crops, numpy_stream(seed, "batch of a trajectory", number, step), device)
            adam.zero_grad()
            (network(lr) - hr).abs().mean().backward()
            adam.step()
        kept.append(Student({name: each.detach().clone() for name, each in network.named_parameters()}))
    return kept


def _batch(crops: Tensor, stream: np.random.Generator, device: torch.device) -> tuple[Tensor, Tensor]:
    chosen = crops[uploaded(torch.from_numpy(stream.integers(0, len(crops), BATCH)), crops.device)]
    hr = Views.draw(BATCH, (crops.shape[-2], crops.shape[-1]), stream).of(uploaded(chosen, device))
    return to_float(hr), to_float(low_resolution(hr, SCALE))


def _begun(seed: int, number: int) -> nn.Module:
    with Undrawn():
        network = SmallNetwork()
    initialise(network, "small", hashed(seed, "first weights of a trajectory", number))
    return network
