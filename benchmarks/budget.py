"""Wall time of real `gsdd compress --time-budget` runs, from the start of the process to its end, against the budget.

    python benchmarks/budget.py ../shared/data/mini-ost/train --budget 20s --budget 60s --budget 5m

Steps are far more than fit. One line a budget; each file is verified, with its images decoded. The script fails if a
run ends more than 5 % late, or with a file that is not sound.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from gsdd.cli.compress import Duration

GSDD = (sys.executable, "-m", "gsdd")
MOST_OVER = 0.05
ENDLESS = ("--inversion-steps", "1000000", "--iterations", "1000000")


def timed(words: list[str]) -> tuple[float, str]:
    """Run a command; return its wall time in seconds and what it printed."""
    began = time.monotonic()
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return time.monotonic() - began, done.stdout


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--budget", "budgets", multiple=True, default=["20s", "60s", "5m"], show_default=True)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(source: Path, budgets: tuple[str, ...], options: tuple[str, ...]) -> None:
    """Measure; OPTIONS after SOURCE are those of `gsdd compress`."""
    chosen = options or ("--preset", "quick", "--generator", "realesr-animevideov3")
    sound = True
    for budget in budgets:
        with tempfile.TemporaryDirectory(dir=".", prefix=".budget.") as folder:
            target = f"{folder}/out.gsdd"
            seconds, printed = timed(
                [
                    *GSDD,
                    "compress",
                    str(source),
                    "-q",
                    "--json",
                    "-o",
                    target,
                    "--time-budget",
                    budget,
                    *chosen,
                    *ENDLESS,
                ]
            )
            made = json.loads(printed)
            timed([*GSDD, "verify", target, "--decode"])
        over = seconds / Duration().convert(budget, None, None) - 1
        steps = ", ".join(f"{made['run'][name]} {name}" for name in ("inversion_steps", "iterations"))
        click.echo(f"budget {budget}: {seconds:.1f} s ({over:+.1%}); {made['latents']} latents, {steps}; file is sound")
        sound &= over < MOST_OVER
    sys.exit(not sound)


if __name__ == "__main__":
    main()
