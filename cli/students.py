"""`gsdd students`: the SR networks that `gsdd train` trains."""

from typing import Any

import click

from gsdd.cli.options import json_option, print_json, quiet_option
from gsdd.cli.table import print_table

COLUMNS = ("name", "parameters", "small", "takes", "what it is")


@click.command()
@json_option
@quiet_option
def students(as_json: bool, quiet: bool) -> None:
    """List the networks that train on pairs, with their parameters in full and in small; with -q, the names alone.

    "small" trains on two CPU cores, "full" is the size that the authors release.

    \b
    Example:
      gsdd students
    """
    from gsdd.students.named import students as table

    entries = [_entry(student) for student in table().values()]
    if as_json:
        print_json({"students": entries})
    elif quiet:
        click.echo("\n".join(table()))
    else:
        print_table([COLUMNS, *map(_row, entries)])


def _entry(student: Any) -> dict[str, Any]:  # noqa: ANN401 - its type is imported when the command runs
    return {
        "name": student.name,
        "about": student.about,
        "architecture": student.architecture,
        "home": student.home,
        "needs": student.needs,
        "sizes": {name: {"parameters": size.parameters, **size.options} for name, size in student.sizes.items()},
    }


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    full, small = (f"{entry['sizes'][size]['parameters']:,}" for size in ("full", "small"))
    return entry["name"], full, small, entry["needs"], entry["about"]
