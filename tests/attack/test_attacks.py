"""The short form of the attacks: a few cases of every kind of file, in a process whose memory is measured."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CASES = 1100


def test_damaged_files_of_every_kind_are_refused_or_harmless_in_bounds():
    environment = os.environ | {"PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, HERE / "attacks.py", str(CASES), "--seed", "1"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) > 20
    assert "'wrong'" not in done.stdout
