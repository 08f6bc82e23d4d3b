"""What the frozen form of G costs and saves: forward and backward of latents, plain against frozen.

    OMP_NUM_THREADS=2 python benchmarks/frozen.py --json build/frozen.json

A line for each generator, batch and dtype, with plain and frozen in turn in the same process:

- equal: are images and the gradient to z the same bits?
- live: the most bytes of tensors that forward and backward hold at once, as torch's allocator reports them; z and the
  gradient that comes from the loss are the caller's, and not counted;
- bits: packed signs that the frozen graph holds;
- resident: how much the process grows at its largest, from one run in a process of its own;
- seconds: medians of the repetitions, and the median of their ratios, the two taken in turn.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from gsdd.generators.frozen import Network, freeze
from gsdd.generators.load import load_generator

GENERATORS = ("realesrgan-x4plus", "realesr-animevideov3")
BATCHES = ((1, 64), (8, 32))
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
MEGABYTE = 1e6


@dataclass(frozen=True)
class Work:
    """What is measured: so many latents of that side, in that dtype, by that generator."""

    generator: str
    latents: int
    side: int
    dtype: str

    def network(self) -> nn.Module:
        return load_generator(self.generator, device="cpu").network.to(DTYPES[self.dtype])

    def z(self) -> Tensor:
        z = torch.rand(self.latents, 3, self.side, self.side, generator=torch.Generator().manual_seed(0))
        return z.to(DTYPES[self.dtype]).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Row:
    """One line of the table; pairs are plain and frozen."""

    work: Work
    equal: bool
    live_bytes: tuple[int, int]
    bits_bytes: int
    resident_bytes: tuple[int, int]
    seconds: tuple[float, float]
    time_ratio: float

    def __str__(self) -> str:
        plain, frozen = (f"{value / MEGABYTE:.1f}" for value in self.live_bytes)
        grown = " -> ".join(f"{value / MEGABYTE:.0f}" for value in self.resident_bytes)
        seconds = " -> ".join(f"{value:.3f}" for value in self.seconds)
        shape = f"{self.work.latents} x {self.work.side}x{self.work.side}"
        return (
            f"| {self.work.generator} | {shape} | {self.work.dtype} | {'yes' if self.equal else 'NO'} "
            f"| {plain} -> {frozen} (1/{self.live_bytes[0] / self.live_bytes[1]:.1f}) "
            f"| {self.bits_bytes / MEGABYTE:.2f} | {grown} | {seconds} ({self.time_ratio:.2f}) |"
        )


HEAD = (
    "| generator | latents | dtype | equal | live, MB | bits, MB | resident, MB | seconds (ratio) |\n"
    + "|---" * 8
    + "|"
)


def passes(network: Network, z: Tensor) -> tuple[Tensor, Tensor]:
    """Run forward and backward; the gradient from the loss is the image itself."""
    leaf = z.detach().requires_grad_(True)
    images = network(leaf)
    (gradient,) = torch.autograd.grad(images, leaf, images.detach())
    return images.detach(), gradient


def live_bytes(run: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at once, from each allocation that torch reports."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        run()
    events = record.profiler.kineto_results.events()
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    most = live = 0
    for _, change in changes:
        live += change
        most = max(most, live)
    return most


def bits_bytes(frozen: Network, z: Tensor) -> int:
    """Return how many bytes of packed signs a graph keeps."""
    sizes: list[int] = []

    def see(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel() if tensor.dtype == torch.uint8 else 0)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(see, lambda tensor: tensor):
        frozen(z.detach().requires_grad_(True))
    return sum(sizes)


def resident_bytes(work: Work, form: str) -> int:
    """Run once in a process of its own."""
    command = [sys.executable, __file__, "--resident", form, json.dumps(asdict(work))]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def grown(work: Work, form: str) -> int:
    """Return by how much this process grows at its largest in forward and backward."""
    network, z = work.network(), work.z()
    small = z[:1, :, :8, :8].contiguous(memory_format=torch.channels_last)
    run = _frozen(network, small) if form == "frozen" else network
    passes(run, small)
    Path("/proc/self/clear_refs").write_text("5")  # the largest size counts from here
    before = _status("VmHWM")
    passes(run, z)
    return _status("VmHWM") - before


def _status(field: str) -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def measure(work: Work, repetitions: int) -> Row:
    """Compare plain with frozen."""
    network, z = work.network(), work.z()
    frozen = _frozen(network, z[:1])
    wanted, got = passes(network, z), passes(frozen, z)
    seconds = [(_seconds(network, z), _seconds(frozen, z)) for _ in range(repetitions)]
    plain, new = (statistics.median(column) for column in zip(*seconds, strict=True))
    return Row(
        work,
        equal=all(torch.equal(a, b) for a, b in zip(wanted, got, strict=True)),
        live_bytes=(live_bytes(lambda: passes(network, z)), live_bytes(lambda: passes(frozen, z))),
        bits_bytes=bits_bytes(frozen, z),
        resident_bytes=(resident_bytes(work, "plain"), resident_bytes(work, "frozen")),
        seconds=(plain, new),
        time_ratio=statistics.median(after / before for before, after in seconds),
    )


def _frozen(network: Network, sample: Tensor) -> Network:
    frozen = freeze(network, sample)
    if frozen.objection:
        raise click.ClickException(frozen.objection)
    return frozen


def _seconds(network: Network, z: Tensor) -> float:
    began = time.perf_counter()
    passes(network, z)
    return time.perf_counter() - began


@click.command()
@click.option("--generator", "generators", multiple=True, default=GENERATORS, show_default=True)
@click.option(
    "--dtype", "dtypes", multiple=True, type=click.Choice(list(DTYPES)), default=["float32"], show_default=True
)
@click.option("--repetitions", default=7, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the rows here.")
@click.option("--resident", nargs=2, hidden=True, help="A form and a work, for the process that measures its size.")
def main(
    generators: tuple[str, ...],
    dtypes: tuple[str, ...],
    repetitions: int,
    json_file: Path | None,
    resident: tuple[str, str] | None,
) -> None:
    """Measure the frozen form; with --dtype bfloat16 where the processor has it, else it takes minutes a line."""
    if resident:
        click.echo(grown(Work(**json.loads(resident[1])), resident[0]))
        return
    click.echo(f"{torch.get_num_threads()} threads, {repetitions} repetitions\n{HEAD}")
    rows = []
    for dtype in dtypes:
        for generator in generators:
            for latents, side in BATCHES:
                rows.append(measure(Work(generator, latents, side, dtype), repetitions))
                click.echo(rows[-1])
    if json_file:
        json_file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
