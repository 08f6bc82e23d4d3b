"""The paper's Table 2: photos enlarged as they are, judged without references."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from gsdd.metrics.evaluation import score_folder
from gsdd.metrics.registry import Files
from gsdd.students.models import BICUBIC, find_model, weights_of
from gsdd.study import paper
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.photos import Photos
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.report import NOTHING, StudyReport, Table
from gsdd.study.score_cell import digests, result_of
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
        model = str(check_model(self.trained, workshop)) if self.trained else self.model
        found = score_folder(
            find_model(model, device=workshop.device), self.photos.folder, self.metrics, files=self.files,
            on_bad_image="skip", prepare=lambda photo: (_middle(photo, self.size), None), device=workshop.device,
            monitor=workshop.monitor,
        )  # fmt: skip
        return result_of(found)


def _middle(image: Tensor, size: int) -> Tensor:
    if not size:
        return image
    height, width = image.shape[2:]
    top, left = max(height - size, 0) // 2, max(width - size, 0) // 2
    return image[..., top : top + size, left : left + size]


def _rows(plan: StudyPlan) -> Iterator[tuple[str, str, tuple[BlindCell, ...]]]:
    """Give the name, the number of training images and the cells of each row."""
    settings = plan.settings

    def cell(model: str, trained: TrainingCell | None = None) -> BlindCell:
        return BlindCell(model, plan.test, settings.blind_size, settings.blind_metrics, trained, plan.files)

    yield "bicubic", NOTHING, (cell(BICUBIC),)
    for name, weights in settings.generators.items():
        yield f"{name}, as its authors trained it", NOTHING, (cell(weights),)
    generator = settings.main_generator
    student = settings.own_students.get(generator, settings.students[0])
    scored = of_every_draw(plan, generator, settings.main_ipc, student)
    count = settings.main_ipc * plan.classes
    yield f"student {student} on {count} distilled", str(count), tuple(cell("", each.trained) for each in scored)


def table2_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells of Table 2."""
    return tuple(cell for _, _, cells in _rows(plan) for cell in cells)


def write_table2(plan: StudyPlan, results: Results) -> StudyReport:
    """Write Table 2: a row a model."""
    metrics = plan.settings.blind_metrics
    ours = [(name, volume, *results.texts(cells, metrics)) for name, volume, cells in _rows(plan)]
    theirs = [(name, *row.values()) for name, row in paper.table2().items()]
    size = plan.settings.blind_size
    remarks = [
        f"Enlarged x4 as they are: {f'squares of {size} px from the middle of' if size else 'whole'} the test photos; "
        "the paper: photos of DPED. Give a folder of DPED's as the test photos for its set-up.",
    ]
    tables = [
        Table(("model", "training images", *metrics), ours, "Ours:"),
        Table(paper.TABLE2_HEAD, theirs, "The paper's Table 2:"),
    ]
    return StudyReport("Table 2: without references", tables, remarks)
