"""`gsdd evaluate`: a model's scores on a folder of photos."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gsdd.cli.options import FILE, OUTPUT, PATH, bad_image_option, device_option, force_option
from gsdd.cli.printer import Printer, printing, table
from gsdd.cli.wording import worded

if TYPE_CHECKING:
    from gsdd.metrics.scores import Evaluation, Score
    from gsdd.recipe import OnBadImage

COLUMNS = ("metric", "mean", "photos", "better", "channel", "shaved", "range", "by")
LEGEND = "Y: luma of BT.601, 16..235. Compared in 8 bits; LR is antialiased bicubic of the photo at x{}, in 8 bits too."


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("test", metavar="TESTDIR", type=PATH)
@click.option(
    "--metrics",
    default="psnr,ssim,lpips,st-lpips,niqe",
    help="Any of psnr, ssim (each of Y and of RGB), lpips, lpips-vgg, st-lpips, st-lpips-vgg, niqe, nrqm, pi.",
)
@click.option("--scale", type=int, help="HR side / LR side.  [default: the model's; 4 for bicubic]")
@click.option("--csv", type=OUTPUT, help="Write one row per photo.")
@click.option("--images", type=OUTPUT, help="Write one PNG per photo into this folder: LR, output, HR.")
@click.option("--lpips-trunk", type=FILE, help="torchvision's alexnet or vgg16.  [default: torchvision's cache]")
@click.option("--nrqm-model", type=FILE, help="model.mat of github.com/chaoma99/sr-metric, for nrqm and pi.")
@bad_image_option("fail")
@device_option
@force_option
@printing
def evaluate(
    model: str,
    test: Path,
    scale: int | None,
    metrics: str,
    csv: Path | None,
    images: Path | None,
    lpips_trunk: Path | None,
    nrqm_model: Path | None,
    on_bad_image: "OnBadImage",
    device: str,
    force: bool,
    printer: Printer,
) -> None:
    """Score MODEL on TESTDIR, a folder of HR photos. Each is down-sampled, enlarged by MODEL, and compared.

    MODEL is a checkpoint that gsdd train wrote, any SR network that spandrel reads, a name that gsdd generators
    lists, or bicubic. A metric whose weights are not on this machine is reported as missing; nothing is downloaded.

    \b
    Example:
      gsdd evaluate student.safetensors mini-ost/test --metrics psnr,ssim,st-lpips
    """
    from gsdd.metrics.outputs import Outputs
    from gsdd.metrics.registry import Files
    from gsdd.students.evaluation import evaluate as run

    with printer.progress() as monitor:
        result = run(
            model,
            test,
            scale=scale,
            metrics=[name.strip() for name in metrics.split(",") if name.strip()],
            files=Files(lpips_trunk, nrqm_model),
            outputs=Outputs(csv, images, force),
            on_bad_image=on_bad_image,
            device=device,
            monitor=monitor,
        )
    for line in _remarks(result):
        printer.note(f"note: {line}")
    printer.show(result.to_dict(), _as_text(result))


def _remarks(result: "Evaluation") -> Iterator[str]:
    yield from (f"{item.path}: {item.reason}; skipped" for item in result.skipped)
    if result.cropped:
        yield (
            f"{result.cropped} of {len(result.photos)} photos were cropped at the right and the bottom to multiples "
            f"of {result.scale}, as BasicSR's mod_crop does"
        )
    for score in result.scores:
        left_out = [photo for photo in result.photos if score.metric.name in photo.left_out]
        if left_out and score.images:
            first, name = left_out[0], score.metric.name
            yield f"{name} is over {score.images} of {len(result.photos)} photos; {first.path}: {first.left_out[name]}"


def _as_text(result: "Evaluation") -> str:
    head = f"{result.model} ({result.about}), {len(result.photos)} photos\n"
    missing = [f"{each.metric.name} is missing: {worded(each.missing)}" for each in result.scores if each.missing]
    return "\n".join([head, table([COLUMNS, *map(_row, result.scores)]), f"\n{LEGEND.format(result.scale)}", *missing])


def _row(score: "Score") -> tuple[str, ...]:
    metric, convention = score.metric, score.metric.convention
    return (
        metric.name,
        "missing" if score.mean is None else f"{score.mean:.4f} {metric.unit}",
        f"{score.images}",
        metric.better,
        convention.channel + (" rounded" if convention.rounded else ""),
        f"{convention.shave} px",
        f"{convention.range[0]:g}..{convention.range[1]:g}",
        score.implementation,
    )
