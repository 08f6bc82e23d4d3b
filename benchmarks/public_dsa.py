"""The public DSA code (VICO-UoE/DatasetCondensation, utils.py), run from the path where the user has it, and its omega.

It draws inside the ops, from the global generator that it re-seeds before each draw; `drawn` repeats those draws.
"""

import ast
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.kernels.augmentation import OPS, STRATEGIES, Augmentation, Column, op_bits

C = Column


def load(folder: Path) -> SimpleNamespace:
    """Load the augmentation, and nothing else of the file, which imports data sets and networks.

    Args:
        folder: where `utils.py` lies.

    Returns:
        `ParamDiffAug`, `DiffAugment`, `AUGMENT_FNS` and the ops as attributes.
    """
    warnings.filterwarnings("ignore", "torch.meshgrid")
    warnings.filterwarnings("ignore", "Default grid_sample")
    names: dict[str, Any] = {"torch": torch, "np": np, "F": F}
    for statement in ast.parse((folder / "utils.py").read_text()).body:
        defined = getattr(statement, "name", None) or ast.unparse(getattr(statement, "targets", [statement])[0])
        if defined.startswith(("rand_", "set_seed_DiffAug", "DiffAugment", "ParamDiffAug", "AUGMENT_FNS")):
            exec(compile(ast.Module([statement], []), str(folder / "utils.py"), "exec"), names)
    return SimpleNamespace(**names)


def apply(public: SimpleNamespace, op: str, images: Tensor, seed: int) -> Tensor:
    """Run one op, or "color", on a siamese batch whose first draw is from `seed`."""
    parameters = public.ParamDiffAug()
    parameters.Siamese, parameters.latestseed = True, seed
    functions: list[Callable[..., Tensor]] = public.AUGMENT_FNS.get(op) or [getattr(public, f"rand_{op}")]
    for function in functions:
        images = function(images, parameters)
    return images


def drawn(op: str, seed: int, height: int, width: int) -> Augmentation:
    """Repeat the draws of `apply`, as one row."""
    names = STRATEGIES.get(op, (op,))
    values, acts = torch.zeros(1, len(Column)), [name for name in names if name != "flip" or _uniform(seed) < 0.5]
    for name in names:
        for column, value in _parameters(name, seed, height, width).items():
            values[0, column] = value
        seed += 1
    return Augmentation(torch.tensor([op_bits(acts)]), values)


def _parameters(op: str, seed: int, height: int, width: int) -> dict[Column, Any]:
    if op == "brightness":
        return {C.BRIGHTNESS: _uniform(seed) - 0.5}
    if op == "saturation":
        return {C.SATURATION: _uniform(seed) * 2.0}
    if op == "contrast":
        return {C.CONTRAST: _uniform(seed) + 0.5}
    if op == "crop":
        rows, columns = int(height * 0.125 + 0.5), int(width * 0.125 + 0.5)
        return {C.SHIFT_ROWS: _integer(seed, -rows, rows), C.SHIFT_COLUMNS: _integer(seed + 1, -columns, columns)}
    if op == "cutout":
        (top, bottom), (left, right) = _hole(seed, height), _hole(seed + 1, width)
        return {C.CUT_TOP: top, C.CUT_BOTTOM: bottom, C.CUT_LEFT: left, C.CUT_RIGHT: right}
    if op == "scale":
        return {C.SCALE_X: _zoom(seed), C.SCALE_Y: _zoom(seed + 1)}
    if op == "rotate":
        return {C.ANGLE: (_uniform(seed) - 0.5) * 2 * 15.0 / 180 * math.pi}
    return {}


def _uniform(seed: int) -> Tensor:
    return torch.rand(1, generator=torch.Generator().manual_seed(seed))[0]


def _integer(seed: int, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (1,), generator=torch.Generator().manual_seed(seed)))


def _zoom(seed: int) -> Tensor:
    return _uniform(seed) * (1.2 - 1.0 / 1.2) + 1.0 / 1.2


def _hole(seed: int, length: int) -> tuple[int, int]:
    size = int(length * 0.5 + 0.5)
    first = _integer(seed, 0, length - size % 2) - size // 2
    return max(first, 0), min(first + size, length)


COMPARED = (*OPS, "color")
