"""Fixtures that several rooms' tests share."""

from pathlib import Path

import pytest
from photos import photo_root


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return class folders of real photos."""
    return photo_root(tmp_path_factory.mktemp("photos"))
