"""OpenMP that spins on shared cores: what the command sets before torch loads, and what the library says."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

JOB = """
import torch
from heard import Heard
from gsdd.parallel.waiting import note_of_waiting
torch.set_num_threads(2)
heard = Heard()
note_of_waiting(heard)
print(*heard.notes, sep="\\n")
"""
COMMAND = """
import os, sys
from gsdd.cli.entry import run
assert "torch" not in sys.modules
sys.argv = ["gsdd", "--version"]
try:
    run()
finally:
    print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"))
"""


def said(script: str, **environment: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=kept | paths | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\n")


@pytest.fixture
def busy_cores():
    """A busy process a core."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(process.kill)
        yield


def test_the_library_says_once_that_openmp_spins_on_cores_that_others_use(busy_cores):
    line, *rest = said(JOB)
    assert "and OpenMP's threads spin while they wait for each other" in line
    assert "set OMP_WAIT_POLICY=passive before Python starts" in line
    assert rest == [""]


def test_it_says_nothing_where_threads_do_not_spin(busy_cores):
    assert said(JOB, OMP_WAIT_POLICY="PASSIVE") == said(JOB, GOMP_SPINCOUNT="1000") == ["", ""]


def test_the_command_sleeps_on_shared_cores_unless_the_user_wants_otherwise(busy_cores):
    assert said(COMMAND)[-2] == "passive None"
    assert said(COMMAND, OMP_WAIT_POLICY="active")[-2] == "active None"
    assert said(COMMAND, GOMP_SPINCOUNT="7")[-2] == "None 7"


def test_the_command_leaves_idle_cores_to_openmp(tmp_path):
    idle = "from pathlib import Path; import gsdd.parallel.load as load; load.LOADAVG = Path('loadavg')\n"
    (tmp_path / "loadavg").write_text("0.10 0.20 0.30 1/99 4321\n")
    assert said(idle.replace("'loadavg'", repr(str(tmp_path / "loadavg"))) + COMMAND)[-2] == "None None"
