"""The suite on the Pythons of this machine, with the oldest and the newest packages that pyproject.toml allows.

    make matrix                         # the whole suite, everywhere
    python3 .ci/matrix.py --smoke       # what a user does first, on the Pythons that `make test` does not run

A Python that is not here is told, and left out. The last lines are a table; the exit code is 1 if a row failed.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# neosr runs on 3.12 alone; traiNNer-redux recommends 3.13.
ROWS = (("3.11", "newest"), ("3.12", "oldest"), ("3.13", "newest"))
USUAL = ROWS[0]
# Formats and golden files, a run of compress, expand, the dataset, a training, a kernel under the interpreter.
SMOKE = (
    "tests/formats", "tests/distilled/test_files_of_before.py", "tests/run/test_compress.py", "tests/pairs",
    "tests/students/test_training.py", "tests/kernels/test_augment_triton.py", "tests/test_architecture.py",
)  # fmt: skip


def interpreter(version: str) -> str | None:
    """Find a Python, on the path or among those of pyenv."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for python in (f"python{version}", *map(str, sorted(home.glob(f"versions/{version}.*/bin/python")))):
        try:
            told = subprocess.run([python, "-V"], capture_output=True, text=True, check=False).stdout
        except OSError:
            continue
        if told.startswith(f"Python {version}."):
            return python
    return None


def oldest() -> str:
    """Pin what pyproject.toml needs to the oldest releases that it allows."""
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return "\n".join(re.sub(r"^([\w-]+)>=([\w.]+).*", r"\1==\2", need) for need in needs)


def environment(python: str, version: str, packages: str) -> Path:
    """Make a fresh environment; return its folder of programs."""
    folder = ROOT / "build" / "matrix" / f"{version}-{packages}"
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    pins = folder / "pins.txt"
    pins.write_text(oldest() if packages == "oldest" else "")
    pip = (folder / "bin/python", "-m", "pip", "install", "--quiet", "--constraint", pins)
    subprocess.run([*pip, "--editable", f"{ROOT}[dev]"], check=True)
    return folder / "bin"


def run(version: str, packages: str, smoke: bool) -> tuple[str, bool]:
    """Run the suite in an environment of its own; return what pytest said at the end, and whether it passed."""
    python = interpreter(version)
    if python is None:
        return f"Python {version} is not on this machine", True
    programs = environment(python, version, packages)
    words = [programs / "pytest", "-q", "-n", "auto", "--dist", "loadfile", *(SMOKE if smoke else ())]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True, check=False
    )
    lines = done.stdout.splitlines() or ["nothing"]
    if done.returncode:
        print("\n".join(lines[-80:]), flush=True)
    return f"torch {_version(programs, 'torch')}, numpy {_version(programs, 'numpy')}: {lines[-1]}", not done.returncode


def _version(programs: Path, package: str) -> str:
    words = [programs / "python", "-c", f"from importlib.metadata import version; print(version({package!r}))"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Run the rows that are asked for."""
    smoke = "--smoke" in sys.argv[1:]
    results = {row: run(*row, smoke) for row in ROWS if not (smoke and row == USUAL)}
    for (version, packages), (said, _) in results.items():
        print(f"Python {version}, {packages} packages: {said}")
    sys.exit(not all(passed for _, passed in results.values()))


if __name__ == "__main__":
    main()
