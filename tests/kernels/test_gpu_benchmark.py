"""benchmarks/gpu.py where there is no GPU: every case runs once and agrees, and nothing is measured."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def gpu(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the benchmark with no GPU in sight."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, ROOT / "benchmarks" / "gpu.py", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_a_dry_run_runs_every_op_both_ways_and_measures_nothing(tmp_path):
    done = gpu("--dry-run", "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    passes = {(row[0].removeprefix("| "), row[2]) for row in rows}
    ops = ["augment", "class_means", "class_statistics", "matching", "sign_activation"]
    assert passes == {(op, way) for op in ops for way in ("forward", "backward")}
    assert {cell for row in rows for cell in row[4:]} <= {"-", "- |"}
    assert "nothing was measured" in done.stdout
    assert not (tmp_path / "results").exists()


def test_without_a_gpu_it_ends_with_one_line():
    done = gpu()
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("gpu.py: torch sees no CUDA GPU") and done.stderr.count("\n") == 1
