"""benchmarks/device.py where there is no GPU: every stage runs, tiny; what was written before a kill is there."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("benchmarks", "cli", "formats", "gsdd", "kernels", "pyproject.toml")


@pytest.fixture
def bare(tmp_path) -> Path:
    """A copy of the tree without an installation."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for part in PARTS:
        (tree / part).symlink_to(ROOT / part)
    return tree


def started(tree: Path, *words: str | Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, tree / "benchmarks" / "device.py", *words]
    where = environment | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=tree, env=where, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def rows(results: Path) -> list[dict]:
    file = results / "device-dry-run.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_dry_run_compares_every_kernel_and_takes_a_step_of_each_kind(bare, tmp_path):
    done = started(bare, "--dry-run", "--stages", "kernels,steps", "--results", tmp_path / "results")
    said, error = done.communicate()
    assert done.returncode == 0, error
    found = rows(tmp_path / "results")
    ops = {row["case"].split(",")[0] for row in found if row["stage"] == "kernels"}
    assert ops == {"augment", "class_means", "class_statistics", "matching", "sign_activation"}
    assert {row["case"].rpartition(" ")[2] for row in found if row["stage"] == "steps"} == {"inversion", "matching"}
    assert not [row for row in found if "error" in row]
    assert "## students\n\nnot run" in said
    assert (tmp_path / "results" / "device-dry-run.md").read_text() == said


def test_what_was_measured_before_a_kill_is_there(bare, tmp_path):
    process = started(bare, "--dry-run", "--stages", "kernels", "--results", tmp_path / "results")
    while len(rows(tmp_path / "results")) < 3 and process.poll() is None:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    found = rows(tmp_path / "results")
    assert [row["stage"] for row in found[:3]] == ["machine", "kernels", "kernels"]
    assert "# no GPU, dry run" in (tmp_path / "results" / "device-dry-run.md").read_text()


def test_without_a_gpu_it_ends_with_one_line(bare, tmp_path):
    done = started(bare, "--results", tmp_path / "results")
    said, error = done.communicate()
    assert done.returncode == 1 and said == ""
    assert error.splitlines()[1].startswith("device.py: torch sees no CUDA GPU here")
