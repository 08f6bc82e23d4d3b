"""How near G runs to what the processor does on a plain convolution: FLOP/s, both in turn, medians.

    python benchmarks/generator_rate.py

G: forward and backward to the latent of one chunk of 8 latents of 32x32, as the search runs it. The yardstick: a plain
forward 3x3 convolution of 64 channels on 4x64x64x64, channels_last, fp32. FLOPs are counted by torch.
"""

import time
from collections.abc import Callable
from statistics import median

import click
import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.cost.flops import count_flops
from gsdd.distill.chunks import CHUNK
from gsdd.generators.load import load_generator
from gsdd.randomness import torch_stream

WANTED = 0.70


def seconds(work: Callable[[], object], least: float = 0.5) -> float:
    """Time one repetition; short work is repeated until the clock can tell."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < least or not count:
        work()
        count += 1
    return (time.perf_counter() - began) / count


def there_and_back(network: Callable[[Tensor], Tensor], z: Tensor) -> Callable[[], object]:
    def once() -> object:
        latents = z.detach().requires_grad_(True)
        images = network(latents)
        return torch.autograd.grad(images, latents, images.detach())

    return once


@click.command()
@click.option("--generator", "names", multiple=True, default=["realesrgan-x4plus", "realesr-animevideov3"])
@click.option("--repeats", default=5)
def main(names: tuple[str, ...], repeats: int) -> None:
    """Print a line a generator."""
    images = torch.rand(4, 64, 64, 64).to(memory_format=torch.channels_last)
    weight = torch.rand(64, 64, 3, 3).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def convolution() -> Tensor:
        return F.conv2d(images, weight, padding=1)

    plain_flops = count_flops(convolution)
    for name in names:
        generator = load_generator(name)
        z = torch.rand(CHUNK, 3, 32, 32, generator=torch_stream(0, "rate"))
        eager, frozen = there_and_back(generator, z), there_and_back(generator.frozen, z)
        flops = count_flops(eager)
        frozen()
        times = [(seconds(convolution), seconds(frozen), seconds(eager)) for _ in range(repeats)]
        rates = [plain_flops / median(row[0] for row in times) / 1e9]
        rates += [flops / median(row[k] for row in times) / 1e9 for k in (1, 2)]
        share = median((flops / row[1]) / (plain_flops / row[0]) for row in times)
        click.echo(
            f"{name}: {flops / 1e9:.0f} GFLOP a chunk; convolution {rates[0]:.0f} GFLOP/s, G {rates[1]:.0f} (eager "
            f"{rates[2]:.0f}): {share:.0%}, wanted {WANTED:.0%}; {torch.get_num_threads()} threads"
        )


if __name__ == "__main__":
    main()
