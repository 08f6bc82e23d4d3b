"""MATLAB's files are inflated up to a bound, to what scipy makes of them."""

import io
import struct
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from gsdd.metrics.mat_file import inflated


def saved(content: dict, compressed: bool) -> bytes:
    file = io.BytesIO()
    savemat(file, content, do_compression=compressed)
    return file.getvalue()


def test_what_is_inflated_reads_as_before():
    content = {"a": np.arange(600.0).reshape(20, 30), "b": {"c": "text", "d": np.ones(3)}}
    for compressed in (True, False):
        data = saved(content, compressed)
        before, after = (loadmat(io.BytesIO(each), simplify_cells=True) for each in (data, inflated(data)))
        assert np.array_equal(before["a"], after["a"]) and before["b"]["c"] == after["b"]["c"] == "text"
        assert len(inflated(data)) >= len(saved(content, False)) - 8


def test_a_small_file_that_inflates_to_much_is_refused():
    body = zlib.compress(bytes(200 << 20))
    head = saved({"a": 1}, True)[:128]
    with pytest.raises(ValueError, match="many times its bytes"):
        inflated(head + struct.pack("<II", 15, len(body)) + body)


def test_what_is_no_such_file_is_left_alone():
    assert inflated(b"anything") == b"anything"
