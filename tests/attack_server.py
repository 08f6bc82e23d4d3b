"""Runs `gsdd` commands, each in a process that is forked from one that has imported everything, and measures them.

Each line on stdin is {"arguments": [...], "seconds": limit}, with "fails": [n, errno] the n-th call that writes fails,
where attack/failing.c is loaded; each answer {"code", "text", "seconds", "peak"}. The peak
is of resident memory, in bytes, beyond what the imports took.
"""

import ctypes
import os
import re
import signal
import tempfile
import time
from pathlib import Path

import torch
from line_server import answer_lines, forked

from gsdd.cli.main import exit_code

IMPORTED = (
    "spandrel", "h5py", "scipy.io", "constriction", "gsdd.cli.info", "gsdd.cli.verify", "gsdd.cli.expand",
    "gsdd.pairs.expand", "gsdd.inspect.contact_sheet", "gsdd.students.job", "gsdd.students.evaluation",
    "gsdd.selection.coreset", "gsdd.generators.load", "gsdd.cli.generators", "gsdd.metrics.nrqm",
)  # fmt: skip


def resident(name: str) -> int:
    """VmRSS or VmHWM of this process."""
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def fail_at(number: int, error: int) -> None:
    """Let a call that writes fail, counted from now; none where the number is below 0."""
    ctypes.CDLL(None).attack_fail_at(ctypes.c_long(number), error)


def child(words: list[str], report: int, fails: list[int]) -> int:
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    if fails:  # calls of the command alone are counted
        fail_at(*fails)
    code = exit_code(words)
    if fails:
        fail_at(-1, 0)
    os.write(report, str(resident("VmHWM") - before).encode())
    return code


def serve(request: dict) -> dict:
    reading, writing = os.pipe()
    with tempfile.TemporaryFile("w+", errors="backslashreplace") as output:
        began = time.monotonic()
        pid = forked(output.fileno(), lambda: child(request["arguments"], writing, request.get("fails", [])))
        os.close(writing)
        while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
            if time.monotonic() - began > request.get("seconds", 60):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.002)
        took = time.monotonic() - began
        output.seek(0)
        peak = int(os.read(reading, 32) or 0)
        os.close(reading)
        return {"code": os.waitstatus_to_exitcode(ended[1]), "text": output.read(), "seconds": took, "peak": peak}


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer_lines(IMPORTED, serve)
