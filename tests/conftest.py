"""Fixtures that several rooms' tests share."""

import os
import signal
from pathlib import Path

import pytest
from photos import photo_root

# Kernels are interpreted in tests; Triton reads the variable when it is first imported.
os.environ.setdefault("TRITON_INTERPRET", "1")
# Whoever starts pytest in the background makes it ignore Ctrl-C, and every process that a test starts with it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return class folders of real photos."""
    return photo_root(tmp_path_factory.mktemp("photos"))
