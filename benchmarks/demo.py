"""What `make demo` runs: the main job on real photos with the real Real-ESRGAN weights, and a short table at the end.

    python benchmarks/demo.py FOLDER

Everything is done by the `gsdd` command, each call printed as it is made. FOLDER gets the photos (from the installed
packages scikit-image and scikit-learn), demo.gsdd, the expanded pairs and the contact sheet.
"""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from gsdd.data.sample_photos import package_photos

GSDD = str(Path(sys.executable).with_name("gsdd"))
COMPRESS = ("--ipc", "1", "--preset", "quick", "--inversion-steps", "30", "--iterations", "20", "--time-budget", "6m")


def gsdd(*words: str | Path) -> dict[str, Any]:
    """Run one command in the open and return the JSON that it prints."""
    line = ["gsdd", *map(str, words)]
    click.secho(f"$ {shlex.join(line)}", fg="cyan")
    began = time.monotonic()
    done = subprocess.run([GSDD, *line[1:], "--json"], stdout=subprocess.PIPE, text=True, check=True)
    click.echo(f"  {time.monotonic() - began:.0f} s")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def table(rows: list[tuple[str, str]]) -> str:
    """Lay out two columns."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Compress, say what was saved, expand, draw a contact sheet."""
    began = time.monotonic()
    photos = package_photos(folder / "photos")
    file, sheet = folder / "demo.gsdd", folder / "contact_sheet.png"
    made = gsdd("compress", photos, "-o", file, *COMPRESS, "--force")
    gsdd("verify", file)
    saved = gsdd("savings", photos, file)
    pairs = gsdd("expand", file, "-o", folder / "demo_expanded", "--force")
    gsdd("info", file, "--contact-sheet", sheet, "--source", photos, "--force")
    click.echo(
        table(
            [
                ("photos", f"{photos}: {saved}"),
                ("latents", f"{made['latents']} in {len(made['classes'])} classes"),
                ("pairs", str(pairs)),
                ("contact sheet", str(sheet)),
                ("time", f"{time.monotonic() - began:.0f} s"),
            ]
        )
    )


if __name__ == "__main__":
    main()
