"""The codec `dct` where latents lie: what codes, tables and bytes they will have, without a look from the host.

`formats/dct_codec.py` is the definition, and makes the file. Only sums may have another order here: of two codes that
are equally good to the last bit of a double, it may be the other one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from gsdd.formats import cosines, entropy, spectrum
from gsdd.formats.codec import refuse_non_finite
from gsdd.formats.dct_codec import BIT_WORTH, HEAD, LARGEST_CODE, ROUND_UP_FROM, STATE_BYTES
from gsdd.parallel.device import place_of_float64

_FREQUENCIES = cosines.CHANNELS, cosines.BLOCK, cosines.BLOCK
_CENTRE = 0.5


@dataclass(frozen=True)
class Coded:
    """Latents as the codec keeps them.

    Attributes:
        codes: whole numbers, float64 `[N, 3, 8, 8, blocks]`.
        scale: of the codes, float32 `[N]`.
        heads: tables that take fewest bits, int64 `[N, 3]`; see `spectrum.tables_of`.
        bits: that the codes take, float64 `[N]`.
        steps: that were asked for, float64 `[N]`; the scale is larger where the largest code is not large enough.
        shape: of the latents, `[N, 3, h, w]`.
    """

    codes: Tensor
    scale: Tensor
    heads: Tensor
    bits: Tensor
    steps: Tensor
    shape: torch.Size

    @property
    def bytes(self) -> Tensor:
        """Compute what the stream of each latent takes, to a byte or two, float64 `[N]`."""
        return self.bits / 8 + (HEAD + STATE_BYTES)

    @property
    def spread(self) -> Tensor:
        """Tell the scale s of each frequency's table, in steps, float64 `[N, 3, 8, 8]`."""
        spread: Tensor = _constants(self.heads.device).spread[self.heads]
        return spread

    def restored(self) -> Tensor:
        """Give the latents that a reader will decode, float32 `[N, 3, h, w]`; the sums are exact, in any order."""
        whole = _constants(self.codes.device).restoring
        values = (whole @ self.codes.flatten(1, 3)).mul_(2.0 ** (-3 * cosines.FRACTION)).float()
        rows, columns = (-(-side // cosines.BLOCK) for side in self.shape[2:])
        grid = values.unflatten(1, _FREQUENCIES).unflatten(4, (rows, columns)).permute(0, 1, 4, 2, 5, 3)
        latents: Tensor = grid.flatten(4).flatten(2, 3)[..., : self.shape[2], : self.shape[3]]
        return latents * self.scale[:, None, None, None] + _CENTRE


@dataclass(frozen=True)
class Coefficients:
    """Latents as coefficients, which codes of any step are made of.

    Attributes:
        values: float64 `[N, 3, 8, 8, blocks]`.
        shape: of the latents, `[N, 3, h, w]`.
    """

    values: Tensor
    shape: torch.Size

    @classmethod
    @torch.no_grad()
    def of(cls, latents: Tensor) -> "Coefficients":
        """Transform latents where they lie; on the CPU if that place has no float64.

        Args:
            latents: float32 `[N, 3, h, w]`.

        Raises:
            RecipeError: latents on the CPU hold NaN or infinity; what lies on a GPU is refused when it is stored.
        """
        if latents.device.type == "cpu":
            refuse_non_finite(latents.numpy())
        centred = latents.to(place_of_float64(latents.device)).double() - _CENTRE
        return cls(transformed(centred), latents.shape)

    def at(self, step: float) -> Coded:
        """Code all latents at one step."""
        return self.coded(self.values.new_full(self.shape[:1], step))

    @torch.no_grad()
    def coded(self, steps: Tensor) -> Coded:
        """Round the coefficients, each down or up, by error and bits.

        Args:
            steps: of the codec, one a latent, float64 `[N]`, where the coefficients lie.

        Returns:
            What encoding makes of the latents; of one that holds NaN or infinity, NaN.
        """
        largest = self.values.abs().amax((1, 2, 3, 4))
        scale = torch.maximum(largest / (LARGEST_CODE + 0.5), steps).float()
        units = self.values / scale.double()[:, None, None, None, None]
        size = units.abs().nan_to_num_(0.0, LARGEST_CODE)
        heads, _ = _fitting((size + (1 - ROUND_UP_FROM)).floor_().clamp_(max=LARGEST_CODE))
        sizes = _rounded(size, heads)
        heads, bits = _fitting(sizes)
        return Coded(sizes.copysign_(units), scale, heads, bits.sum(1), steps, self.shape)


def transformed(latents: Tensor) -> Tensor:
    """Transform latents as `cosines.transformed` does, in their own precision, with a gradient.

    Args:
        latents: floating `[N, 3, h, w]`.

    Returns:
        Coefficients `[N, 3, 8, 8, blocks]`.
    """
    size = cosines.BLOCK
    missing = -latents.shape[3] % size, -latents.shape[2] % size
    if any(missing):
        latents = F.pad(latents, (0, missing[0], 0, missing[1]), mode="replicate")
    grid = latents.unflatten(2, (-1, size)).unflatten(4, (-1, size))
    blocks = grid.permute(0, 1, 3, 5, 2, 4).flatten(4).flatten(1, 3)
    values: Tensor = (_constants(latents.device).transforming.to(latents.dtype) @ blocks).unflatten(1, _FREQUENCIES)
    return values


def _rounded(size: Tensor, heads: Tensor) -> Tensor:
    """Round sizes in units of the step, by the tables that the first rounding decided on."""
    constants = _constants(size.device)
    below = size.floor().clamp_(max=LARGEST_CODE - 1)
    # What rounding down saves: in error 1 - 2 (size - below), in bits what the code above takes more.
    place = (constants.tables[heads] * LARGEST_CODE)[..., None] + below.long()
    up = (size - below).square_() > (below + 1 - size).square_() + BIT_WORTH * constants.dearer[place]
    return below + up


def _fitting(sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the heads that take fewest bits, as `spectrum.fitting` does, and tell the bits, `[N, 3]` each."""
    constants = _constants(sizes.device)
    by_table = F.embedding_bag(sizes.flatten(0, 3).int(), constants.bits, mode="sum").double()
    bits, heads = (by_table.view(*sizes.shape[:2], -1) @ constants.chosen).min(-1)
    return heads, bits


class _Constants(NamedTuple):
    """The codec's tables on a device.

    Attributes:
        transforming: the basis over channels, rows and columns at once, float64 `[192, 192]`.
        restoring: its inverse in whole numbers, float64 `[192, 192]`.
        tables: of each head, int64 `[256, 8, 8]`.
        spread: their scales, float64 `[256, 8, 8]`.
        chosen: marks the table that each frequency has with each head, float64 `[8 * 8 * tables, 256]`.
        bits: of a code by its size, float32 `[2048, tables]`.
        dearer: what the code above takes more, by table and size, float64 `[tables * 2047]`.
    """

    transforming: Tensor
    restoring: Tensor
    tables: Tensor
    spread: Tensor
    chosen: Tensor
    bits: Tensor
    dearer: Tensor


@cache
def _constants(device: torch.device) -> _Constants:
    tables = spectrum.tables_of(np.arange(spectrum.LEVELS * spectrum.SLOPES, dtype=np.uint8)).astype(np.int64)
    marks = (tables.reshape(len(tables), -1, 1) == np.arange(entropy.TABLES)).reshape(len(tables), -1)
    # Codes of both signs take the same.
    cost = entropy.cost()[:, -entropy.LOWEST :]
    arrays = (
        _of_all_axes(cosines.cosines), _of_all_axes(cosines.basis).T, tables, 2.0 ** (tables / 2 - entropy.FINENESS),
        marks.T.astype(np.float64), cost.T.astype(np.float32), np.diff(cost).ravel(),
    )  # fmt: skip
    return _Constants(*(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays))


def _of_all_axes(basis: Callable[[int], NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.kron(basis(cosines.CHANNELS), np.kron(basis(cosines.BLOCK), basis(cosines.BLOCK)))
