"""Every metric by its name, with its convention; nothing is loaded before it is used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

from gsdd.data.degradation import SCALE
from gsdd.errors import RecipeError
from gsdd.formats.digest import file_digest
from gsdd.metrics.conventions import Channel, Convention, border
from gsdd.metrics.lpips import CONVENTION as LPIPS_CONVENTION
from gsdd.metrics.lpips import Net, load_lpips
from gsdd.metrics.measure import Measure
from gsdd.metrics.niqe import niqe
from gsdd.metrics.nrqm import existing_model, nrqm, perceptual_index
from gsdd.metrics.psnr import psnr
from gsdd.metrics.shift_tolerant_lpips import load_st_lpips
from gsdd.metrics.ssim import ssim

OURS = "gsdd"


@dataclass(frozen=True)
class Files:
    """What a user gives by hand.

    Attributes:
        lpips_trunk: torchvision's weights of alexnet or vgg16; None looks in torchvision's cache.
        nrqm_model: the model file of NRQM; None leaves NRQM and PI out.
    """

    lpips_trunk: Path | None = None
    nrqm_model: Path | None = None


@dataclass(frozen=True)
class Metric:
    """A metric, its convention, and what it needs.

    Attributes:
        name: what `metrics` takes and tables say.
        better: which values are.
        convention: what of an image it looks at.
        needs: weights that do not come with gsdd, in a few words; empty if there are none.
        load: reads the weights, for images on a device; raises MissingWeightsError or MissingExtraError where they are
            not here.
        unit: of its values.
    """

    name: str
    better: Literal["higher", "lower"]
    convention: Convention
    needs: str
    load: Callable[[Files, torch.device], Measure]
    unit: str = ""


def find_metrics(names: Sequence[str], scale: int = SCALE) -> tuple[Metric, ...]:
    """Look metrics up.

    Args:
        names: of metrics, or of families: "psnr" is psnr-y and psnr-rgb.
        scale: HR side / LR side: as many pixels are left out along each border.

    Returns:
        The metrics in this order, each once.

    Raises:
        RecipeError: a name is unknown, or there is none.
    """
    unknown = [name for name in names if name not in METRICS and name not in FAMILIES]
    if unknown or not names:
        known = ", ".join([*FAMILIES, *METRICS])
        raise RecipeError(f"`metrics`: got {', '.join(map(repr, unknown)) or 'none'}; wanted some of {known}")
    single = dict.fromkeys(name for given in names for name in FAMILIES.get(given, (given,)))
    known_metrics = METRICS if scale == SCALE else _metrics_at(scale)
    return tuple(known_metrics[name] for name in single)


def _pixel_metric(
    name: str, function: Callable[[Tensor, Tensor, Convention], Tensor], shave: int, channel: Channel, unit: str = ""
) -> Metric:
    convention = Convention(channel, shave=shave)
    measure = Measure(lambda images, references: function(images, references, convention), OURS)
    return Metric(f"{name}-{channel.lower()}", "higher", convention, "", lambda files, device: measure, unit)


def _lpips(name: str, net: Net) -> Metric:
    return Metric(
        name,
        "lower",
        LPIPS_CONVENTION,
        "torchvision's weights of its trunk, in torchvision's cache or `lpips_trunk=FILE`",
        lambda files, device: load_lpips(net, files.lpips_trunk, device),
    )


def _st_lpips(name: str, net: Net) -> Metric:
    return Metric(
        name, "lower", LPIPS_CONVENTION, "the wheel stlpips-pytorch", lambda files, device: load_st_lpips(net, device)
    )


def _pirm(scale: int) -> Convention:
    """Give PIRM 2018's convention: MATLAB's rgb2ycbcr of 8-bit images, a border as wide as the scale left out."""
    return Convention("Y", shave=border(scale), rounded=True)


def _load_niqe(shave: int) -> Callable[[Files, torch.device], Measure]:
    # On a GPU its fits would wait for the host, and torch compiles lgamma there.
    return lambda files, device: Measure(lambda images, _: niqe(images.cpu(), shave), f"{OURS}, official model")


def _with_nrqm(function: Callable[[Tensor, Path, int], Tensor], shave: int) -> Callable[[Files, torch.device], Measure]:
    def load(files: Files, device: torch.device) -> Measure:
        model = existing_model(files.nrqm_model)
        about = f"{OURS}, NRQM's model sha256 {file_digest(model)[:12]}"
        # Its forests, and the statistics before them, are numpy's: on a GPU it would go back and forth.
        return Measure(lambda images, _: function(images.cpu(), model, shave), about)

    return load


def _metrics_at(scale: int) -> Mapping[str, Metric]:
    shave, pirm = border(scale), _pirm(scale)
    of_nrqm, of_pi = _with_nrqm(nrqm, shave), _with_nrqm(perceptual_index, shave)
    metrics = (
        _pixel_metric("psnr", psnr, shave, "Y", "dB"),
        _pixel_metric("psnr", psnr, shave, "RGB", "dB"),
        _pixel_metric("ssim", ssim, shave, "Y"),
        _pixel_metric("ssim", ssim, shave, "RGB"),
        _lpips("lpips", "alex"),
        _lpips("lpips-vgg", "vgg"),
        _st_lpips("st-lpips", "alex"),
        _st_lpips("st-lpips-vgg", "vgg"),
        Metric("niqe", "lower", pirm, "", _load_niqe(shave)),
        Metric("nrqm", "higher", pirm, "its authors' model.mat: `nrqm_model=FILE`", of_nrqm),
        Metric("pi", "lower", pirm, "the model.mat of NRQM: `nrqm_model=FILE`", of_pi),
    )
    return MappingProxyType({metric.name: metric for metric in metrics})


METRICS = _metrics_at(SCALE)
FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"psnr": ("psnr-y", "psnr-rgb"), "ssim": ("ssim-y", "ssim-rgb")}
)
