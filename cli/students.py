"""`gsdd students`: the SR networks that `gsdd train` trains."""

from typing import Any

import click

from gsdd.cli.printer import Printer, printing, table

COLUMNS = ("name", "parameters", "small", "takes", "what it is")


@click.command()
@printing
def students(printer: Printer) -> None:
    """List the networks that gsdd train can train, with their numbers of parameters; with -q, only the names.

    "small" trains on two CPU cores, "full" is the size that the authors release.

    \b
    Example:
      gsdd students
    """
    from gsdd.students.named import students as known

    entries = [_entry(student) for student in known().values()]
    printer.show({"students": entries}, table([COLUMNS, *map(_row, entries)]), "\n".join(known()))


def _entry(student: Any) -> dict[str, Any]:  # noqa: ANN401 - its type is imported when the command runs
    return {
        "name": student.name,
        "about": student.about,
        "architecture": student.architecture,
        "home": student.home,
        "needs": student.needs,
        "scales": list(student.scales),
        "sizes": {name: {"parameters": size.parameters, **size.options} for name, size in student.sizes.items()},
    }


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    full, small = (f"{entry['sizes'][size]['parameters']:,}" for size in ("full", "small"))
    return entry["name"], full, small, entry["needs"], entry["about"]
