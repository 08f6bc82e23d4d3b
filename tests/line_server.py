"""A process that has imported everything and answers lines of JSON: tests fork commands from it in milliseconds."""

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(script: Path, python: str = sys.executable) -> Iterator[Callable[[dict], dict]]:
    """Start a script that calls `answer_lines`; what is yielded asks it."""
    server = subprocess.Popen(
        [python, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)},
    )

    def request(question: dict) -> dict:
        server.stdin.write(json.dumps(question) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    with server:
        yield request


def answer_lines(modules: Sequence[str], answer: Callable[[dict], dict]) -> None:
    """Import modules, then answer each line of stdin on stdout until there are no more."""
    for name in modules:
        importlib.import_module(name)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def forked(output: int, run: Callable[[], int]) -> int:
    """Start a process that writes into a file and ends with what `run` returns; give its id."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.dup2(output, 1)
            os.dup2(output, 2)
            code = run()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return pid
