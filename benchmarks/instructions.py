"""What a GPU issues for `class_statistics`: instructions in what the compiler made, and their time at perfect issue.

    python benchmarks/instructions.py

256 images of 128x128, D 512, P 7, stride 3, sm_90. Every instruction outside the loop over filters counts once, those
in it once a turn; times are computed from the rates of an H100 SXM. Nothing runs as fast: waits, barriers and caches
are left out, so that a time is what no run of this code can beat, beside the same for the composition of torch ops.
"""

import re
from collections import Counter
from dataclasses import dataclass
from math import prod

import click
import torch
from compiled import disassembled

from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.plan import PlanColumn
from gsdd.kernels.class_statistics.filter_bank import FilterBank
from gsdd.kernels.class_statistics.triton import class_statistics_launches, own
from gsdd.kernels.class_statistics.triton_backward import class_statistics_backward_launches
from gsdd.kernels.launch import Launch

ARCHITECTURE = 90
IMAGES, SIDE, FEATURES, PATCH, STRIDE = 256, 128, 512, 7, 3
MULTIPROCESSORS, SCHEDULERS, CLOCK = 132, 4, 1.755e9
TF32_FLOPS, BYTES = 495e12, 3.35e12
# Of a scheduler: cycles for a cosine, a sine or another special function of a warp.
SPECIAL_CYCLES = 8


@dataclass(frozen=True)
class Issued:
    """What a launch issues.

    Attributes:
        kernel: its name.
        warps: that it has, of all programs.
        instructions: of a warp.
        products: multiplications on tensor cores, of all warps.
        special: instructions of a warp for special functions.
    """

    kernel: str
    warps: int
    instructions: int
    products: int
    special: int

    @property
    def milliseconds(self) -> dict[str, float]:
        """Time of each resource, were nothing else in the way."""
        schedulers = MULTIPROCESSORS * SCHEDULERS * CLOCK
        return {
            "issue": 1e3 * self.warps * self.instructions / schedulers,
            "tensor cores": 2e3 * self.products / TF32_FLOPS,
            "special functions": 1e3 * self.warps * self.special * SPECIAL_CYCLES / schedulers,
        }


def instructions_of(code: str) -> tuple[list[str], range]:
    """Read instructions out of a disassembly, and which of them are the largest loop."""
    lines: list[str] = []
    labels: dict[str, int] = {}
    for line in code.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label[1]] = len(lines)
        elif instruction := re.match(r"\s*/\*[0-9a-f]+\*/\s+(.*?);", line):
            lines.append(re.sub(r"^@!?U?P\w+\s+", "", instruction[1]))
    ends = (
        (number, re.search(r"\((\.L_x_\d+)\)", line)) for number, line in enumerate(lines) if line.startswith("BRA")
    )
    loops = [range(labels[to[1]], number + 1) for number, to in ends if to and labels.get(to[1], number) < number]
    return lines, max(loops, key=len, default=range(0))


def products_of(name: str) -> float:
    """Count the multiplications of one warp's instruction."""
    if group := re.match(r"HGMMA\.(\d+)x(\d+)x(\d+)", name):
        return prod(map(int, group.groups())) / 4  # four warps make one together
    return 16 * 8 * 8 if name.startswith("HMMA.1688") else 0


def issued(launch: Launch, programs: int) -> Issued:
    """Count a launch of so many programs."""
    lines, loop = instructions_of(disassembled(launch, ARCHITECTURE))
    turns = -(-FEATURES // launch.constants["FILTERS"]) if len(loop) > 1 else 1
    names = Counter({line.split()[0]: 0 for line in lines})
    for number, line in enumerate(lines):
        names[line.split()[0]] += turns if number in loop else 1
    warps = programs * launch.warps
    products = sum(products_of(name) * count for name, count in names.items())
    special = sum(count for name, count in names.items() if name.startswith("MUFU"))
    return Issued(launch.kernel.__name__, warps, names.total(), round(warps * products), special)


def launches(products: str) -> list[list[tuple[Launch, int]]]:
    """Give the launches of both directions, and how many programs each has for all images."""
    images = torch.empty(4, 3, SIDE, SIDE, device="meta")
    ops, plan = torch.empty(4, dtype=torch.int32, device="meta"), torch.empty(4, len(PlanColumn), device="meta")
    batch = Batch(images, ops, plan, Normalisation(None, None), torch.empty(4, device="meta"))
    frequencies, phases = torch.empty(FEATURES, 3, PATCH, PATCH, device="meta"), torch.empty(FEATURES, device="meta")
    bank = FilterBank(frequencies, phases, STRIDE, "fourier", products)
    owners, starts = torch.empty(4, dtype=torch.int64, device="meta"), torch.empty(2, dtype=torch.int64, device="meta")
    grad = out = torch.empty(1, FEATURES, device="meta")
    forward = own(class_statistics_launches(batch, bank, starts, out))[:1]
    backward = own(class_statistics_backward_launches(grad, batch, bank, owners, starts, images, hopper=True))
    return [[(launch, launch.grid[0] * IMAGES // len(images)) for launch in way] for way in (forward, backward)]


def composition() -> dict[str, float]:
    """Compute the same for torch's ops: the convolution's products, and maps that are written and read."""
    rows = (SIDE - PATCH) // STRIDE + 1
    maps = IMAGES * FEATURES * rows**2
    convolution = 2 * maps * 3 * PATCH**2 / TF32_FLOPS
    # Forward: maps written; read by the fused cosine. Backward: the same, slopes written, and read by the convolution.
    moved = {"forward": 2, "backward": 4}
    return {way: 1e3 * (moved[way] / 2 * convolution + moved[way] * 4 * maps / BYTES) for way in moved}


@click.command()
def main() -> None:
    """Print a row a launch, and the sum of each direction."""
    print("| products | pass | kernel | instructions a warp | issue, ms | tensor cores, ms | special functions, ms |")
    print("|---" * 7 + "|")
    for products in ("tf32", "fp32"):
        for way, some in zip(("forward", "backward"), launches(products), strict=True):
            for launch, programs in some:
                one = issued(launch, programs)
                cells = " | ".join(f"{value:.2f}" for value in one.milliseconds.values())
                print(f"| {products} | {way} | `{one.kernel}` | {one.instructions:,} | {cells} |")
    print("\ncomposition: " + ", ".join(f"{way} {value:.2f} ms" for way, value in composition().items()))


if __name__ == "__main__":
    main()
