"""Arrays that processes share."""

import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pairs.board import LAYOUTS, Board, answer

from gsdd.pairs.shared import ArrayLayout, SharedArrays, size_of


def test_arrays_are_zero_and_do_not_overlap():
    arrays = SharedArrays(LAYOUTS)
    assert {name: (array.dtype.str[1:], array.shape) for name, array in arrays.items()} == {
        "numbers": ("i8", (3,)),
        "image": ("u1", (3, 5, 7)),
    }
    assert not any(array.any() for array in arrays.values())
    arrays["numbers"][:] = -1
    assert not arrays["image"].any()
    assert size_of(LAYOUTS) == 64 + 128


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_writes_what_its_parent_reads(method):
    board = Board(4)
    child = multiprocessing.get_context(method).Process(target=answer, args=(board,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert board.arrays["numbers"].tolist() == [4, 5, 4]


def test_a_plain_copy_is_made_anew():
    board = Board(4, twice=True)
    board.arrays["numbers"][0] = 1
    copy = pickle.loads(pickle.dumps(board))
    assert copy.arrays["numbers"].tolist() == [8, 8, 8]


def test_arrays_lie_in_a_given_file(tmp_path):
    path = tmp_path / "arrays"
    path.write_bytes(bytes(size_of(LAYOUTS)))
    arrays = SharedArrays(LAYOUTS, os.open(path, os.O_RDWR))
    arrays["image"][2, 4, 6] = 9
    again = SharedArrays(LAYOUTS, os.open(path, os.O_RDWR))
    assert again["image"][2, 4, 6] == 9
    assert again["image"].sum() == 9


def test_a_killed_process_leaves_nothing_behind():
    """Bug class of mosaicml/streaming 781: shared memory that outlives a run keeps the next one from starting."""
    before = set(Path("/dev/shm").iterdir())
    code = """
import os, signal
from gsdd.pairs.shared import ArrayLayout, SharedArrays
arrays = SharedArrays({"image": ArrayLayout("u1", (1000, 1000))})
arrays["image"][:] = 1
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert set(Path("/dev/shm").iterdir()) <= before


def test_descriptors_and_memory_go_with_the_arrays():
    def open_descriptors():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_descriptors()
    for _ in range(5):
        arrays = SharedArrays({"image": ArrayLayout("u1", (1000,))})
        assert np.count_nonzero(arrays["image"]) == 0
    del arrays
    assert open_descriptors() == before
