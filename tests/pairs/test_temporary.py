"""Files that processes share for as long as the one that made them lives."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gsdd.errors import OutputError
from gsdd.pairs.temporary import YOUNG, TemporaryFolder
from gsdd.pairs.visits import Visits


@pytest.fixture
def parent(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_the_user_s_alone_and_goes_with_its_object(parent):
    folder = TemporaryFolder()
    (folder.path / "file").write_bytes(b"pixels")
    assert list(parent.iterdir()) == [folder.path]
    assert folder.path.stat().st_mode & 0o777 == 0o700
    del folder
    assert not list(parent.iterdir())


def test_descriptors_go_with_the_objects(parent):
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(5):
        Visits(10, 0, 1)
    assert len(list(descriptors.iterdir())) == before


def test_a_forked_process_that_ends_leaves_it(parent):
    folder = TemporaryFolder()
    child = os.fork()
    if not child:
        del folder
        os._exit(0)
    os.waitpid(child, 0)
    assert folder.path.is_dir()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_is_not(parent):
    code = """
import os, signal
from gsdd.pairs.temporary import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "file").write_bytes(b"pixels")
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "TMPDIR": str(parent)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -signal.SIGKILL
    (left,) = parent.iterdir()
    living = TemporaryFolder()
    assert left.is_dir()  # it may be so new that its process has not locked it yet
    for folder in (left, living.path):
        past = folder.stat().st_mtime - YOUNG - 1
        os.utime(folder, (past, past))
    later = TemporaryFolder()
    assert set(parent.iterdir()) == {living.path, later.path}


def test_nowhere_to_make_one_is_told(parent, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(parent / "none"))
    with pytest.raises(OutputError, match="temporary folder: cannot be written: No such file"):
        TemporaryFolder()


def test_visits_are_counted_by_index_and_begin_with_the_rank():
    visits = Visits(3, 1, 4)
    assert visits.take([0, 2, 0]) == [1, 1, 5]
    visits.set_all(7)
    assert visits.take([0, 1]) == [7, 7]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_all_processes_have_one_count(method):
    visits = Visits(3, 0, 1)
    child = multiprocessing.get_context(method).Process(target=visits.take, args=([1],))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert visits.take([0, 1]) == [0, 1]


def test_a_pickle_counts_with_its_original_and_anew_when_that_is_gone():
    visits = Visits(3, 2, 4)
    visits.take([0])
    pickled = pickle.dumps(visits)
    assert pickle.loads(pickled).take([0]) == [6]
    assert visits.take([0]) == [10]
    del visits
    assert pickle.loads(pickled).take([0, 0]) == [2, 6]
