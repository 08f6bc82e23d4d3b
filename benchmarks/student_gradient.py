"""A prototype: latents are moved until a student's gradient on them is that on real crops.

    gsdd compress PHOTOS --generator realesr-animevideov3 --ipc 5 --iterations 0 --codec fp16 -o inverted.gsdd
    python benchmarks/student_gradient.py PHOTOS inverted.gsdd build/matched      # a PNG a latent, for `gsdd train`
    python benchmarks/student_gradient.py PHOTOS inverted.gsdd build/inverted --steps 0

A student is trained on real crops, from several first weights; at some of its steps its weights are kept, and the mean
gradient of the loss over many real crops there: the bank. Each step of the matching draws an entry, a view of every
image, and moves the latents down the distance between the two gradients, relative to the real one, layer by layer.
The images are those of latents stored as uint8. Source of the matching: Zhao et al., "Dataset Condensation with
Gradient Matching", ICLR 2021, Eq. 5, with another distance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from gsdd.data.catalog import scan
from gsdd.data.crops import grid_crops, read_crops
from gsdd.data.degradation import SCALE, downscale, to_float, to_uint8
from gsdd.data.images import encode
from gsdd.distill.schedule import share_of_rate
from gsdd.distill.stored import as_stored
from gsdd.distilled.latent_set import read_latents
from gsdd.formats.codecs import CODECS
from gsdd.generators.generator import Generator
from gsdd.randomness import numpy_stream
from gsdd.students.batches import Batches
from gsdd.students.named import build
from gsdd.students.pairs import Pairs
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.trainer import Trainer

CPU = torch.device("cpu")
TOGETHER = 32
# Charbonnier's: L1 itself has no second derivative.
EPSILON = 0.02


@dataclass(frozen=True)
class Options:
    """Of a matching: seed, student, crops, first weights, steps whose weights are kept, real crops, steps, rate."""

    seed: int
    student: str
    crop: int
    trajectories: int
    points: tuple[int, ...]
    real: int
    steps: int
    lr: float


@dataclass(frozen=True)
class Entry:
    """Weights of a student, and its mean gradient over real crops there."""

    weights: dict[str, Tensor]
    gradient: list[Tensor]


def loss_of(images: Tensor, hr: Tensor) -> Tensor:
    """Give the smooth L1 that has a gradient of its gradient."""
    return ((images - hr).square() + EPSILON**2).sqrt().mean()


def views(images: Tensor, side: int, draw: np.random.Generator) -> Tensor:
    """Cut a crop out of every image, aligned to LR pixels, and turn it in one of eight ways."""
    places = (images.shape[-1] - side) // SCALE + 1
    tops, lefts, turns = (draw.integers(0, most, len(images)) for most in (places, places, 8))
    return torch.stack([_view(*each, side) for each in zip(images, tops, lefts, turns, strict=True)])


def _view(image: Tensor, top: int, left: int, turn: int, side: int) -> Tensor:
    crop = image[:, SCALE * top : SCALE * top + side, SCALE * left : SCALE * left + side]
    flips = [axis for axis, bit in ((-1, 1), (-2, 2)) if turn & bit]
    return crop.flip(flips).transpose(-1, -2) if turn & 4 else crop.flip(flips)


def real_gradient(student: nn.Module, crops: Tensor, options: Options, draw: np.random.Generator) -> list[Tensor]:
    """Average the gradient over real crops."""
    parameters = list(student.parameters())
    chosen = torch.from_numpy(draw.permutation(len(crops))[: options.real])
    total = [torch.zeros_like(each) for each in parameters]
    for numbers in chosen.split(TOGETHER):
        hr = views(to_float(crops[numbers]), options.crop, draw)
        loss = loss_of(student(to_float(to_uint8(downscale(hr, SCALE)))), hr)
        for sums, gradient in zip(total, torch.autograd.grad(loss, parameters), strict=True):
            sums += gradient * len(numbers) / len(chosen)
    return total


def bank(crops: Tensor, options: Options) -> Iterator[Entry]:
    """Train the student on real crops, and keep entries on its way."""
    for trajectory in range(options.trajectories):
        draw = numpy_stream(options.seed, "real gradients", trajectory)
        # Seeds that no student which is judged begins from.
        seed = 1000 + 10 * options.seed + trajectory
        recipe = TrainingRecipe(student=options.student, size=_size(options.student), seed=seed, schedule="constant")
        trainer = Trainer(Batches(Pairs.of(crops), recipe), recipe, None, CPU)
        for point in tqdm(options.points, f"trajectory {trajectory}"):
            while trainer.step < point:
                trainer.advance()
            weights = {name: each.detach().clone() for name, each in trainer.student.named_parameters()}
            yield Entry(weights, real_gradient(trainer.student, crops, options, draw))


def _size(student: str) -> str:
    return "full" if student == "small" else "small"


def distance(student: nn.Module, entry: Entry, hr: Tensor) -> Tensor:
    """Give the squared distance of the gradients relative to the real one, the mean over layers."""
    weights = {name: each.clone().requires_grad_(True) for name, each in entry.weights.items()}
    images = torch.func.functional_call(student, weights, (downscale(hr.clamp(0, 1), SCALE),))
    found = torch.autograd.grad(loss_of(images, hr), list(weights.values()), create_graph=True)
    pairs = zip(found, entry.gradient, strict=True)
    return torch.stack([(ours - real).square().sum() / real.square().sum() for ours, real in pairs]).mean()


def matched(latents: Tensor, generator: Generator, entries: Sequence[Entry], options: Options) -> Tensor:
    """Move the latents; all of them in each step."""
    z = latents.clone().requires_grad_(True)
    student = build(options.student, 0, _size(options.student))
    adam, draw = torch.optim.Adam([z], lr=options.lr), numpy_stream(options.seed, "views")
    bar = tqdm(range(options.steps), "matching")
    for step in bar:
        if step % len(entries) == 0:
            order = draw.permutation(len(entries))
        hr = views(generator.frozen(z), options.crop, draw)
        loss = distance(student, entries[order[step % len(entries)]], hr)
        adam.param_groups[0]["lr"] = options.lr * share_of_rate(step, options.steps)
        adam.zero_grad()
        loss.backward()
        adam.step()
        bar.set_postfix(distance=f"{float(loss):.3f}")
    return z.detach()


@click.command(help=__doc__)
@click.argument("photos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True)
@click.option("--student", default="small", show_default=True)
@click.option("--crop", default=96, show_default=True)
@click.option("--trajectories", default=2, show_default=True)
@click.option("--points", default="0,25,50,100,150,200,300,400,500,700,900", show_default=True)
@click.option("--real", default=512, show_default=True)
@click.option("--steps", default=150, show_default=True)
@click.option("--lr", default=0.004, show_default=True)
def main(photos: Path, file: Path, output: Path, points: str, **options: object) -> None:
    """Match, and write the images."""
    chosen = Options(points=tuple(map(int, points.split(","))), **options)  # type: ignore[arg-type]
    found = read_latents(file)
    generator, side, latents = found.load_generator()[0], found.manifest.hr_size, found.latents
    if chosen.steps:
        catalog = scan(photos, min_size=side)
        crops = torch.from_numpy(read_crops(catalog, grid_crops(catalog, chosen.seed, side), side))
        latents = matched(latents, generator, list(bank(crops, chosen)), chosen)
    output.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        images = to_uint8(generator(as_stored(latents, CODECS["uint8"])))
    for number, image in enumerate(images):
        (output / f"{number:06}.png").write_bytes(encode(image.numpy(), "png"))


if __name__ == "__main__":
    main()
