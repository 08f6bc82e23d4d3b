"""Runs commands of whichever gsdd its Python has, each in a process forked from one that has imported torch.

Each line on stdin is {"words": [...], "folder": where, "seconds": limit, "script": Python, or empty for
`python -m gsdd`, "stderr": path of a device, "closed" for a pipe that nobody reads, or empty}; each answer {"code",
"out", "err", "seconds", "peak"}. The peak is of resident memory, in bytes, beyond what the imports took. It imports
nothing of gsdd itself: an old one does too.
"""

import os
import re
import runpy
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from line_server import answer_lines

IMPORTED = ("torch", "torchvision", "spandrel", "h5py", "PIL.Image", "safetensors.torch", "constriction")
LARGEST_STATUS = 64


def resident(name: str) -> int:
    """VmRSS or VmHWM of this process."""
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def told(begin) -> int:
    """Run until it exits, and give the code that a shell would see."""
    try:
        begin()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def work(request: dict) -> int:
    sys.argv = ["gsdd", *request["words"]]
    os.chdir(request["folder"])
    if request.get("script"):
        return told(lambda: exec(compile(request["script"], "script", "exec"), {"__name__": "__main__"}))
    return told(lambda: runpy.run_module("gsdd", run_name="__main__", alter_sys=True))


def stderr_of(wanted: str, file: IO) -> int:
    if wanted != "closed":
        return os.open(wanted, os.O_WRONLY) if wanted else file.fileno()
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def child(request: dict, out: IO, err: IO, report: int) -> None:
    """Be the command: it ends here, with its peak told."""
    code = 99
    try:
        os.setsid()
        os.dup2(out.fileno(), 1)
        os.dup2(stderr_of(request.get("stderr"), err), 2)
        Path("/proc/self/clear_refs").write_text("5")
        before = resident("VmRSS")
        code = work(request)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os.write(report, str(resident("VmHWM") - before).encode())
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or 1
        os._exit(code)


def waited_for(pid: int, seconds: float) -> int:
    """Wait for a child; one that takes longer is killed with all that it started."""
    ends = time.monotonic() + seconds
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if time.monotonic() > ends:
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(ended[1])


def text_of(file: IO) -> str:
    file.seek(0)
    return file.read()


def serve(request: dict) -> dict:
    reading, writing = os.pipe()
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            child(request, out, err, writing)
        os.close(writing)
        code = waited_for(pid, request["seconds"])
        peak = int(os.read(reading, LARGEST_STATUS) or 0)
        os.close(reading)
        seconds = time.monotonic() - began
        return {"code": code, "out": text_of(out), "err": text_of(err), "seconds": seconds, "peak": peak}


if __name__ == "__main__":
    sys.path.pop(0)
    import torch

    torch.set_num_threads(1)
    answer_lines(IMPORTED, serve)
