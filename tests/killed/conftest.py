"""A server that runs commands in processes of their own, and what these read."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from line_server import running
from pairs.small_file import copy_photos, write_small_file

Ask = Callable[..., dict]


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """Run `gsdd` with these words; how to kill it, and the answer, as in `gsdd_server.py`."""
    with running(Path(__file__).with_name("gsdd_server.py")) as server:
        yield lambda *words, **how: server({"arguments": [str(word) for word in words], **how})


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    return copy_photos(tmp_path_factory.mktemp("source") / "photos")


@pytest.fixture(scope="session")
def file(tmp_path_factory, source) -> Path:
    return write_small_file(tmp_path_factory.mktemp("file") / "small.gsdd", source)
