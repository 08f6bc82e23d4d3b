"""A server that runs commands in processes of their own, and what these read."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pairs.small_file import copy_photos, write_small_file

Ask = Callable[..., dict]


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """Run `gsdd` with these words; how to kill it, and the answer, as in `gsdd_server.py`."""
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("gsdd_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )

    def request(*words: str | Path, **how) -> dict:
        server.stdin.write(json.dumps({"arguments": [str(word) for word in words], **how}) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    with server:
        yield request


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    return copy_photos(tmp_path_factory.mktemp("source") / "photos")


@pytest.fixture(scope="session")
def file(tmp_path_factory, source) -> Path:
    return write_small_file(tmp_path_factory.mktemp("file") / "small.gsdd", source)
