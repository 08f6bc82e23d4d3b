"""Kernels that are wrong on purpose, for the test of what the compiler made of the right ones."""

from collections.abc import Iterator

import torch
import triton
import triton.language as tl

from gsdd.kernels.launch import Launch


@triton.jit
def spiller(source, target, steps, BLOCK: tl.constexpr):
    """Carry 512 values a thread through a loop; a thread has 255 registers."""
    at = tl.arange(0, BLOCK)
    total = tl.load(source + at)
    for step in range(steps):
        total = total * total + step
    tl.store(target + at, total)


@triton.jit
def copy(source, target, length, BLOCK: tl.constexpr):
    """Copy; a length that divides by nothing leaves the mask unknown, and then 4 bytes move at a time."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(target + at, tl.load(source + at, mask=at < length), mask=at < length)


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield the spiller, and the copy at a length that is narrow and at one that is not."""
    data = {"source": torch.empty(16384, device="meta"), "target": torch.empty(16384, device="meta")}
    yield "spiller", Launch(spiller, (1,), {**data, "steps": 3}, {"BLOCK": 16384}, warps=1)
    yield "narrow", Launch(copy, (8,), {**data, "length": 1001}, {"BLOCK": 1024})
    yield "wide", Launch(copy, (8,), {**data, "length": 1024}, {"BLOCK": 1024})
