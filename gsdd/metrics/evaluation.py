"""A function from LR to HR -> its scores on a folder of photos."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from gsdd.data.catalog import PhotoRecord, scan
from gsdd.data.degradation import SCALE, cut, low_resolution, to_float, to_uint8
from gsdd.data.images import read_photo
from gsdd.errors import DivergedError, KernelInputError, MissingExtraError, MissingWeightsError, RecipeError
from gsdd.kernels.upload import uploaded
from gsdd.metrics.measure import CPU, Measure
from gsdd.metrics.outputs import Outputs, Pictures
from gsdd.metrics.registry import Files, Metric, find_metrics
from gsdd.metrics.scores import Evaluation, PhotoScores, not_finite, score
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import place_of_float64
from gsdd.parallel.exact import exact_fp32
from gsdd.recipe import OnBadImage

Upscale = Callable[[Tensor], Tensor]
# A photo `[1, 3, H, W]` -> what the model is given, and what its image is compared with; None compares it with nothing.
Prepare = Callable[[Tensor], tuple[Tensor, Tensor | None]]


@runtime_checkable
class ByClass(Protocol):
    """A model whose images depend on the class of the photo too, as SFTGAN's do."""

    def of_class(self, name: str) -> Upscale:
        """Give the model for photos of a class, by the name of its folder."""


def with_reference(photo: Tensor, scale: int = SCALE) -> tuple[Tensor, Tensor]:
    """Make LR of a photo, uint8 `[1, 3, H, W]`, by antialiased bicubic, and cut the photo to LR's size times scale."""
    reference = cut(photo, scale)
    return low_resolution(reference, scale), reference


def score_folder(
    upscale: Upscale,
    photos: Path,
    metrics: Sequence[str],
    *,
    files: Files | None = None,
    outputs: Outputs | None = None,
    on_bad_image: OnBadImage = "fail",
    prepare: Prepare | None = None,
    scale: int = SCALE,
    device: str | torch.device = CPU,
    monitor: Monitor = SILENT,
) -> Evaluation:
    """Score a model on photos: each is HR, its antialiased bicubic is LR, and upscale(LR) is compared with it.

    Photos are processed whole, one at a time, in 8 bits: LR is rounded before the model sees it, its output before it
    is compared.

    Args:
        upscale: maps float32 RGB `[1, 3, h, w]` in [0, 1] on the CPU to `[1, 3, s h, s w]`; if it is `ByClass` too, the
            model of the photo's class does.
        photos: a folder with one folder of photos a class, or with photos.
        metrics: names of `METRICS` or `FAMILIES`.
        files: weights that the user has.
        outputs: what to write.
        on_bad_image: "fail" stops at a file that is not a photo; "skip" lists it in the result.
        prepare: makes LR and the reference of a photo; None is `with_reference`.
        scale: s, HR side / LR side.
        device: where images are compared; on one without float64 the CPU does that, and NIQE, NRQM and PI always.
        monitor: hears how many photos are read, and evaluated.

    Returns:
        The scores. A metric whose weights are not here is in it with the reason, and without a number; a photo that
        is too small for a metric, or has no finite value, is left out of its mean, and named.

    Raises:
        RecipeError: a metric has no such name, or the model does not give images of the right size.
        SourceError: there are no photos, or one is bad.
        MetricError: weights that were given, or installed, are damaged.
        OutputError: an output exists already, or cannot be written.
        DivergedError: the model makes NaN or infinity of a photo.
    """
    wanted, written = find_metrics(metrics, scale), outputs or Outputs()
    place = place_of_float64(torch.device(device))
    measures = {metric.name: _load(metric, files or Files(), place) for metric in wanted}
    loaded = {name: measure for name, measure in measures.items() if isinstance(measure, Measure)}
    catalog = scan(photos, min_size=scale, on_bad_image=on_bad_image, monitor=monitor)
    records = [(photo_class.name, record) for photo_class in catalog.classes for record in photo_class.photos]
    written.check([record.path for _, record in records], catalog.root)
    with written.at_work():
        found = []
        for record, shown in _upscaled(upscale, records, prepare or partial(with_reference, scale=scale), scale):
            found.append(_photo_scores(record, shown, loaded, place))
            written.write_pictures(record.path, shown)
            monitor.progress("evaluate", len(found), len(records))
        scores = tuple(score(metric, measures[metric.name], found) for metric in wanted)
        evaluation = Evaluation(scores, tuple(found), catalog.sha256, catalog.skipped, scale)
        written.write_table(evaluation)
        return evaluation


def _load(metric: Metric, files: Files, device: torch.device) -> Measure | str:
    """Give the metric ready to use, or why it is missing."""
    try:
        return metric.load(files, device)
    except (MissingWeightsError, MissingExtraError) as error:
        return str(error)


def _upscaled(
    upscale: Upscale, records: Sequence[tuple[str, PhotoRecord]], prepare: Prepare, scale: int
) -> Iterator[tuple[PhotoRecord, Pictures]]:
    for class_name, record in records:
        enlarge = upscale.of_class(class_name) if isinstance(upscale, ByClass) else upscale
        small, reference = prepare(torch.from_numpy(read_photo(record.file).pixels).permute(2, 0, 1)[None])
        with torch.no_grad():
            image = enlarge(to_float(small))
        wanted = [*small.shape[:2], scale * small.shape[2], scale * small.shape[3]]
        if list(image.shape) != wanted:
            raise RecipeError(
                f"{record.path}: the model made {list(image.shape)} of LR {list(small.shape)}; wanted {wanted}"
            )
        if bool(image.isfinite().logical_not_().any()):
            raise DivergedError(
                f"{record.path}: the image that the model makes of it is not finite; get the model again"
            )
        output = to_uint8(image.cpu())
        yield record, Pictures(small, output, output if reference is None else reference)


def _photo_scores(
    record: PhotoRecord, shown: Pictures, loaded: Mapping[str, Measure], device: torch.device
) -> PhotoScores:
    values, left_out = {}, {}
    output, reference = (uploaded(image, device) for image in (shown.output, shown.reference))
    with exact_fp32(device.type):
        for name, measure in loaded.items():
            try:
                value = float(measure(output, reference))
            except KernelInputError as error:  # too small, or too flat, for this metric
                left_out[name] = str(error)
                continue
            if reason := not_finite(value):
                left_out[name] = reason
            else:
                values[name] = value
    height, width = shown.reference.shape[2:]
    cropped = (width, height) != (record.width, record.height)
    return PhotoScores(record.path, width, height, cropped, values, left_out)
