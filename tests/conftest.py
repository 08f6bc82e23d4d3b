"""Fixtures that several rooms' tests share."""

import os
import signal
from pathlib import Path

import pytest
from pairs.small_file import copy_photos, write_small_file
from photos import photo_root

from gsdd.cli.main import exit_code
from gsdd.run.journal import checkpoint_paths

# Kernels are interpreted in tests; Triton reads the variable when it is first imported.
os.environ.setdefault("TRITON_INTERPRET", "1")
# Whoever starts pytest in the background makes it ignore Ctrl-C, and every process that a test starts with it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return class folders of real photos."""
    return photo_root(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return class folders of seven small real photos, which no test changes."""
    return copy_photos(tmp_path_factory.mktemp("source") / "photos")


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """Return a file of a dozen latents of these photos, which no test changes."""
    return write_small_file(tmp_path_factory.mktemp("file") / "small.gsdd", source)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return where a run may write its file: nothing else lies there."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "o.gsdd"


@pytest.fixture
def checkpoint(target: Path) -> Path:
    return checkpoint_paths(target)[0]


@pytest.fixture
def gsdd(capsys):
    """Run `gsdd` with these words, which must end with that code; what it writes on stdout and on stderr."""

    def run(*words: object, code: int = 0):
        capsys.readouterr()
        got = exit_code([str(word) for word in words])
        said = capsys.readouterr()
        assert got == code, said.err
        return said

    return run


@pytest.fixture
def refused(gsdd):
    """Run `gsdd` with words that it must refuse; the one line that it says."""

    def run(*words: object, code: int = 1) -> str:
        said = gsdd(*words, code=code)
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert said.err.startswith("gsdd: ")
        return said.err

    return run
