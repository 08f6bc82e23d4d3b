"""What device.py asks of each kernel: that it agrees with its reference and the composition, and what it takes."""

from collections.abc import Callable
from typing import Any

import torch
from gpu_cases import Case
from torch import Tensor

Found = dict[str, Any]
Timer = Callable[[Callable[[], object]], float]
CONTENDERS = ("kernel", "reference", "composition")


def copied(timer: Timer, device: torch.device, nbytes: int) -> Found:
    """Measure GB/s of a copy, read and write counted."""
    source = torch.empty(nbytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    took = timer(lambda: target.copy_(source))
    return {"forward kernel, ms": took, "forward, GB/s": 2 * nbytes / took / 1e6}


def contenders(case: Case) -> dict[str, Callable[[Tensor], Tensor]]:
    """Name the implementations of a case."""
    return {
        "kernel": lambda x: case.run(x, "triton"),
        "reference": lambda x: case.run(x, "reference"),
        "composition": case.composed,
    }


def agreement(case: Case) -> Found:
    """Compare both ways; return the largest difference of the kernel from each, as a part of the largest value.

    Raises:
        ValueError: it is beyond the tolerance of the case.
    """
    x = case.x.detach().requires_grad_(case.x.is_floating_point())
    results = {name: function(x) for name, function in contenders(case).items()}
    found = _apart(case, "forward", {name: result.detach() for name, result in results.items()})
    if x.requires_grad:
        found |= _apart(case, "backward", {name: _back(result, x) for name, result in results.items()})
    return found


def times(case: Case, timer: Timer, compiled: bool) -> Found:
    """Time both ways, against the composition, eager and compiled, and the bytes that must move."""
    torch.compiler.reset()
    x = case.x.detach().requires_grad_(case.x.is_floating_point())
    functions = contenders(case)
    if compiled:
        functions["compiled"] = torch.compile(case.composed)
    found: Found = {}
    for name, function in functions.items():
        result = function(x)
        found[f"forward {name}, ms"] = timer(lambda function=function: function(x))
        if x.requires_grad:
            found[f"backward {name}, ms"] = timer(lambda result=result: _back(result, x))
    found["forward, GB/s"] = case.forward_bytes / found["forward kernel, ms"] / 1e6
    if x.requires_grad:
        found["backward, GB/s"] = case.backward_bytes / found["backward kernel, ms"] / 1e6
    return found


def _back(result: Tensor, x: Tensor) -> Tensor:
    upstream = torch.linspace(-1, 1, result.numel(), device=x.device).to(result.dtype).view_as(result)
    return torch.autograd.grad(result, x, upstream, retain_graph=True)[0]


def _apart(case: Case, way: str, results: dict[str, Tensor]) -> Found:
    kernel = results["kernel"].double()
    largest = max(float(kernel.abs().max()), 1e-30)
    apart = {
        f"{way}, from the {name}": float((result.double() - kernel).abs().max()) / largest
        for name, result in results.items()
        if name != "kernel"
    }
    worst = max(apart, key=lambda name: apart[name])
    if not apart[worst] <= case.tolerance:
        raise ValueError(f"{worst}: {apart[worst]:.1e} of the largest value, wanted at most {case.tolerance:.1e}")
    return apart
