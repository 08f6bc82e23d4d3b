"""A folder with a small file and its photos, and `gsdd` of whichever Python GSDD_PYTHON names, this one's by default.

So the same tests are run against another version: GSDD_PYTHON=/old/.venv/bin/python pytest tests/faults
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.commands import PATIENCE, PYTHON, SHORT, Ended
from line_server import running


@pytest.fixture(scope="session")
def ask() -> Iterator[Callable[[dict], dict]]:
    with running(Path(__file__).with_name("command_server.py"), PYTHON) as server:
        yield server


@pytest.fixture(scope="session")
def command(ask) -> Callable[..., Ended]:
    """Run `python -m gsdd` with these words, in the current folder or another one."""

    def run(*words: object, seconds: float = PATIENCE, stderr: str = "", folder: Path | None = None) -> Ended:
        place = {"folder": str(folder or Path.cwd()), "seconds": seconds, "stderr": stderr}
        return Ended(**ask({"words": [str(word) for word in words], **place}))

    return run


@pytest.fixture(scope="session")
def script(ask) -> Callable[..., Ended]:
    """Run a script on gsdd's public API, with these words, in the current folder."""

    def run(text: str, *words: object, seconds: float = PATIENCE, folder: Path | None = None) -> Ended:
        place = {"folder": str(folder or Path.cwd()), "seconds": seconds, "script": text}
        return Ended(**ask({"words": [str(word) for word in words], **place}))

    return run


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory, source: Path, command) -> Path:
    """The file that this gsdd makes of the photos, a latent a class."""
    path = tmp_path_factory.mktemp("compressed") / "a.gsdd"
    assert command("compress", source, *SHORT, "-o", path, "-q").did()
    return path


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path, source: Path) -> Path:
    """Work in a folder with `a.gsdd`, and its photos as `p`."""
    monkeypatch.setenv("GSDD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("a.gsdd").symlink_to(file)
    Path("p").symlink_to(source)
    return tmp_path


@pytest.fixture(scope="session")
def expanded(tmp_path_factory: pytest.TempPathFactory, file: Path, command) -> Path:
    """The pairs of the file as images."""
    path = tmp_path_factory.mktemp("expanded") / "ex"
    assert command("expand", file, "-o", path, "-q").did()
    return path


@pytest.fixture
def tree(desk: Path, expanded: Path) -> Path:
    """A copy of them, which may be changed."""
    return shutil.copytree(expanded, desk / "ex")
