"""The paper's Table 2: photos enlarged as they are, judged without references."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gsdd.data.degradation import to_float, to_uint8
from gsdd.data.images import read_photo
from gsdd.errors import KernelInputError, MissingExtraError, MissingWeightsError
from gsdd.metrics.measure import Measure
from gsdd.metrics.registry import Files, Metric, find_metrics
from gsdd.study import paper
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.models import BICUBIC, find_model, weights_of
from gsdd.study.photos import Photos
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.report import NOTHING, StudyReport, Table, mean, number
from gsdd.study.score_cell import digests
from gsdd.study.setup_difference import conventions, differences
from gsdd.study.tables import of_every_draw
from gsdd.study.training_cell import TrainingCell, check_model


@dataclass(frozen=True)
class BlindCell:
    """Photos enlarged by one model, and the metrics that need no reference.

    Attributes:
        model: a name or a file for `find_model`; empty takes the student of `trained`.
        photos: to enlarge.
        size: side of the square that is cut from the middle of each, in pixels; 0 is the whole photo.
        metrics: names of metrics without a reference.
        trained: the training whose student is judged.
        files: weights of metrics that the user has.
    """

    model: str
    photos: Photos
    size: int
    metrics: tuple[str, ...]
    trained: TrainingCell | None = None
    files: Files = field(default_factory=Files)

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        return f"blind-{self.trained.name if self.trained else self.model.rpartition('/')[2]}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        return {
            "model": self.trained.identity if self.trained else weights_of(self.model),
            "test": self.photos.sha256,
            "size": self.size,
            "metrics": list(self.metrics),
            "weights": digests(self.files),
        }

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The training of the student."""
        return (self.trained,) if self.trained else ()

    def run(self, workshop: Workshop) -> Result:
        """Enlarge and judge every photo."""
        model = find_model(str(check_model(self.trained, workshop)) if self.trained else self.model,
                           device=workshop.device)  # fmt: skip
        loaded = {metric.name: _load(metric, self.files) for metric in find_metrics(self.metrics)}
        measures = {name: each for name, each in loaded.items() if isinstance(each, Measure)}
        values: dict[str, list[float]] = {name: [] for name in measures}
        missing = {name: each for name, each in loaded.items() if isinstance(each, str)}
        for class_name, small in self._photos(workshop):
            image = to_uint8(model.of_class(class_name)(to_float(small))).cpu()
            for name, measure in measures.items():
                try:
                    values[name].append(float(measure(image, image)))
                except KernelInputError as error:  # too small, or too flat, for this metric
                    missing[name] = str(error)
        return {
            "scores": {name: sum(found) / len(found) for name, found in values.items() if found},
            "missing": {name: why for name, why in missing.items() if not values.get(name)},
            "counted": {name: len(found) for name, found in values.items()},
            "photos": self.photos.catalog.images,
        }

    def _photos(self, workshop: Workshop) -> Iterator[tuple[str, Tensor]]:
        records = [(each.name, record) for each in self.photos.catalog.classes for record in each.photos]
        for done, (class_name, record) in enumerate(records, start=1):
            pixels = torch.from_numpy(read_photo(record.file).pixels).permute(2, 0, 1)[None]
            yield class_name, _middle(pixels, self.size) if self.size else pixels
            workshop.progress("judged without references", done, len(records))


def _middle(image: Tensor, size: int) -> Tensor:
    height, width = image.shape[2:]
    top, left = max(height - size, 0) // 2, max(width - size, 0) // 2
    return image[..., top : top + size, left : left + size]


def _load(metric: Metric, files: Files) -> Measure | str:
    try:
        return metric.load(files)
    except (MissingWeightsError, MissingExtraError) as error:
        return str(error)


@dataclass(frozen=True)
class _Line:
    """A row of Table 2."""

    name: str
    volume: str
    cells: tuple[BlindCell, ...]


def _lines(plan: StudyPlan) -> Iterator[_Line]:
    settings = plan.settings

    def cell(model: str, trained: TrainingCell | None = None) -> BlindCell:
        return BlindCell(model, plan.test, settings.blind_size, settings.blind_metrics, trained, plan.files)

    yield _Line("bicubic", NOTHING, (cell(BICUBIC),))
    for name, weights in settings.generators.items():
        yield _Line(f"{name}, as its authors trained it", NOTHING, (cell(weights),))
    generator = list(settings.generators)[-1]
    student = settings.own_students.get(generator, settings.students[0])
    scored = of_every_draw(plan, generator, settings.main_ipc, student)
    count = settings.main_ipc * plan.classes
    yield _Line(f"student {student} on {count} distilled", str(count), tuple(cell("", each.trained) for each in scored))


def table2_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells of Table 2."""
    return tuple(cell for line in _lines(plan) for cell in line.cells)


def write_table2(plan: StudyPlan, results: Results) -> StudyReport:
    """Write Table 2: a row a model."""
    metrics = plan.settings.blind_metrics
    ours = [
        (line.name, line.volume, *(number(mean(results.score(c, m) for c in line.cells)) for m in metrics))
        for line in _lines(plan)
    ]
    theirs = [(name, *row.values()) for name, row in paper.table2().items()]
    size = plan.settings.blind_size
    remarks = [
        *differences(plan),
        f"Enlarged x4 as they are: {f'squares of {size} px from the middle of' if size else 'whole'} the test photos; "
        "the paper: photos of DPED. Give a folder of DPED's as the test photos for its set-up.",
        *conventions(plan, results, metrics),
    ]
    tables = [
        Table(("model", "training images", *metrics), ours, "Ours:"),
        Table(paper.TABLE2_HEAD, theirs, "The paper's Table 2:"),
    ]
    return StudyReport("Table 2: without references", tables, remarks)
