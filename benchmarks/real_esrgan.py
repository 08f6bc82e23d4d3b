"""The degradation `realesrgan` against the code that its authors published, and how fast it is (docs/degradations.md).

    python benchmarks/real_esrgan.py rate
    python benchmarks/real_esrgan.py compare path/to/BasicSR path/to/Real-ESRGAN [PHOTOS]

`compare` runs the authors' own dataset and model from two checkouts whose requirements are installed beside gsdd.
Nothing of them is changed, but that what they put on a GPU stays on the CPU, that HR is not sharpened, and that their
pool of earlier pairs is left out. Both degrade the same crop of 128x128. A row a quantity: mean and standard deviation
over the draws of ours and of theirs, and by how many standard errors the means are apart.

`rate` serves pairs of 128x128 from a loader, and counts the processor's time too, which busy cores do not change much.
"""

import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import torch
import yaml
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

import gsdd
from gsdd.data.real_esrgan.kernels import padded
from gsdd.data.real_esrgan.process import RealESRGAN, draw_plan
from gsdd.data.real_esrgan.stages import add_noise, jpeg
from gsdd.data.sample_photos import package_photos
from gsdd.data.served import Draw

SIDE, SCALE = 128, 4
Measured = dict[str, list[float]]


def width(kernel: Tensor) -> float:
    """Give the standard deviation of the Gaussian that has as much energy as a kernel."""
    return float((4 * torch.pi * kernel.double().square().sum()) ** -0.5)


def blockiness(image: Tensor) -> float:
    """Tell how much larger steps between blocks of 8 pixels are than steps inside of them: a ratio, 1 for no blocks."""
    steps = (image[..., 1:] - image[..., :-1]).abs().mean((0, 1))
    at_edges = torch.zeros(len(steps), dtype=torch.bool)
    at_edges[7::8] = True
    return float(steps[at_edges].mean() / steps[~at_edges].mean())


def roughness(image: Tensor) -> float:
    """Give the mean step between neighbours, in 8-bit levels."""
    return float((image[..., 1:] - image[..., :-1]).abs().mean() * 255)


def of_output(low: Tensor) -> dict[str, float]:
    """Measure LR."""
    return {"LR: mean level": float(low.mean() * 255), "LR: step between neighbours": roughness(low)}


def ours(crop: Tensor, number: int) -> dict[str, float]:
    """Measure one of our draws."""
    draw, generator = Draw(0, number, 0), torch.Generator().manual_seed(number)
    plan = draw_plan(draw)
    values = {
        f"kernel {n}: width": width(torch.from_numpy(padded(each.kernel))) for n, each in enumerate(plan.rounds, 1)
    }
    for n, each in enumerate(plan.rounds, 1):
        values[f"noise {n}: deviation"] = float((add_noise(crop, each.noise, generator) - crop).std() * 255)
    values["last sinc: width"] = width(torch.from_numpy(padded(plan.sinc)))
    values["JPEG: blockiness"] = blockiness(jpeg(crop, plan.rounds[0].quality))
    return values | of_output(RealESRGAN(SCALE)(crop[None], [draw])[0])


class Public:
    """The authors' dataset and model."""

    def __init__(self, basicsr: Path, real_esrgan: Path, photos: Path) -> None:
        sys.path[:0] = [str(basicsr), str(real_esrgan)]
        torch.nn.Module.cuda = lambda self, device=None: self  # type: ignore[method-assign, assignment]
        from realesrgan.data.realesrgan_dataset import RealESRGANDataset  # type: ignore[import-not-found]
        from realesrgan.models.realesrnet_model import RealESRNetModel  # type: ignore[import-not-found]

        self.options = yaml.safe_load((real_esrgan / "options" / "train_realesrgan_x4plus.yml").read_text())
        train = self.options["datasets"]["train"]
        files = sorted(str(path.relative_to(photos)) for path in photos.rglob("*") if path.suffix in (".png", ".jpg"))
        self._list = photos / "list.txt"
        self._list.write_text("\n".join(files))
        self.dataset = RealESRGANDataset({**train, "dataroot_gt": str(photos), "meta_info": str(self._list)})
        self.model = RealESRNetModel.__new__(RealESRNetModel)
        self.model.opt = {**self.options, "gt_usm": False, "gt_size": SIDE}
        self.model.is_train, self.model.device = True, torch.device("cpu")
        self.model._dequeue_and_enqueue = lambda: None

    def draw(self, crop: Tensor, number: int) -> dict[str, float]:
        """Measure one of their draws."""
        item = self.dataset[number % len(self.dataset)]
        second = item["kernel2"] if np.random.random() < self.options["second_blur_prob"] else pulse()
        values = {
            "kernel 1: width": width(item["kernel1"]),
            "kernel 2: width": width(second),
            "noise 1: deviation": float((self._noisy(crop, "") - crop).std() * 255),
            "noise 2: deviation": float((self._noisy(crop, "2") - crop).std() * 255),
            "last sinc: width": width(item["sinc_kernel"]),
            "JPEG: blockiness": blockiness(self._jpeg(crop)),
        }
        data = {name: item[name][None] for name in ("kernel1", "kernel2", "sinc_kernel")}
        self.model.feed_data({**data, "gt": crop[None]})
        return values | of_output(self.model.lq[0])

    def _noisy(self, crop: Tensor, end: str) -> Tensor:
        from basicsr.data.degradations import (  # type: ignore[import-not-found]
            random_add_gaussian_noise_pt,
            random_add_poisson_noise_pt,
        )

        grey = self.options[f"gray_noise_prob{end}"]
        common = {"gray_prob": grey, "clip": True, "rounds": False}
        if np.random.random() < self.options[f"gaussian_noise_prob{end}"]:
            added = random_add_gaussian_noise_pt(crop[None], sigma_range=self.options[f"noise_range{end}"], **common)
        else:
            scales = self.options[f"poisson_scale_range{end}"]
            added = random_add_poisson_noise_pt(crop[None], scale_range=scales, **common)
        return added[0]

    def _jpeg(self, crop: Tensor) -> Tensor:
        from basicsr.utils import DiffJPEG

        self.model.jpeger = getattr(self.model, "jpeger", None) or DiffJPEG(differentiable=False)
        quality = torch.empty(1).uniform_(*self.options["jpeg_range"])
        found: Tensor = self.model.jpeger(crop[None], quality=quality)[0]
        return found


