"""Feed what `gsdd expand` prints, and the .gsdd file itself, to the real trainers (outcome: docs/trainers.md).

    python benchmarks/trainers.py {BasicSR,traiNNer-redux,neosr,KAIR} CHECKOUT {png,webp,by-class,file} FILE.gsdd \
        [--scale 2]

CHECKOUT is a copy of the trainer's repository whose requirements are installed beside gsdd. Nothing of it is changed:
its own code parses the configuration, builds the dataset and the loader and serves the batches; here the items are
compared with the pairs that `gsdd` decodes. With BasicSR, which runs without a GPU, a few iterations are trained too.
"""

import copy
import importlib
import itertools
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor
from torch.utils.data import DataLoader

import gsdd
from gsdd.data.degradation import cut, low_resolution
from gsdd.data.images import ImageFormat
from gsdd.integrations.basicsr import register
from gsdd.pairs.expand import expand

BATCHES = 4
Item = dict[str, Any]
YAML = """
name: check
model_type: SRModel
num_gpu: 0
manual_seed: 0
network_g: {type: MSRResNet, num_feat: 8, num_block: 1, upscale: 4}
path: {}
train:
  optim_g: {type: Adam, lr: 0.001}
  scheduler: {type: MultiStepLR, milestones: [100]}
  total_iter: 4
  pixel_opt: {type: L1Loss}
logger: {print_freq: 1, save_checkpoint_freq: 100, use_tb_logger: false}
"""
TRAINNER_YAML = """
name: check
num_gpu: 0
manual_seed: 1
path: {}
network_g: {type: esrgan}
train:
  total_iter: 4
  ema_decay: 0
logger: {print_freq: 1, save_checkpoint_freq: 100, use_tb_logger: false}
"""
TOML = 'name = "check"\nmodel_type = "image"\nnum_gpu = 0\nmanual_seed = 1\n'
JSON = {"task": "check", "gpu_ids": [], "path": {"root": "."}, "netG": {}, "train": {}}


class Ours:
    """The pairs as gsdd decodes them, to find theirs in."""

    def __init__(self, file: Path, scale: int) -> None:
        self.hr = cut(gsdd.open(file).images(), scale)
        self.scale = scale
        self.lr = low_resolution(self.hr, self.scale)

    def is_pair(self, item: Item) -> bool:
        """Tell whether an item is one of our pairs, whole and equal in value."""
        number = number_of(item["gt_path"])
        return torch.equal(item["gt"], self.hr[number] / 255) and torch.equal(item["lq"], self.lr[number] / 255)

    def has_crop(self, item: Item) -> bool:
        """Tell whether an item is an aligned crop of our pair, turned in one of eight ways."""
        return any(self._is_at_some_place(number_of(item["gt_path"]), *turned) for turned in orientations(item))

    def _is_at_some_place(self, number: int, lq: Tensor, gt: Tensor) -> bool:
        side = lq.shape[-1]
        windows = (self.lr[number] / 255).unfold(1, side, 1).unfold(2, side, 1)
        places = (windows == lq[:, None, None]).all(dim=(0, 3, 4)).nonzero().tolist()
        hr, size = self.hr[number] / 255, gt.shape[-1]
        tops_and_lefts = [(top * self.scale, left * self.scale) for top, left in places]
        return any(torch.equal(hr[:, top : top + size, left : left + size], gt) for top, left in tops_and_lefts)


def number_of(path: str) -> int:
    """Read the number of a latent out of `HR/sky_000012.png` or `ost.gsdd::sky/000012`."""
    return int(Path(path).stem[-6:])


def orientations(item: Item) -> Iterator[tuple[Tensor, Tensor]]:
    """Turn and mirror the LR and the HR image of an item alike."""
    for turns, mirrored in itertools.product(range(4), (False, True)):
        lq, gt = (item[side].rot90(turns, (1, 2)) for side in ("lq", "gt"))
        yield (lq.flip(2), gt.flip(2)) if mirrored else (lq, gt)


def split(batches: Iterable[Item]) -> list[Item]:
    """Take the items of a few batches."""
    taken = itertools.islice(batches, BATCHES)
    return [{name: batch[name][n] for name in batch} for batch in taken for n in range(len(batch["gt_path"]))]


