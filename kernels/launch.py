"""One launch of a Triton kernel as a value: what runs on a GPU is what the ahead-of-time tests compile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Launch:
    """A kernel with everything it is launched with.

    Attributes:
        kernel: the `@triton.jit` function.
        grid: programs along each axis.
        arguments: tensors and numbers by parameter name.
        constants: `tl.constexpr` parameters by name.
        warps: of 32 threads, a program.
        stages: depth of software pipelining.
        since: oldest compute capability that it is for, as 90 for 9.0.
        before: first compute capability that another launch is for.
    """

    kernel: Any
    grid: tuple[int, ...]
    arguments: Mapping[str, Any]
    constants: Mapping[str, Any]
    warps: int = 4
    stages: int = 2
    since: int = 0
    before: int = 1000

    def run(self) -> None:
        """Launch it, or interpret it where TRITON_INTERPRET=1 was set when triton was imported."""
        options = {"num_warps": self.warps, "num_stages": self.stages}
        tensor = next(value for value in self.arguments.values() if isinstance(value, Tensor))
        with torch.cuda.device_of(tensor):  # Triton launches on the current device, whatever its arguments lie on
            self.kernel[self.grid](**self.arguments, **self.constants, **options)
