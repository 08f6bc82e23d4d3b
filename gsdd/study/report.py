"""A table as CSV and as Markdown, and the parts of a report."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gsdd.formats.atomic import write_atomically

NOTHING = "-"
# Behind the point; of metrics that are not here 4.
DIGITS = {"psnr-y": 2, "psnr-rgb": 2}

Row = Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        head: of the columns.
        rows: as many texts each.
        title: what it shows, a line.
    """

    head: Row
    rows: Sequence[Row]
    title: str = ""

    def to_markdown(self) -> str:
        """Write it as Markdown."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        text = "\n".join(f"| {' | '.join(_cell(each) for each in line)} |" for line in lines)
        return f"{self.title}\n\n{text}\n" if self.title else f"{text}\n"

    def to_csv(self) -> str:
        """Write it as CSV (RFC 4180 but for its line ends)."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([self.head, *self.rows])
        return text.getvalue()


@dataclass(frozen=True)
class StudyReport:
    """What an experiment found.

    Attributes:
        title: its heading.
        tables: the first one is also written as CSV.
        remarks: what must be known to read them, a line each.
        pictures: PNG files by what they are called, "" for the experiment's own name.
    """

    title: str
    tables: Sequence[Table]
    remarks: Sequence[str] = ()
    pictures: dict[str, bytes] = field(default_factory=dict)

    def write(self, folder: Path, name: str) -> tuple[Path, ...]:
        """Write the files of an experiment; those of an earlier call are replaced.

        Args:
            folder: of the study.
            name: of the experiment.

        Returns:
            The files.

        Raises:
            OutputError: one cannot be written.
        """
        pictures = {folder / f"{name}{_suffix(which)}.png": data for which, data in self.pictures.items()}
        texts = {folder / f"{name}.csv": self.tables[0].to_csv(), folder / f"{name}.md": self._markdown(pictures)}
        for path, text in texts.items():
            write_atomically(path, text.encode(), force=True)
        for path, data in pictures.items():
            write_atomically(path, data, force=True)
        return (*texts, *pictures)

    def _markdown(self, pictures: Iterable[Path]) -> str:
        parts = [f"# {self.title}\n", *(table.to_markdown() for table in self.tables)]
        parts += ["\n".join(f"- {each}" for each in self.remarks) + "\n"]
        parts += [f"![{path.stem}]({path.name})\n" for path in pictures]
        return "\n".join(parts)


def number(value: float | None, digits: int = 4) -> str:
    """Spell a number; a dash where there is none."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def score_text(value: float | None, metric: str) -> str:
    """Spell a score as precisely as its metric is given."""
    return number(value, DIGITS.get(metric, 4))


def signed(value: float, digits: int) -> str:
    """Spell a number with its sign."""
    return f"{value:+.{digits}f}"


def mean(values: Iterable[float | None]) -> float | None:
    """Average those values that there are."""
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None


def _suffix(which: str) -> str:
    return f"-{which}" if which else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