def encoders(crops: list[Tensor], draws: int) -> Measured:
    """Measure the blockiness of the same images at the same quality: of our encoder, Pillow's, and their simulation."""
    from basicsr.utils import DiffJPEG

    simulated, draw = DiffJPEG(differentiable=False), np.random.default_rng(0)
    found: Measured = {"torchvision": [], "Pillow": [], "simulated": []}
    for number in range(draws):
        crop, quality = crops[number % len(crops)], int(draw.integers(30, 96))
        found["torchvision"].append(blockiness(jpeg(crop, quality)))
        found["Pillow"].append(blockiness(by_pillow(crop, quality)))
        found["simulated"].append(blockiness(simulated(crop[None], quality=torch.tensor([float(quality)]))[0]))
    return found


def by_pillow(image: Tensor, quality: int) -> Tensor:
    """Encode and decode with a third library."""
    pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255


def pulse() -> Tensor:
    """Give the kernel that changes nothing."""
    return torch.from_numpy(padded(None))


def collected(draw: Callable[[Tensor, int], dict[str, float]], crops: list[Tensor], draws: int) -> Measured:
    """Measure so many draws."""
    rows = [draw(crops[number % len(crops)], number) for number in range(draws)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def crops_of(photos: Path) -> Iterator[Tensor]:
    """Cut the middle of each photo."""
    for path in sorted(photos.rglob("*")):
        if path.suffix in (".png", ".jpg"):
            with Image.open(path) as photo:
                pixels = np.asarray(photo.convert("RGB"))
            top, left = ((side - SIDE) // 2 for side in pixels.shape[:2])
            yield torch.from_numpy(pixels[top : top + SIDE, left : left + SIDE].copy()).permute(2, 0, 1) / 255


@click.group()
def main() -> None:
    """Measure the degradation."""


@main.command()
@click.argument("basicsr", type=click.Path(path_type=Path, exists=True))
@click.argument("real_esrgan", type=click.Path(path_type=Path, exists=True))
@click.argument("photos", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--draws", default=2000, show_default=True)
def compare(basicsr: Path, real_esrgan: Path, photos: Path | None, draws: int) -> None:
    """Compare the draws with those of the published code."""
    with TemporaryDirectory() as name, torch.no_grad():
        place = photos or package_photos(Path(name) / "photos")
        crops = list(crops_of(place))
        np.random.seed(0)
        torch.manual_seed(0)
        theirs = collected(Public(basicsr.resolve(), real_esrgan.resolve(), place).draw, crops, draws)
        own = collected(ours, crops, draws)
        codecs = encoders(crops, draws)
    click.echo(f"| {draws} draws | ours | theirs | standard errors apart |\n|---|---|---|---|")
    for name, values in own.items():
        (mean, spread), (mean2, spread2) = ((np.mean(each), np.std(each)) for each in (values, theirs[name]))
        apart = abs(mean - mean2) / np.hypot(spread, spread2) * draws**0.5
        click.echo(f"| {name} | {mean:.3f} ± {spread:.3f} | {mean2:.3f} ± {spread2:.3f} | {apart:.1f} |")
    told = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in codecs.items())
    click.echo(f"JPEG of the same images at the same quality, blockiness: {told}")


@main.command()
@click.option("--workers", default=2, show_default=True)
@click.option("--repeats", default=5, show_default=True)
@click.option("--seconds", default=4.0, show_default=True)
def rate(workers: int, repeats: int, seconds: float) -> None:
    """Serve pairs of 128x128 of photos of installed packages, in batches of 16."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        file = Path(name) / "a.gsdd"
        settings = {"inversion.steps": 0, "matching.iterations": 0, "crops.real": 1, "crops.ipc": 8}
        recipe = gsdd.Recipe().changed({**settings, "generator": "realesr-animevideov3"})
        gsdd.compress(package_photos(Path(name) / "photos"), file, recipe=recipe)
        pairs = gsdd.DistilledPairs(file, lr="realesrgan", repeat=10_000)
        batches = iter(DataLoader(pairs, 16, shuffle=True, num_workers=workers, collate_fn=pairs.collate))
        found = [_rate(batches, seconds) for _ in range(repeats + 1)][1:]
    told = " ".join(f"{each:.0f}" for each in found)
    click.echo(f"{workers} workers, 128x128: {told} pairs a second, median {statistics.median(found):.0f}")
    hr = torch.rand(64, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    began = time.process_time()
    RealESRGAN(SCALE)(hr, [Draw(0, number, 0) for number in range(len(hr))])
    click.echo(f"{(time.process_time() - began) / len(hr) * 1e3:.1f} ms of a core's time a pair")


def _rate(batches: Iterator[Any], seconds: float) -> float:
    served, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        served += len(next(batches)["gt"])
    return served / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
