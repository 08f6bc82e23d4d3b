"""gsdd runs where Python is as on Windows: what is missing there is not missed, and open files stay where they are."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from windows_like.as_on_windows import OF_OS, OF_SIGNAL

ROOT = Path(__file__).parents[1]
SOURCES = [file for top in ("gsdd", "cli", "formats", "kernels") for file in sorted((ROOT / top).rglob("*.py"))]
POSIX = re.compile(rf"\b(?:os\.(?:{'|'.join(OF_OS)})|signal\.(?:{'|'.join(OF_SIGNAL)}))\b")


@pytest.fixture(scope="module")
def session(tmp_path_factory, small_file, source):
    """What the commands left: their folder, that of temporary files, and what was said."""
    folder, temporary = tmp_path_factory.mktemp("windows"), tmp_path_factory.mktemp("temporary")
    script = Path(__file__).parent / "windows_like" / "session.py"
    environment = {**os.environ, "PYTHONPATH": str(script.parent), "TMPDIR": str(temporary)}
    done = subprocess.run(
        [sys.executable, script, small_file, source, folder], capture_output=True, text=True, env=environment
    )
    return folder, temporary, done


def test_every_module_but_the_kernels_and_every_command_of_a_session_runs(session):
    folder, _, done = session
    assert (done.returncode, done.stdout) == (0, "done"), done.stderr
    assert len(list((folder / "pairs" / "HR").iterdir())) == 12
    assert (folder / "made.gsdd").is_file()


def test_nothing_half_written_and_no_checkpoint_is_left(session):
    folder, temporary, _ = session
    assert {path.name for path in folder.iterdir()} == {"a.gsdd", "a.h5", "cache", "coreset", "made.gsdd", "pairs"}
    assert not list(temporary.glob("gsdd-*"))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_only_posix_has_is_asked_for_first(file):
    text = file.read_text()
    for name in POSIX.findall(text):
        module, _, attribute = name.partition(".")
        assert f'hasattr({module}, "{attribute}")' in text, name
