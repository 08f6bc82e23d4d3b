"""Key and shape lists of official weights, and weights and inputs made up for them."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch

FOLDER = Path(__file__).parent / "official"
SIDE = 16
BUFFERS = ("attn_mask", "relative_position_index")


@dataclass(frozen=True)
class OfficialList:
    """One file of tests/generators/official: what the authors' own code says of its weights, and computes with them.

    `tensors` maps a name to (dtype, shape). `outputs` has, for each condition, 12 values of the image that the
    authors' code makes of `latent()` with `weights(tensors)`.
    """

    name: str
    tensors: dict[str, tuple[str, list[int]]]
    sources: list[dict]
    outputs: dict[str, list[float]]


def read(name: str) -> OfficialList:
    document = json.loads((FOLDER / f"{name}.json").read_text())
    return OfficialList(name, document["tensors"], document["sources"], document["outputs"])


NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def weights(tensors: dict[str, tuple[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Make weights up, of a size that keeps images near [0, 1]; buffers of SwinIR, which are no weights, are zero."""
    return {
        key: _values(key, number, getattr(torch, dtype), shape)
        for number, (key, (dtype, shape)) in enumerate(tensors.items())
    }


def latent() -> torch.Tensor:
    """An image, float32 [1, 3, 16, 16] in [0, 1]."""
    return 0.5 + 0.5 * _wave(3 * SIDE * SIDE, 0.0).reshape(1, 3, SIDE, SIDE)


def probabilities() -> torch.Tensor:
    """Categories that change from pixel to pixel, float32 [1, 8, 64, 64]."""
    return (2 * _wave(8 * 16 * SIDE * SIDE, 1.0).reshape(1, 8, 4 * SIDE, 4 * SIDE)).softmax(dim=1)


def background() -> torch.Tensor:
    """All background, as the authors' test script suggests for changing the category, float32 [1, 8, 64, 64]."""
    return torch.eye(8)[0].reshape(1, 8, 1, 1).expand(1, 8, 4 * SIDE, 4 * SIDE).contiguous()


def samples(image: torch.Tensor) -> list[float]:
    """12 values from all over an image."""
    return [round(value, 6) for value in image.flatten()[5 :: image.numel() // 12][:12].tolist()]


def _values(key: str, number: int, dtype: torch.dtype, shape: list[int]) -> torch.Tensor:
    if key.endswith(BUFFERS):
        return torch.zeros(shape, dtype=dtype)
    wave = _wave(math.prod(shape), float(number)).reshape(shape)
    if len(shape) > 1:
        return wave / math.sqrt(math.prod(shape[1:]))
    return 1 + 0.1 * wave if key.endswith("weight") else 0.1 * wave


def _wave(count: int, phase: float) -> torch.Tensor:
    return torch.sin(1.7 * torch.arange(count, dtype=torch.float64).square() + phase).to(torch.float32)
