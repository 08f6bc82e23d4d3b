"""What few bits cost: files of so many bits a pixel against latents that no codec has touched.

    python benchmarks/through_codec.py ../shared/data/mini-ost/train --ipc 20 --bpp 0.4 --bpp 0.2

Every row is a run of `gsdd compress` with equal options but for the codec; "rounded afterwards" stores the unquantised
latents at the same bits, not optimised through the codec. PSNR is the mean over latents of G(decoded z) against
its crop (RGB, uint8, no border shaved); L is L_dis + 0.1 R on draws that no run uses, against all crops of the classes.
"""

import tempfile
from pathlib import Path

import click
import torch
from held_out_loss import LAM, HeldOut
from real_job import changed, real_job
from torch import Tensor

import gsdd
from gsdd.distill.budget import finest
from gsdd.distilled.decode import decode
from gsdd.formats.container import read
from gsdd.metrics.psnr import psnr_of_error
from gsdd.recipe import Recipe
from gsdd.run.execution import Execution

DRAWS = 12
HELD_OUT_SEED = 1_000_003
ALL_CROPS = 1_000_000


class Judge:
    def __init__(self, source: Path, recipe: Recipe, draws: int) -> None:
        self.run, self.chosen, target, _ = real_job(source, recipe)
        self.crops, self.held_out = target.starts, None
        if draws:
            _, _, target, spaces = real_job(source, changed(recipe, real_crops=ALL_CROPS, seed=HELD_OUT_SEED))
            self.held_out = HeldOut.prepare(spaces, self.chosen.class_names, target.real, draws)

    @property
    def pixels(self) -> int:
        return len(self.crops) * self.run.recipe.crops.hr_size**2

    def __call__(self, latents: Tensor) -> tuple[float, float]:
        images = decode(self.run.generator, latents)
        error = (images.double() - self.crops.double()).square().mean((1, 2, 3))
        if self.held_out is None:
            return float(psnr_of_error(error).mean()), float("nan")
        terms = self.held_out.matching(images, self.chosen.counts, self.crops)
        return float(psnr_of_error(error).mean()), float(terms.distribution.sum() + LAM * terms.pairs.sum())


def afterwards(latents: Tensor, streams: int) -> Tensor:
    """Store latents in so many bytes of streams, at one step for all."""
    codec = finest(lambda codec: codec.stream_bytes(latents.numpy()), streams)
    return torch.from_numpy(codec.rounded(latents.numpy()))


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--generator", default="realesr-animevideov3", show_default=True)
@click.option("--ipc", default=20, show_default=True)
@click.option("--bpp", multiple=True, type=float, default=(0.4, 0.2), show_default=True)
@click.option("--steps", default=80, show_default=True, help="Of the inversion.")
@click.option("--iterations", default=0, show_default=True, help="Of matching; 0 judges the inverted latents.")
@click.option("--draws", default=DRAWS, show_default=True, help="Of the held-out L; 0 leaves it out.")
def main(
    source: Path, generator: str, ipc: int, bpp: tuple[float, ...], steps: int, iterations: int, draws: int
) -> None:  # fmt: skip
    recipe = Recipe.preset("quick").changed({
        "generator": generator, "crops.ipc": ipc, "inversion.steps": steps, "matching.iterations": iterations,
        "matching.lr": 0.002, "matching.real_batch": 64, "matching.finish": 0.5,
    })  # fmt: skip
    judge = Judge(source, recipe, draws)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gsdd"
        gsdd.compress(source, path, recipe=changed(recipe, codec="fp32"))
        exact = gsdd.open(path).latents()
        best = judge(exact)
        print(f"{len(exact)} latents, unquantised: {best[0]:.2f} dB, L {best[1]:.3f}", flush=True)
        for target in bpp:
            aimed = recipe.changed({"storage.target": f"{target}bpp", "crops.ipc": ipc})
            gsdd.compress(source, path, recipe=aimed, execution=Execution(force=True))
            contents = read(path)
            streams = contents.tensors["latents"].nbytes
            print(
                f"{8 * contents.size / judge.pixels:.3f} bits a pixel: {contents.size:,} bytes, {streams:,} in streams"
            )
            tell("optimised through the codec", judge(gsdd.open(path).latents()), best)
            tell("rounded afterwards", judge(afterwards(exact, streams)), best)


def tell(name: str, found: tuple[float, float], best: tuple[float, float]) -> None:
    (decibels, loss), (most, least) = found, best
    print(f"  {name:20}{decibels:.2f} dB ({decibels - most:+.2f}), L {loss:.3f} ({loss / least - 1:+.1%})", flush=True)


if __name__ == "__main__":
    main()
