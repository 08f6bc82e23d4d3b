"""A server that runs commands in several processes, and what these read."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from line_server import running
from pairs.small_file import copy_photos

Ask = Callable[..., dict]


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """Run `gsdd` with these words in several processes; how, and the answer, as in `process_server.py`."""
    with running(Path(__file__).with_name("process_server.py")) as server:

        def request(*words: object, processes: int = 1, threads: int = 1, **how) -> dict:
            what = {"arguments": [str(word) for word in words]} if words else {}
            return server({**what, "processes": processes, "threads": threads, **how})

        yield request


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    return copy_photos(tmp_path_factory.mktemp("source") / "photos")
