"""A model by its name, scored on photos."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from gsdd.metrics.evaluation import score_folder
from gsdd.metrics.outputs import Outputs
from gsdd.metrics.registry import Files
from gsdd.metrics.scores import Evaluation
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import announcing, pick_device
from gsdd.parallel.exact import exact_fp32
from gsdd.parallel.memory_error import advising
from gsdd.recipe import OnBadImage
from gsdd.students.models import find_model

METRICS = ("psnr", "ssim", "lpips", "st-lpips", "niqe")
NO_FILES = Files()
NO_OUTPUTS = Outputs()


def evaluate(
    model: str | PathLike[str],
    photos: str | PathLike[str],
    *,
    scale: int | None = None,
    metrics: Sequence[str] = METRICS,
    files: Files = NO_FILES,
    outputs: Outputs = NO_OUTPUTS,
    on_bad_image: OnBadImage = "fail",
    device: str = "auto",
    monitor: Monitor = SILENT,
) -> Evaluation:
    """Score a model on photos: each is down-sampled by antialiased bicubic, enlarged by the model, and compared.

    Args:
        model: "bicubic", the name of a generator, or a file: a checkpoint of a student, or any SR network that spandrel
            reads.
        photos: a folder with one folder of photos a class, or with photos; it is only read.
        scale: HR side / LR side; needed for bicubic only, and otherwise checked.
        metrics: names, such as "psnr-y", or of families, such as "psnr".
        files: weights of metrics that you have.
        outputs: a table and pictures to write.
        on_bad_image: "fail" stops at a file that is not a photo; "skip" lists it in the result.
        device: where model and metrics run; "auto" takes a GPU if there is one.
        monitor: receives progress in photos.

    Returns:
        The scores, with the model's name. A metric whose weights are not on this machine is missing, with the reason.

    Raises:
        GeneratorError: there is no such model, or its file is damaged.
        RecipeError: there is no such metric, or the model is of another scale.
        SourceError: there are no photos, or one is bad.
        MetricError: weights of a metric are damaged.
        OutputError: an output exists already, or cannot be written.
        DeviceMemoryError: a photo is too large for the device.
    """
    place = pick_device(device)
    found = find_model(str(model), device=place, scale=scale)
    advice = 'take `device="cpu"`, or smaller photos'
    with exact_fp32(found.device.type), advising(f"{found.name} on a whole photo", found.device, advice):
        scores = score_folder(
            found,
            Path(photos),
            metrics,
            files=files,
            outputs=outputs,
            on_bad_image=on_bad_image,
            scale=found.scale,
            device=place,
            monitor=announcing(monitor, device, place),
        )
    return replace(scores, model=found.name, about=found.about)
