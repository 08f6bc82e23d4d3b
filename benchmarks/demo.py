"""What `make demo` runs: the main job on real photos with the real Real-ESRGAN weights, and a short table at the end.

    python benchmarks/demo.py FOLDER

Everything is done by the `gsdd` command, each call printed as it is made. FOLDER gets the photos (from the installed
packages scikit-image and scikit-learn), demo.gsdd, the expanded pairs, the contact sheet and the report.
"""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import click

from gsdd.data.sample_photos import package_photos

GSDD = str(Path(sys.executable).with_name("gsdd"))
COMPRESS = ("--ipc", "1", "--preset", "quick", "--inversion-steps", "30", "--iterations", "20", "--time-budget", "5m")


def gsdd(*words: str | Path) -> dict[str, Any]:
    """Run one command in the open and return the JSON that it prints."""
    line = ["gsdd", *map(str, words)]
    click.secho(f"$ {shlex.join(line)}", fg="cyan")
    began = time.monotonic()
    done = subprocess.run([GSDD, *line[1:], "--json"], stdout=subprocess.PIPE, text=True, check=True)
    click.echo(f"  {time.monotonic() - began:.0f} s")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def megabytes(count: int) -> str:
    """Write bytes for people."""
    return f"{count / 1e6:.2f} MB"


def rows(made: dict[str, Any], saved: dict[str, Any], pairs: dict[str, Any]) -> list[tuple[str, str]]:
    """Say what was made and what it saved."""
    run = made["run"]
    baselines = {baseline["name"]: baseline for baseline in saved["whole_source"]}
    return [
        ("generator", f"{saved['generator']}, {megabytes(saved['generator_bytes'])} in fp16, shared by all files"),
        ("latents", f"{made['latents']} in {len(made['classes'])} classes"),
        (
            "inversion",
            f"{run['inversion_steps']} steps: {_mean(run['psnr_start'])} dB -> {_mean(run['psnr_inverted'])} dB to the "
            "real crops",
        ),
        ("distillation", f"{run['iterations']} steps"),
        ("file", f"{saved['file_bytes']:,} bytes, {saved['bits_per_hr_pixel']:.2f} bits an HR pixel"),
        *((f"against {name}", _saving(baseline)) for name, baseline in baselines.items()),
        (f"against {saved['random_crops'][-1]['name']} crops", _saving(saved["random_crops"][-1])),
        ("pairs", f"{pairs['pairs']} in {pairs['folder']}: HR {pairs['hr_size']} px, LR {pairs['lr_size']} px"),
    ]


def _mean(by_class: dict[str, float]) -> float:
    """Average over classes; all have the same number of latents."""
    return round(fmean(by_class.values()), 2)


def _saving(baseline: dict[str, Any]) -> str:
    about = "about " if baseline["estimated"] else ""
    alone, both = _share(baseline["saved"]), _share(baseline["saved_with_generator"])
    return f"{about}{megabytes(baseline['bytes'])}: file alone {alone}, with the generator {both}"


def _share(saved: float) -> str:
    """Say a saving in percent, and a loss of more than that as a multiple."""
    return f"{saved:.1%} saved" if saved > -1 else f"{1 - saved:,.0f} times as large"


def next_steps(file: Path, report: Path) -> str:
    """Say where the report is, and what to try next."""
    quoted = shlex.quote(str(file))
    return "\n".join(
        [
            f"Report: {report.resolve()} (open it in a browser)",
            "Try next:",
            f"  1. train on it:       gsdd train {quoted} --student small -o student.safetensors",
            "  2. look at yours:     gsdd scan PHOTOS/",
            "  3. compress yours:    gsdd compress PHOTOS/ --generator realesr-animevideov3 --report mine.html",
        ]
    )


def table(lines: list[tuple[str, str]]) -> str:
    """Lay out two columns."""
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in lines)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Compress, draw a contact sheet and a report, verify, say what was saved, expand, all in FOLDER."""
    began = time.monotonic()
    photos = package_photos(folder / "photos")
    file, sheet, report = folder / "demo.gsdd", folder / "contact_sheet.png", folder / "report.html"
    drawn = ("--report", report, "--contact-sheet", sheet)
    made = gsdd("compress", photos, "-o", file, *COMPRESS, *drawn, "--force")
    gsdd("verify", file)
    saved = gsdd("savings", photos, file, "--sample", "4")  # the report has measured all of them
    pairs = gsdd("expand", file, "-o", folder / "pairs", "--force")
    minutes = (time.monotonic() - began) / 60
    lines = [*rows(made, saved, pairs), ("contact sheet", str(sheet)), ("time", f"{minutes:.1f} min")]
    click.echo(f"\n{table(lines)}\n\n{next_steps(file, report)}")


if __name__ == "__main__":
    main()
