"""Results of a study's cells as one file of JSON lines, so that another machine or another day goes on from them.

    python benchmarks/cells.py pack build/frontier benchmarks/results/frontier.jsonl
    python benchmarks/cells.py unpack benchmarks/results/frontier.jsonl build/frontier

A result is used where all that decides it is the same (photos, recipe, seeds): `gsdd study` compares that before it
takes one. Trainings and scores of them are packed; files and choices of crops are made again where a cell needs them.
"""

import json
from pathlib import Path

import click

from gsdd.study.cells import CELLS

PATH = click.Path(path_type=Path)
# What is made is a file, which is not packed: its result would say that it is there.
PACKED = ("scores-of-", "small", "compact", "srresnet", "rrdbnet", "swinir")


@click.group(help=__doc__)
def main() -> None:
    """Pack or unpack."""


@main.command()
@click.argument("study", type=PATH)
@click.argument("file", type=PATH)
def pack(study: Path, file: Path) -> None:
    """Write the results of a study's trainings into a file, beside those that it has already."""
    found = {path.name: json.loads(path.read_text()) for path in (study / CELLS).glob("*.json")}
    packed = {**_read(file), **{name: each for name, each in found.items() if name.startswith(PACKED)}}
    lines = [json.dumps({"file": name, **packed[name]}, sort_keys=True) for name in sorted(packed)]
    file.write_text("".join(f"{line}\n" for line in lines))
    click.echo(f"{file}: {len(lines)} results")


@main.command()
@click.argument("file", type=PATH)
@click.argument("study", type=PATH)
def unpack(file: Path, study: Path) -> None:
    """Put results where a study finds them; those that it has stay."""
    folder = study / CELLS
    folder.mkdir(parents=True, exist_ok=True)
    packed = _read(file)
    for name, result in packed.items():
        if not (folder / name).exists():
            (folder / name).write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    click.echo(f"{folder}: {len(packed)} results")


def _read(file: Path) -> dict[str, dict]:
    if not file.exists():
        return {}
    rows = map(json.loads, file.read_text().splitlines())
    return {row.pop("file"): row for row in rows}


if __name__ == "__main__":
    main()
