"""What gsdd does on a GPU, in ten minutes, from a bare copy of the tree: every kernel, G, a search, decoding, students.

    python benchmarks/device.py [--wheels FOLDER] [--photos DIR]
    python benchmarks/device.py --dry-run      # every stage on the CPU, tiny; measures nothing that counts

Wanted: Python, torch and its Triton. Other packages come from the wheels in FOLDER where they are not installed; no
network is used. Each stage is a process with a limit of time. A case is written to RESULTS/device.jsonl as it ends, and
after each stage RESULTS/device-<name>.md is made of all there are; a case that fails is written with its error.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# Seconds of each: ten minutes in all, with the starts.
STAGES = {
    "kernels": 80, "timings": 100, "generator": 70, "steps": 60, "compress": 120, "decode": 30, "students": 120,
}  # fmt: skip
# A dry run interprets its kernels, on cores that may be busy.
PATIENCE = 6
NEVER_FROM_WHEELS = ("torch-", "triton-", "torchvision-", "nvidia_", "cuda_")


def bare_tree(folder: Path) -> Path:
    """Put gsdd with its siblings in place, as an installation has it; return what belongs on the path."""
    package = folder / "gsdd"
    package.mkdir()
    for part in (*(ROOT / "gsdd").iterdir(), *(ROOT / name for name in ("kernels", "formats", "cli"))):
        (package / part.name).symlink_to(part)
    return folder


def install(wheels: Path, folder: Path) -> Path:
    """Install wheels into a folder, but for torch's own."""
    files = [str(file) for file in wheels.glob("*.whl") if not file.name.startswith(NEVER_FROM_WHEELS)]
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(folder)]
    subprocess.run([*words, *files], check=True)
    return folder


def environment(paths: list[Path], dry: bool) -> dict[str, str]:
    """Give the environment of a stage."""
    known = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    interpreted = {"TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"} if dry else {}
    return os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, paths), *known])} | interpreted


def run_stage(name: str, limit: float, words: list[str], where: dict[str, str], lines: Path) -> None:
    """Run a stage in a process of its own; what it leaves undone is written too."""
    command = [sys.executable, str(HERE / "device_stages.py"), name, str(lines), *words]
    try:
        code = subprocess.run(command, env=where, timeout=limit, check=False).returncode
        error = f"ended with {code}" if code else ""
    except subprocess.TimeoutExpired:
        error = f"not done after {limit:.0f} s"
    if error:
        with lines.open("a") as file:
            file.write(json.dumps({"stage": name, "case": "the whole stage", "error": error}) + "\n")


def found_in(lines: Path) -> Iterator[dict[str, Any]]:
    """Read what was written so far; a line that a kill cut short is left out."""
    for line in lines.read_text().splitlines() if lines.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def page(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Lay out as Markdown, a table a stage; return a name for it and the text."""
    machine = next((row for row in rows if row["stage"] == "machine"), {})
    parts = [f"# {', '.join(str(value) for key, value in machine.items() if key not in ('stage', 'case'))}"]
    for stage in STAGES:
        own = [row for row in rows if row["stage"] == stage]
        columns = list(dict.fromkeys(key for row in own for key in row if key not in ("stage", "case", "error")))
        head = ["case", *columns, "error"]
        cells = [[_cell(row.get(column)) for column in head] for row in own]
        table = ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *cells)]
        parts.append("\n".join([f"## {stage}", "", *table]) if own else f"## {stage}\n\nnot run")
    return re.sub(r"[^a-z0-9]+", "-", str(machine.get("device", "none")).lower()), "\n\n".join(parts) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value).replace("|", "/").replace("\n", " ")


def main() -> None:
    """Run the stages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--wheels", type=Path, help="a folder of wheels of packages that are not installed")
    parser.add_argument(
        "--photos", type=Path, help="a folder of class folders; those of an installed package otherwise"
    )
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--stages", default=",".join(STAGES), help="which, with commas")
    parser.add_argument("--dry-run", action="store_true")
    told = parser.parse_args()
    if unknown := set(told.stages.split(",")) - set(STAGES):
        parser.error(f"--stages: got {', '.join(sorted(unknown))}; wanted some of {', '.join(STAGES)}")
    told.results.mkdir(parents=True, exist_ok=True)
    lines = told.results / ("device-dry-run.jsonl" if told.dry_run else "device.jsonl")
    lines.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tree").mkdir()
        paths = [bare_tree(Path(folder) / "tree"), HERE]
        if told.wheels:
            paths.append(install(told.wheels, Path(folder) / "wheels"))
        where = environment(paths, told.dry_run)
        words = [*(["--dry-run"] if told.dry_run else []), *(["--photos", str(told.photos)] if told.photos else [])]
        for stage in ["machine", *told.stages.split(",")]:
            sys.stderr.write(f"{stage}\n")
            limit = STAGES.get(stage, 60) * (PATIENCE if told.dry_run else 1)
            run_stage(stage, limit, words, where, lines)
            rows = list(found_in(lines))
            if stage == "machine" and "error" in rows[0]:
                sys.exit(1)  # the stage has said why
            name, text = page(rows)
            (told.results / f"device-{'dry-run' if told.dry_run else name}.md").write_text(text)
    sys.stdout.write(text)
    failed = [row for row in found_in(lines) if row.get("error")]
    sys.exit(f"device.py: {len(failed)} cases failed; see {lines}" if failed else 0)


if __name__ == "__main__":
    main()
