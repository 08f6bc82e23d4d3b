"""Files of an evaluation: a CSV with a row a photo, and a PNG a photo with LR, output and HR side by side."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from gsdd.data.images import encode
from gsdd.errors import OutputError
from gsdd.formats.atomic import check_output, check_outside, remove_orphans, write_atomically
from gsdd.formats.lock import working_on
from gsdd.metrics.scores import Evaluation

GAP = 8
WHITE = 255


@dataclass(frozen=True)
class Pictures:
    """LR, a model's output and HR of one photo: uint8 RGB `[1, 3, H, W]`, LR `[1, 3, h, w]`."""

    small: Tensor
    output: Tensor
    reference: Tensor


@dataclass(frozen=True)
class Outputs:
    """Where an evaluation writes to; nothing, if neither is given.

    Attributes:
        table: a .csv file.
        pictures: a folder; a photo `sky/1.jpg` becomes `sky/1.jpg.png` in it.
        force: whether to replace files that are there.
    """

    table: Path | None = None
    pictures: Path | None = None
    force: bool = False

    def check(self, photos: Iterable[str], source: Path) -> None:
        """Find before the work what could not be written after it.

        Args:
            photos: their paths relative to `source`.
            source: the folder of photos, which is only read from.

        Raises:
            OutputError: a file exists already, lies in the source, or has no folder.
        """
        if self.table is not None:
            check_outside(self.table, source)
            check_output(self.table, force=self.force)
        for path in self._picture_files(photos):
            check_outside(path, source)
            if path.exists() and not self.force:
                raise OutputError(f"{path}: exists already; `force=True` replaces it")

    def at_work(self) -> AbstractContextManager[None]:
        """Keep other evaluations from the table, or else from the pictures, while this one computes."""
        output = self.table or self.pictures
        return nullcontext() if output is None else working_on(output)

    def write_table(self, evaluation: Evaluation) -> None:
        """Write a row a photo and a column a metric; what is missing is empty, what is not finite says so."""
        if self.table is None:
            return
        names = [score.metric.name for score in evaluation.scores]
        rows = [photo.cells() for photo in evaluation.photos]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, ["path", "width", "height", "cropped", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.table, text.getvalue().encode(), force=self.force, follow=True)

    def write_pictures(self, photo: str, shown: Pictures) -> None:
        """Write the PNG of one photo, by its path relative to the source."""
        for path in self._picture_files([photo]):
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_orphans(path.parent, path.name)
            write_atomically(path, encode(_side_by_side(shown).numpy(), "png"), force=self.force)

    def _picture_files(self, photos: Iterable[str]) -> Iterator[Path]:
        if self.pictures is not None:
            yield from (self.pictures / f"{photo}.png" for photo in photos)


def _side_by_side(shown: Pictures) -> Tensor:
    """Give uint8 `[3, H, W]`: LR enlarged without smoothing, output, HR, with white between them."""
    height, width = shown.reference.shape[2:]
    enlarged = F.interpolate(shown.small, size=(height, width), mode="nearest")
    white = torch.full((1, 3, height, GAP), WHITE, dtype=torch.uint8)
    return torch.cat([enlarged, white, shown.output, white, shown.reference], dim=3)[0]
