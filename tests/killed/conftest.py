"""A server that runs commands in processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from line_server import running

Ask = Callable[..., dict]


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """Run `gsdd` with these words; how to kill it, and the answer, as in `gsdd_server.py`."""
    with running(Path(__file__).with_name("gsdd_server.py")) as server:
        yield lambda *words, **how: server({"arguments": [str(word) for word in words], **how})
