"""A server that runs commands in several processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from line_server import running

Ask = Callable[..., dict]


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """Run `gsdd` with these words in several processes; how, and the answer, as in `process_server.py`."""
    with running(Path(__file__).with_name("process_server.py")) as server:

        def request(*words: object, processes: int = 1, threads: int = 1, **how) -> dict:
            what = {"arguments": [str(word) for word in words]} if words else {}
            return server({**what, "processes": processes, "threads": threads, **how})

        yield request