def prefetched(prefetcher: Any, sampler: Any) -> Iterator[Item]:  # noqa: ANN401
    """Serve two epochs, half of the batches from each, as the trainers' loops do."""
    for epoch in range(2):
        sampler.set_epoch(epoch)
        prefetcher.reset()
        for _ in range(BATCHES // 2):
            yield prefetcher.next()


def basicsr(text: str, folder: Path) -> tuple[Any, Iterator[Item]]:
    """Train for a few iterations with BasicSR's own code; then parse, build and serve."""
    scale = text.partition("scale: ")[2].partition("\n")[0]
    (folder / "check.yml").write_text(text + YAML.replace("upscale: 4", f"upscale: {scale}"))
    sys.argv = ["train.py", "-opt", str(folder / "check.yml")]
    train = importlib.import_module("basicsr.train")
    train.train_pipeline(str(folder))
    opt, _ = importlib.import_module("basicsr.utils.options").parse_options(str(folder))
    loader, sampler, *_ = train.create_train_val_dataloader(opt, logging.getLogger())
    whole = train.build_dataset({**opt["datasets"]["train"], "phase": "val"})
    return whole, prefetched(train.CPUPrefetcher(loader), sampler)


def trainner(text: str, folder: Path) -> tuple[Any, Iterator[Item]]:
    """Parse, build and serve with traiNNer-redux's own code; its training wants a GPU."""
    (folder / "check.yml").write_text(text + TRAINNER_YAML)
    sys.argv = ["train.py", "-opt", str(folder / "check.yml")]
    train = importlib.import_module("train")
    opt, args = importlib.import_module("traiNNer.utils.options").parse_options(str(folder))
    whole_opt = copy.deepcopy(opt.datasets["train"])
    whole_opt.phase = "val"
    loader, sampler, *_ = train.create_train_val_dataloader(opt, args, False, logging.getLogger())
    return train.build_dataset(whole_opt), prefetched(train.CPUPrefetcher(loader), sampler)


def neosr(text: str, folder: Path) -> tuple[Any, Iterator[Item]]:
    """Parse, build and serve with neosr's own code; its sampler and train.py want a GPU, train.py Python 3.12 too."""
    (folder / "check.toml").write_text(f"{TOML}{text}")
    sys.argv = ["train.py", "-opt", str(folder / "check.toml")]
    data = importlib.import_module("neosr.data")
    opt, _ = importlib.import_module("neosr.utils.options").parse_options(str(folder))
    train_opt = opt["datasets"]["train"]
    loader = data.build_dataloader(data.build_dataset(train_opt), train_opt, num_gpu=0)
    return data.build_dataset({**train_opt, "phase": "val"}), iter(loader)


def kair(text: str, folder: Path) -> tuple[Any, Iterator[Item]]:
    """Parse and build with KAIR's own code; its loader is made inside its training, which wants a GPU."""
    (folder / "check.json").write_text(json.dumps({**JSON, **json.loads(text)}))
    option = importlib.import_module("utils.utils_option")
    define = importlib.import_module("data.select_dataset").define_Dataset
    opt = option.dict_to_nonedict(option.parse(str(folder / "check.json")))["datasets"]["train"]
    loader = DataLoader(define(opt), opt["dataloader_batch_size"], shuffle=True, num_workers=2, drop_last=True)
    whole = define(type(opt)({**opt, "phase": "val"}))
    return map(renamed, whole), map(renamed, loader)


def renamed(item: Item) -> Item:
    """Give KAIR's keys the others' names."""
    return {name.replace("L", "lq").replace("H", "gt"): value for name, value in item.items()}


TRAINERS: dict[str, Callable[[str, Path], tuple[Any, Iterator[Item]]]] = {
    "BasicSR": basicsr,
    "traiNNer-redux": trainner,
    "neosr": neosr,
    "KAIR": kair,
}


def check(trainer: str, text: str, folder: Path, ours: Ours) -> str:
    """Compare what a trainer reads with our pairs."""
    whole_set, batches = TRAINERS[trainer](text, folder)
    # First those that workers read: libvips, which traiNNer-redux uses, must not run before a fork.
    crops, whole = split(batches), list(whole_set)
    equal, found = sum(map(ours.is_pair, whole)), sum(map(ours.has_crop, crops))
    distinct = len({item["gt"].numpy().tobytes() for item in crops})
    sizes = {(item["lq"].shape[-1], item["gt"].shape[-1]) for item in crops}
    if (equal, len(whole), found) != (len(ours.hr), len(ours.hr), len(crops)):
        raise SystemExit(f"{equal} of {len(whole)} whole items, {found} of {len(crops)} crops are ours")
    return f"{equal} whole items equal ours; {found} crops {sizes} (LR, HR) are ours, {distinct} distinct"


def from_the_file(trainer: str, text: str, file: Path) -> str:
    """Change the printed configuration so that it names the file instead of the folders."""
    root = f"dataroot_gt: [{file}]" if trainer == "traiNNer-redux" else f"file: {file}"
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("dataroot", "io_backend", "type"))]
    at = lines.index("  train:") + 1
    return "\n".join([*lines[:at], "    type: DistilledPairsDataset", f"    {root}", *lines[at:]])


def configuration(trainer: str, form: str, file: Path, scale: int) -> str:
    """Expand into a folder here and return what is printed for a trainer, or its like for the file itself."""
    image_format: ImageFormat = "webp" if form == "webp" else "png"
    report = expand(file, "some pairs", scales=(scale,), by_class=form == "by-class", image_format=image_format)
    if form != "file":
        return report.trainers[trainer]
    register("basicsr" if trainer == "BasicSR" else "traiNNer")
    return from_the_file(trainer, report.trainers[trainer], file)


@click.command(help=__doc__)
@click.argument("trainer", type=click.Choice(list(TRAINERS)))
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("form", type=click.Choice(["png", "webp", "by-class", "file"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--scale", default=4, show_default=True)
def main(trainer: str, checkout: Path, form: str, file: Path, scale: int) -> None:
    """Expand into a new folder and check what the trainer makes of it."""
    sys.path.insert(0, str(checkout.absolute()))
    ours, file = Ours(file, scale), file.absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        text = configuration(trainer, form, file, scale)
        click.echo(text)
        if not text.startswith(("#", "//")):
            click.echo(f"{trainer}, {form}, x{scale}: {check(trainer, text, Path(folder), ours)}")


if __name__ == "__main__":
    main()
