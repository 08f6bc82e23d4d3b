"""Every kernel on a GPU, forward and backward, against torch eager, torch.compile and the bandwidth of a plain copy.

    python benchmarks/gpu.py                  # writes benchmarks/results/gpu-<name of the GPU>.md and .json
    python benchmarks/gpu.py --dry-run        # every case once, tiny, on the CPU; measures nothing, writes nothing

Results are checked against the reference and against the composition before anything is timed. A time is the median
of CUDA events over about 100 ms after a warm-up, caches flushed before each call; the launch from Python is part of it.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import torch
from torch import Tensor

RESULTS = Path(__file__).parent / "results"
COPIED_BYTES = 2**30
COMPILERS = {True: "eager", False: "inductor"}


@dataclass(frozen=True)
class Row:
    """One pass of one case.

    Attributes:
        op: name of the op.
        case: what the input is.
        passed: `forward` or `backward`.
        nbytes: that must move.
        difference: largest difference of the kernel from the composition, as a part of the largest value.
        milliseconds: by contender (kernel, reference, composition, compiled); empty in a dry run.
    """

    op: str
    case: str
    passed: str
    nbytes: int
    difference: float
    milliseconds: dict[str, float]


Timer = Callable[[Callable[[], object]], float | None]


def gpu_timer() -> Timer:
    """Return Triton's own benchmark loop."""
    from triton.testing import do_bench

    return lambda function: do_bench(function, return_mode="median")


def no_timer(function: Callable[[], object]) -> None:
    """Stand in for the timer where nothing is measured: the checks have run the function."""


def copy_bandwidth(timer: Timer, device: torch.device, nbytes: int) -> float | None:
    """Measure GB/s of a copy, read and write counted."""
    source = torch.empty(nbytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    took = timer(lambda: target.copy_(source))
    return None if took is None else 2 * nbytes / took / 1e6


def rows_of(case: "Case", timer: Timer, compiler: str) -> Iterator[Row]:  # noqa: F821
    """Check a case, then time it both ways.

    Raises:
        ValueError: the kernel's numbers are not the reference's, or not the composition's.
    """
    torch.compiler.reset()
    contenders: dict[str, Callable[[Tensor], Tensor]] = {
        "kernel": lambda x: case.run(x, "triton"),
        "reference": lambda x: case.run(x, "reference"),
        "composition": case.composed,
        "compiled": torch.compile(case.composed, backend=compiler),
    }
    x = case.x.detach().requires_grad_(case.x.is_floating_point())
    results = {name: function(x) for name, function in contenders.items()}
    difference = _check(case, "forward", {name: result.detach() for name, result in results.items()})
    times = _times({name: lambda f=function: f(x) for name, function in contenders.items()}, timer)
    yield Row(case.op, case.name, "forward", case.forward_bytes, difference, times)
    if not x.requires_grad:
        return
    upstream = torch.randn(results["kernel"].shape, generator=torch.Generator().manual_seed(1))
    upstream = upstream.to(x.device, results["kernel"].dtype)

    def back(name: str) -> Tensor:
        return torch.autograd.grad(results[name], x, upstream.to(results[name].dtype), retain_graph=True)[0]

    difference = _check(case, "backward", {name: back(name) for name in contenders})
    times = _times({name: lambda name=name: back(name) for name in contenders}, timer)
    yield Row(case.op, case.name, "backward", case.backward_bytes, difference, times)


def _check(case: "Case", passed: str, results: dict[str, Tensor]) -> float:  # noqa: F821
    """Return the kernel's largest difference; all contenders must agree within the tolerance of the case."""
    kernel = results["kernel"].double()
    largest = max(float(kernel.abs().max()), 1e-30)
    apart = {name: float((result.double() - kernel).abs().max()) / largest for name, result in results.items()}
    worst = max(apart, key=lambda name: apart[name])
    if not apart[worst] <= case.tolerance:
        raise ValueError(
            f"{case.op}, {case.name}, {passed}: kernel and {worst} differ by {apart[worst]:.1e} of the largest value, "
            f"wanted at most {case.tolerance:.1e}"
        )
    return apart["composition"]


def _times(functions: dict[str, Callable[[], object]], timer: Timer) -> dict[str, float]:
    took = {name: timer(function) for name, function in functions.items()}
    return {name: milliseconds for name, milliseconds in took.items() if milliseconds is not None}


def table(rows: list[Row], bandwidth: float | None) -> str:
    """Lay out as Markdown; a dash where nothing was measured.

    Args:
        rows: in order.
        bandwidth: of a copy, GB/s.

    Returns:
        A table, with the share of that bandwidth at which each kernel moves the bytes that must move.
    """
    names = ["kernel", "reference", "composition", "compiled"]
    head = ["op", "case", "pass", "MB to move", *(f"{name}, ms" for name in names), "GB/s", "of a copy"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        times = [f"{row.milliseconds[name]:.4f}" if name in row.milliseconds else "-" for name in names]
        rate, share = "-", "-"
        if row.milliseconds and bandwidth:
            achieved = row.nbytes / row.milliseconds["kernel"] / 1e6
            rate, share = f"{achieved:.0f}", f"{achieved / bandwidth:.0%}"
        cells = [row.op, row.case, row.passed, f"{row.nbytes / 1e6:.2f}", *times, rate, share]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(rows: list[Row], bandwidth: float, folder: Path) -> Path:
    """Write the table and the JSON, named after the GPU."""
    import triton

    gpu = torch.cuda.get_device_name()
    environment = {"gpu": gpu, "torch": torch.__version__, "triton": triton.__version__, "copy_gb_per_s": bandwidth}
    file = folder / f"gpu-{re.sub(r'[^a-z0-9]+', '-', gpu.lower())}.md"
    folder.mkdir(parents=True, exist_ok=True)
    file.with_suffix(".json").write_text(json.dumps(environment | {"rows": [asdict(row) for row in rows]}, indent=1))
    heading = f"# {gpu}, torch {torch.__version__}, triton {triton.__version__}"
    file.write_text(f"{heading}\n\nA copy of 1 GiB: {bandwidth:.0f} GB/s.\n\n{table(rows, bandwidth)}\n")
    return file


@click.command()
@click.option("--dry-run", is_flag=True, help="Run every case once, tiny, on the CPU; measure and write nothing.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder for the table and the JSON.")
def main(dry_run: bool, results: Path) -> None:
    """Time every kernel on the current GPU."""
    if not dry_run and not torch.cuda.is_available():
        sys.exit("gpu.py: torch sees no CUDA GPU here; run it where one is, or check the cases with --dry-run")
    if dry_run:
        os.environ["TRITON_INTERPRET"] = "1"
    from gpu_cases import DRY, MEASURED, cases  # imports kernels, which Triton interprets or not from then on

    scale, timer = (DRY, no_timer) if dry_run else (MEASURED, gpu_timer())
    bandwidth = copy_bandwidth(timer, scale.device, 2**10 if dry_run else COPIED_BYTES)
    rows = []
    for case in cases(scale):
        rows += rows_of(case, timer, COMPILERS[dry_run])
        print(f"{case.op}, {case.name}", file=sys.stderr)
    print(table(rows, bandwidth))
    if dry_run:
        print(f"\ndry run: {len(rows)} passes agree with the reference and the composition; nothing was measured")
    elif bandwidth is not None:
        print(f"\nwritten: {write(rows, bandwidth, results)}")


if __name__ == "__main__":
    main()
