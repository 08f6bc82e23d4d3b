"""Fixtures that several rooms' tests share."""

import os
from pathlib import Path

import pytest
from photos import photo_root

# Kernels are interpreted in tests; Triton reads the variable when it is first imported.
os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return class folders of real photos."""
    return photo_root(tmp_path_factory.mktemp("photos"))
