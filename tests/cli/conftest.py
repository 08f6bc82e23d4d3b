"""A desk for all commands: a small file, its photos, and nothing else."""

from pathlib import Path

import pytest


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_file: Path, source: Path) -> Path:
    """Work in a folder with `small.gsdd` and `photos`; downloads would go to `cache` in it."""
    monkeypatch.setenv("GSDD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("small.gsdd").symlink_to(small_file)
    Path("photos").symlink_to(source)
    return tmp_path
