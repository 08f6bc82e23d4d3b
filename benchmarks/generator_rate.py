"""How near G runs to what the processor does on a plain convolution: FLOP/s, both in turn, medians.

    python benchmarks/generator_rate.py

G: forward and backward to the latent of one chunk of latents of 32x32, as the search runs it. The yardstick: a plain
forward 3x3 convolution of 64 channels on 4x64x64x64, channels_last, in the same precision. FLOPs are counted by torch;
eager is G without its frozen form. fp32, and bf16 where the processor multiplies it.
"""

import time
from collections.abc import Callable
from statistics import median

import click
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gsdd.generators.generator import Generator
from gsdd.generators.load import load_generator
from gsdd.parallel.chunks import CHUNK
from gsdd.parallel.device import multiplies_bf16
from gsdd.randomness import torch_stream

WANTED = 0.70
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def seconds(work: Callable[[], object], least: float = 0.5) -> float:
    """Time one repetition; short work is repeated until the clock can tell."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < least or not count:
        work()
        count += 1
    return (time.perf_counter() - began) / count


def count_flops(work: Callable[[], object]) -> int:
    """Run something and count the FLOPs of its products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def there_and_back(network: Callable[[Tensor], Tensor], z: Tensor) -> Callable[[], object]:
    def once() -> object:
        latents = z.detach().requires_grad_(True)
        images = network(latents)
        return torch.autograd.grad(images, latents, images.detach())

    return once


def convolution(dtype: torch.dtype) -> Callable[[], Tensor]:
    images = torch.rand(4, 64, 64, 64).to(dtype, memory_format=torch.channels_last)
    weight = torch.rand(64, 64, 3, 3).to(dtype, memory_format=torch.channels_last)

    @torch.no_grad()
    def once() -> Tensor:
        return F.conv2d(images, weight, padding=1)

    return once


def line(generator: Generator, precision: str, repeats: int) -> str:
    """Measure one generator in one precision."""
    network = generator.frozen if precision == "fp32" else generator.frozen_bf16
    z = torch.rand(CHUNK, 3, 32, 32, generator=torch_stream(0, "rate"))
    plain, frozen, eager = (
        convolution(DTYPES[precision]),
        there_and_back(network, z),
        there_and_back(network.network, z),
    )
    plain_flops, flops = count_flops(plain), count_flops(there_and_back(generator, z))
    frozen()
    times = [(seconds(plain), seconds(frozen), seconds(eager)) for _ in range(repeats)]
    rates = [count / median(row[k] for row in times) / 1e9 for k, count in enumerate((plain_flops, flops, flops))]
    share = median((flops / row[1]) / (plain_flops / row[0]) for row in times)
    return (
        f"{generator.reference.name}, {precision}: {flops / 1e9:.0f} GFLOP a chunk; convolution {rates[0]:.0f} "
        f"GFLOP/s, G {rates[1]:.0f} (eager {rates[2]:.0f}): {share:.0%}, wanted {WANTED:.0%}; "
        f"{torch.get_num_threads()} threads"
    )


@click.command()
@click.option("--generator", "names", multiple=True, default=["realesrgan-x4plus", "realesr-animevideov3"])
@click.option("--repeats", default=5)
def main(names: tuple[str, ...], repeats: int) -> None:
    """Print a line a generator and precision."""
    for name in names:
        generator = load_generator(name, device="cpu")
        for precision in ("fp32", "bf16") if multiplies_bf16(generator.device) else ("fp32",):
            click.echo(line(generator, precision, repeats))


if __name__ == "__main__":
    main()
