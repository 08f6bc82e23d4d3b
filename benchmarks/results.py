"""The tables of docs/results.md: distilled data against their rivals, by `gsdd study compare`.

    python benchmarks/results.py ../shared/data/mini-ost/train ../shared/data/mini-ost/test -o build/study

Runs each config beside this file whose name the page has between two marks, in one folder of cells, and puts the tables
there. Killed, it goes on where it was; with --cells it works out so many of each config and shows what there is.
"""

import re
import subprocess
import sys
from pathlib import Path

import click

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
MARKS = re.compile(r"(<!-- (\w+)\.toml -->\n).*?(<!-- end -->)", re.DOTALL)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("train", type=FOLDER)
@click.argument("test", type=FOLDER)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the study.")
@click.option("--cells", type=int, help="Cells of each config to work out now.")
def main(train: Path, test: Path, output: Path, cells: int | None) -> None:
    """Work the studies out and fill the page in."""

    def tables(found: re.Match[str]) -> str:
        config = Path(__file__).with_name(f"{found[2]}.toml")
        limit = [] if cells is None else ["--cells", str(cells)]
        words = ["study", "compare", train, test, "-o", output, "--config", config, *limit]
        subprocess.run([sys.executable, "-m", "gsdd", *map(str, words)], check=True)
        _, _, body = (output / "compare.md").read_text().partition("\n")
        return f"{found[1]}{body.strip()}\n{found[3]}"

    PAGE.write_text(MARKS.sub(tables, PAGE.read_text()))


if __name__ == "__main__":
    main()
