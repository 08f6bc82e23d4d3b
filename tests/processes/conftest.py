"""A server that runs commands in several processes, and what these read."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pairs.small_file import copy_photos

Ask = Callable[..., dict]


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """Run `gsdd` with these words in several processes; how, and the answer, as in `process_server.py`."""
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("process_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )

    def request(*words: object, processes: int = 1, threads: int = 1, **how) -> dict:
        what = {"arguments": [str(word) for word in words]} if words else {}
        question = {**what, "processes": processes, "threads": threads, **how}
        server.stdin.write(json.dumps(question) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    with server:
        yield request


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    return copy_photos(tmp_path_factory.mktemp("source") / "photos")
