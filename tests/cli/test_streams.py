"""What people are told never ends a command's work; only the result, on stdout, must arrive."""

import os
import subprocess
import sys

import pytest

WORDS = [sys.executable, "-m", "gsdd"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def run(*words: object, **streams):
    return subprocess.run([*WORDS, *map(str, words)], env=ENVIRONMENT, timeout=300, **streams)


def closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("stream", [closed_pipe, full_disk])
def test_a_stderr_that_fails_costs_the_progress_alone(stream, small_file, tmp_path):
    descriptor = stream()
    try:
        done = run("expand", small_file, "-o", tmp_path / "pairs", "--json", stdout=subprocess.PIPE, stderr=descriptor)
    finally:
        os.close(descriptor)
    assert done.returncode == 0
    assert len(list((tmp_path / "pairs" / "HR").iterdir())) == 12
    assert b'"written": 12' in done.stdout


def test_and_an_error_still_has_its_exit_code(tmp_path):
    descriptor = full_disk()
    try:
        assert run("info", tmp_path / "none.gsdd", stdout=subprocess.PIPE, stderr=descriptor).returncode == 1
    finally:
        os.close(descriptor)


def test_a_result_that_does_not_arrive_is_an_error_in_one_line(small_file):
    descriptor = full_disk()
    try:
        done = run("info", small_file, stdout=descriptor, stderr=subprocess.PIPE)
    finally:
        os.close(descriptor)
    assert done.returncode == 1
    assert done.stderr.decode() == "gsdd: No space left on device\n"
