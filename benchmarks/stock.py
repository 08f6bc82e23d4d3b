"""Run a trainer's own stock configuration on a .gsdd file: type and root changed, nothing else (docs/trainers.md).

    python benchmarks/stock.py {BasicSR,Real-ESRGAN,traiNNer-redux} CHECKOUT... CONFIGURATION FILE.gsdd

CHECKOUT is a copy of the trainer's repository whose requirements are installed beside gsdd; Real-ESRGAN needs that of
BasicSR first. Nothing of it is changed, but that what it puts on a GPU stays on the CPU, and that batches are of two
and workers none. Its own code parses the configuration, builds the dataset and serves a batch; a model that degrades
HR takes the batch in `feed_data`.
"""

import importlib
import logging
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from gsdd.integrations.basicsr import register

TYPES = {
    "pairedimagedataset": "DistilledPairsDataset",
    "realesrgandataset": "DistilledRealESRGANDataset",
    "singlegtdataset": "DistilledGtDataset",
}


def changed(text: str, root: str) -> str:
    """Change type and root of the training set; validation sets, whose folders are not here, go."""
    text = re.split(r"\n  (?:# )?val:", text)[0] + "\n" + "\n".join(_sections(text))
    text = re.sub(r"^( +dataroot_gt:) *(?:\[[^]]*\]|.*)$", rf"\1 {root}", text, flags=re.M)
    # A network that a GAN begins from: the user's own, and none is here.
    text = re.sub(r"^( +pretrain_network_\w+:).*$", r"\1 ~", text, flags=re.M)
    text = re.sub(r"^ +dataroot_lq:(?: *\[[^]]*\]| .*)$", "", text, flags=re.M)
    return re.sub(r"^( +type: )(\w+)", lambda match: match[1] + TYPES.get(match[2].lower(), match[2]), text, flags=re.M)


def _sections(text: str) -> list[str]:
    """List what comes after the data sets, from the first line that is no longer indented."""
    after = text[text.index("\ndatasets:") + 1 :].splitlines()[1:]
    start = next(number for number, line in enumerate(after) if line and not line.startswith((" ", "#")))
    return after[start:]


def parsed(trainer: str, folder: Path) -> tuple[Any, Any]:
    """Let the trainer parse the configuration; give its options and arguments."""
    package = "traiNNer" if trainer == "traiNNer-redux" else "basicsr"
    register(package)
    sys.argv = ["train.py", "-opt", str(folder / "stock.yml")]
    if package == "traiNNer":
        return importlib.import_module("traiNNer.utils.config").Config.load_config_from_file(str(folder))
    return importlib.import_module("basicsr.utils.options").parse_options(str(folder))


def batch_of(trainer: str, options: Any, arguments: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Let the trainer build the dataset; serve a batch of two."""
    if trainer == "traiNNer-redux":
        # Its loader, which settles `gt_size` on the way, is of the configuration's workers and batch size.
        make = importlib.import_module("train").create_train_val_dataloader
        dataset = make(options, arguments, False, logging.getLogger())[0].dataset
    else:
        dataset = importlib.import_module("basicsr.data").build_dataset(options["datasets"]["train"])
    return dataset, next(iter(DataLoader(dataset, 2)))


def degraded(trainer: str, options: Any, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """Let the trainer's real-world model degrade a batch; give its LR and HR."""
    torch.nn.Module.cuda = lambda self, device=None: self  # type: ignore[method-assign, assignment]
    model = trainner_model(options) if trainer == "traiNNer-redux" else real_esrgan_model(options)
    jpeg = model.jpeger
    # Theirs is laid out as a GPU's padding does not mind, and a CPU's does.
    model.jpeger = lambda image, quality: jpeg(image, quality=quality).contiguous()
    # Their pool of pairs lies on a GPU.
    model._dequeue_and_enqueue = lambda: None
    model.feed_data(batch)
    return model.lq, model.gt


def trainner_model(options: Any) -> Any:  # noqa: ANN401
    """Build the whole model of traiNNer-redux, with the networks, losses and optimisers of the configuration."""
    model = importlib.import_module("traiNNer.models").build_model(options)
    model.memory_format = torch.contiguous_format
    return model


def real_esrgan_model(options: Any) -> Any:  # noqa: ANN401
    """Make what degrades in Real-ESRGAN's model: the whole wants the weights of a network that is not here."""
    kind = importlib.import_module("realesrgan.models.realesrgan_model").RealESRGANModel
    utils = importlib.import_module("basicsr.utils")
    model = kind.__new__(kind)
    model.opt, model.is_train, model.device = options, True, torch.device("cpu")
    model.jpeger, model.usm_sharpener = utils.DiffJPEG(differentiable=False), utils.USMSharp()
    return model


@click.command(help=__doc__)
@click.argument("trainer", type=click.Choice(["BasicSR", "Real-ESRGAN", "traiNNer-redux"]))
@click.argument("checkouts", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("configuration", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(trainer: str, checkouts: tuple[Path, ...], configuration: Path, file: Path) -> None:
    """Serve a batch as a stock configuration asks for it."""
    sys.path[:0] = [str(checkout.absolute()) for checkout in checkouts]
    root = f"[{file.absolute()}]" if trainer == "traiNNer-redux" else str(file.absolute())
    text = changed(configuration.read_text(), root)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        (folder / "stock.yml").write_text(re.sub(r"^num_gpu: .*$", "num_gpu: 0", text, flags=re.M))
        options, arguments = parsed(trainer, folder)
        dataset, batch = batch_of(trainer, options, arguments)
        served = {key: list(value.shape) for key, value in batch.items() if isinstance(value, Tensor)}
        line = f"{configuration.name}: {len(dataset)} items, {served}"
        if "kernel1" in batch:
            lq, gt = degraded(trainer, options, batch)
            line += f"; degraded to LR {list(lq.shape)} in [{lq.min():.3f}, {lq.max():.3f}] of HR {list(gt.shape)}"
        click.echo(line)


if __name__ == "__main__":
    main()
