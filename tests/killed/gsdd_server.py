"""Runs `gsdd` commands, each in a process of its own that is forked from one that has imported everything.

Each line on stdin is a JSON object, and so is each answer on stdout. Keys of a request:
- arguments: words after `gsdd`
- seconds: SIGKILL after that long
- event, path, nth: SIGKILL just before the nth audit event (`open`, `os.rename` ...) on a path that matches
- bytes: no file may grow beyond this; dies: whether the kernel kills the process there, or the write fails
"""

import os
import re
import resource
import signal
import sys
import tempfile
import time

import torch
from line_server import answer_lines, forked

from gsdd.cli.main import exit_code

IMPORTED = (
    "spandrel", "gsdd.cli.compress", "gsdd.run.compress", "gsdd.cli.expand", "gsdd.pairs.expand",
    "gsdd.inspect.contact_sheet",
)  # fmt: skip


def kill_at(event: str, path: str, nth: int) -> None:
    seen = 0

    def watch(name: str, values: tuple) -> None:
        nonlocal seen
        if name == event and any(re.search(path, value) for value in map(as_text, values) if value):
            seen += 1
            if seen == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def as_text(value: object) -> str:
    return os.fsdecode(value) if isinstance(value, str | bytes | os.PathLike) else ""


def child(request: dict) -> int:
    if "event" in request:
        kill_at(request["event"], request["path"], request["nth"])
    if "bytes" in request:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if request["dies"] else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["bytes"], request["bytes"]))
    return exit_code(request["arguments"])


def serve(request: dict) -> dict:
    with tempfile.TemporaryFile("w+") as output:
        began = time.monotonic()
        pid = forked(output.fileno(), lambda: child(request))
        if "seconds" in request:
            time.sleep(request["seconds"])
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        took = time.monotonic() - began
        output.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "text": output.read(), "seconds": took}


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer_lines(IMPORTED, serve)
