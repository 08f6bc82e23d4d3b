"""class_statistics on a CPU against the obvious composition of torch ops: time, tensor bytes and resident memory.

    python benchmarks/class_statistics.py --json build/class_statistics.json

The composition keeps what autograd keeps: grid_sample, conv2d or unfold and a product, cos, mean. Forward and backward
are timed in alternation, median of the repetitions; each side's resident growth is that of a process of its own.
"""

import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from gsdd.kernels.augmentation import Augmentation, Column, op_bits
from gsdd.kernels.class_statistics import class_statistics

ANGLE, PATCH, STRIDE = 0.2, 7, 3


def live_bytes(function: Callable[[], Tensor]) -> int:
    """Return the most bytes of tensors, allocated by a function, alive at once, as torch's profiler saw it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        function()
    events = record.profiler.kineto_results.events()
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    return max(accumulate(change for _, change in changes))


def sides(count: int, size: int, filters: int) -> dict[str, Callable[[], Tensor]]:
    """Return functions of the same inputs that each return the gradient to the images."""
    stream = torch.Generator().manual_seed(0)
    x = torch.randn(count, 3, size, size, generator=stream).requires_grad_(True)
    w = torch.randn(filters, 3, PATCH, PATCH, generator=stream) / 7
    b = 2 * math.pi * torch.rand(filters, generator=stream)
    upstream = torch.randn(1, filters, generator=stream)
    values = torch.zeros(count, len(Column))
    values[:, Column.ANGLE] = ANGLE
    omega = Augmentation(torch.full((count,), op_bits(["rotate"])), values)
    turn = torch.tensor([[math.cos(ANGLE), -math.sin(ANGLE), 0], [math.sin(ANGLE), math.cos(ANGLE), 0]])

    def rotated() -> Tensor:
        grid = F.affine_grid(turn.expand(count, 2, 3), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    def ours() -> Tensor:
        return torch.autograd.grad(class_statistics(x, omega, w, b, (count,), stride=STRIDE), x, upstream)[0]

    def conv2d() -> Tensor:
        features = math.sqrt(2) * F.conv2d(rotated(), w, b, stride=STRIDE).cos().mean(dim=(2, 3))
        return torch.autograd.grad(features.mean(dim=0, keepdim=True), x, upstream)[0]

    def unfold() -> Tensor:
        projections = w.flatten(1) @ F.unfold(rotated(), PATCH, stride=STRIDE) + b[:, None]
        features = math.sqrt(2) * projections.cos().mean(dim=2)
        return torch.autograd.grad(features.mean(dim=0, keepdim=True), x, upstream)[0]

    return {"class_statistics": ours, "grid_sample + conv2d": conv2d, "grid_sample + unfold": unfold}


def resident_growth(name: str, shape: tuple[int, int, int]) -> int:
    """Return by how many bytes a process grows at its peak, by one pass after a tiny one."""
    command = [sys.executable, __file__, "--resident", name]
    for option, number in zip(("--count", "--size", "--filters"), shape, strict=True):
        command += [option, str(number)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _grow(name: str, shape: tuple[int, int, int]) -> int:
    sides(2, 16, 8)[name]()
    function = sides(*shape)[name]
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far, of the imports, is forgotten
    before = _resident("VmRSS")
    function()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split(f"{field}:")[1].split()[0])


def measure(shape: tuple[int, int, int], repetitions: int) -> list[dict[str, Any]]:
    """Measure every side; times alternate."""
    functions = sides(*shape)
    wanted = functions["grid_sample + conv2d"]()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repetitions):
        for name, function in functions.items():
            began = time.perf_counter()
            got = function()
            seconds[name].append(time.perf_counter() - began)
            torch.testing.assert_close(got, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))
    rows = []
    for name, function in functions.items():
        row = {"side": name, "seconds": statistics.median(seconds[name]), "all_seconds": seconds[name]}
        rows.append(row | {"tensor_bytes": live_bytes(function), "resident_bytes": resident_growth(name, shape)})
    return rows


@click.command()
@click.option("--count", default=56, help="Images.")
@click.option("--size", default=128, help="Pixels a side.")
@click.option("--filters", default=512, help="D.")
@click.option("--threads", default=2, help="Of torch.")
@click.option("--repetitions", default=7)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Where the numbers go as well.")
@click.option("--resident", hidden=True)
def main(
    count: int, size: int, filters: int, threads: int, repetitions: int, file: Path | None, resident: str | None
) -> None:
    """Print a line a side: median seconds, peak tensor bytes, resident growth, and ratios to the first."""
    torch.set_num_threads(threads)
    shape = count, size, filters
    if resident:
        click.echo(_grow(resident, shape))
        return
    rows = measure(shape, repetitions)
    first = rows[0]
    for row in rows:
        ratios = [row[key] / max(1e-9, first[key]) for key in ("seconds", "tensor_bytes", "resident_bytes")]
        click.echo(
            f"{row['side']:22} {row['seconds']:7.3f} s ({ratios[0]:.2f}x)  "
            f"{row['tensor_bytes'] / 1e6:7.1f} MB of tensors ({ratios[1]:.1f}x)  "
            f"{row['resident_bytes'] / 1e6:7.1f} MB resident ({ratios[2]:.1f}x)"
        )
    if file:
        setting = {"count": count, "size": size, "filters": filters, "threads": threads, "torch": torch.__version__}
        file.write_text(json.dumps({"setting": setting, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
