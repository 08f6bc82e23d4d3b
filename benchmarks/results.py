"""The tables and plots of docs/results.md, by `gsdd study rate` and `gsdd study compare`.

    python benchmarks/cells.py unpack benchmarks/results/frontier.jsonl build/study   # to go on from those
    python benchmarks/results.py ../shared/data/mini-ost/train ../shared/data/mini-ost/test -o build/study

Runs each config beside this file whose name the page has between two marks, in one folder of cells, and puts the tables
there, and plots beside the page. Killed, it goes on where it was; with --cells it works out so many of each config and
shows what there is.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
# Of configs; any other is a comparison.
EXPERIMENTS = {"frontier": "rate"}
MARKS = re.compile(r"(<!-- (\w+)\.toml -->\n).*?(<!-- end -->)", re.DOTALL)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("train", type=FOLDER)
@click.argument("test", type=FOLDER)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the study.")
@click.option("--cells", type=int, help="Cells of each config to work out now.")
def main(train: Path, test: Path, output: Path, cells: int | None) -> None:
    """Work the studies out and fill the page in."""
    tables = {name: _tables(name, train, test, output, cells) for _, name, _ in MARKS.findall(PAGE.read_text())}
    # The page as it is now: the studies took hours.
    PAGE.write_text(MARKS.sub(lambda found: f"{found[1]}{tables[found[2]]}\n{found[3]}", PAGE.read_text()))


def _tables(name: str, train: Path, test: Path, output: Path, cells: int | None) -> str:
    experiment = EXPERIMENTS.get(name, "compare")
    limit = [] if cells is None else ["--cells", str(cells)]
    config = Path(__file__).with_name(f"{name}.toml")
    words = ["study", experiment, train, test, "-o", output, "--config", config, *limit]
    subprocess.run([sys.executable, "-m", "gsdd", *map(str, words)], check=True)
    for plot in output.glob(f"{experiment}-*.png"):
        shutil.copy(plot, PAGE.with_name(plot.name))
    return (output / f"{experiment}.md").read_text().partition("\n")[2].strip()


if __name__ == "__main__":
    main()
