"""Which part of a pair is served, and how it is turned: a function of (seed, pair, number of the visit)."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsdd.randomness import hashed

_WORD = (1 << 64) - 1
# Of the network. With only a few views, few rounds leave the places of two numbers uneven.
_ROUNDS, _ROUNDS_OF_FEW, _FEW = 4, 8, 64


class View(NamedTuple):
    """A crop of LR pixels from (top, left), mirrored and transposed."""

    top: int
    left: int
    hflip: bool
    vflip: bool
    transpose: bool

    def of(self, image: NDArray[np.uint8], size: int, scale: int) -> NDArray[np.uint8]:
        """Look at an image through this view.

        Args:
            image: `[C, H, W]`: the LR one with scale 1, the HR one with the scale between them.
            size: side of the crop in LR pixels.
            scale: pixels of this image in an LR pixel.

        Returns:
            `[C, size * scale, size * scale]`, not copied.
        """
        top, left, side = self.top * scale, self.left * scale, size * scale
        crop = image[:, top : top + side, left : left + side]
        if self.hflip:
            crop = crop[:, :, ::-1]
        if self.vflip:
            crop = crop[:, ::-1]
        return crop.swapaxes(1, 2) if self.transpose else crop


@dataclass(frozen=True)
class ViewDraws:
    """The views of one set of pairs.

    A pair is seen in every one of its views once before any comes again: with few pairs and small images, independent
    draws would repeat themselves early (35 pairs with 648 views each: a seventh of 7,000 draws).

    Attributes:
        seed: of the draws.
        lr_size: side of an LR image in pixels.
        crop: side of a crop in LR pixels, at most `lr_size`.
        hflip: whether to mirror left and right.
        rotate: whether to mirror top and bottom, and to transpose; with `hflip` these are all eight orientations.
    """

    seed: int
    lr_size: int
    crop: int
    hflip: bool
    rotate: bool

    @cached_property
    def _key(self) -> int:
        return hashed(self.seed, "view of a pair")

    @cached_property
    def views(self) -> int:
        """How many views a pair has."""
        places = self.lr_size - self.crop + 1
        return places * places * (2 if self.hflip else 1) * (4 if self.rotate else 1)

    def draw(self, pair: int, visit: int) -> View:
        """Draw the view of a visit.

        Args:
            pair: which pair, from 0.
            visit: how many times the pair was seen before.

        Returns:
            The view; uniform over all, and no two equal within `views` visits.
        """
        cycle, place = divmod(visit, self.views)
        number = permuted(place, self.views, mixed(mixed(self._key + pair) + cycle))
        number, hflip = divmod(number, 2) if self.hflip else (number, 0)
        number, turn = divmod(number, 4) if self.rotate else (number, 0)
        top, left = divmod(number, self.lr_size - self.crop + 1)
        return View(top, left, bool(hflip), bool(turn & 1), bool(turn & 2))


def permuted(number: int, size: int, key: int) -> int:
    """Send a number to its place in a random permutation of range(size), without the permutation in memory.

    Args:
        number: from 0 to size - 1.
        size: at least 1.
        key: 64 bits that choose the permutation.

    Returns:
        A number from 0 to size - 1, another one for every other `number`.

    Source: Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002: a Feistel network over the next
        power of four, walked until it lands inside.
    """
    half = ((size - 1).bit_length() + 1) // 2
    rounds = range(_ROUNDS if size > _FEW else _ROUNDS_OF_FEW)
    while True:
        number = _feistel(number, half, key, rounds)
        if number < size:
            return number


def _feistel(number: int, half: int, key: int, rounds: range) -> int:
    mask = (1 << half) - 1
    left, right = number >> half, number & mask
    for turn in rounds:
        left, right = right, left ^ (mixed(key + (turn << 32) + right) & mask)
    return left << half | right


def mixed(word: int) -> int:
    """Scramble 64 bits, one to one.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: SplitMix64.
    """
    word = (word + 0x9E3779B97F4A7C15) & _WORD
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _WORD
    return word ^ word >> 31
