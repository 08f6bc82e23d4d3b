"""A small file with its photos beside it, for all commands."""

from pathlib import Path

import pytest
from pairs.small_file import copy_photos, write_small_file


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a file of a dozen latents; its photos are in `photos` beside it."""
    folder = tmp_path_factory.mktemp("small")
    return write_small_file(folder / "small.gsdd", copy_photos(folder / "photos"))
