"""Any changed, missing or added byte is seen: exit code 3, one line, never a traceback, never 0."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_file import ARRAYS, MANIFEST, write_sample

from gsdd.cli.main import exit_code
from gsdd.formats import container as files

FLIPS = 2000
COMMANDS = ("verify", "info", "expand")


def header_length(data: bytes) -> int:
    """Bytes before the tensors: length and JSON of safetensors, user block of HDF5."""
    return 512 if data.startswith(b"gsdd-hdf5") else 8 + int.from_bytes(data[:8], "little")


def is_refused(path: Path, command: str, capsys: pytest.CaptureFixture) -> bool:
    code = exit_code([command, str(path)])
    out, err = capsys.readouterr()
    return code == 3 and out == "" and err.count("\n") == 1 and err.startswith(f"gsdd: {path}: ")


@pytest.fixture(params=["safetensors", "hdf5"])
def sound(request, tmp_path) -> Path:
    return write_sample(tmp_path / "sound.gsdd", container=request.param)


def flips_that_pass(
    path: Path, places: list[int], changes: list[int], capsys: pytest.CaptureFixture, commands=COMMANDS
) -> list[int]:
    """Change one byte after another, each alone; tell which changes a command did not refuse."""
    data, passed = path.read_bytes(), []
    with path.open("r+b", buffering=0) as file:
        for place, change in zip(places, changes, strict=True):
            os.pwrite(file.fileno(), bytes([data[place] ^ change]), place)
            passed += [place for command in commands if not is_refused(path, command, capsys)]
            os.pwrite(file.fileno(), data[place : place + 1], place)
    assert path.read_bytes() == data
    return passed


def test_every_flipped_byte_of_the_header_is_seen(sound, capsys):
    length = header_length(sound.read_bytes())
    changes = np.random.default_rng(0).integers(1, 256, length).tolist()
    assert flips_that_pass(sound, list(range(length)), changes, capsys) == []


@pytest.fixture(params=["safetensors", "hdf5"])
def large(request, tmp_path) -> Path:
    """A file with more payload bytes than are flipped."""
    latents = np.tile(ARRAYS.latents, (1, 1, 32, 32)) + np.linspace(0, 1, 64, dtype=np.float32)
    path = tmp_path / "large.gsdd"
    files.write(path, replace(MANIFEST, hr_size=256), replace(ARRAYS, latents=latents), container=request.param)
    return path


def test_flipped_bytes_of_the_payload_are_seen(large, capsys):
    data, draw = large.read_bytes(), np.random.default_rng(1)
    places = draw.choice(np.arange(header_length(data), len(data)), FLIPS, replace=False)
    changes = draw.integers(1, 256, FLIPS).tolist()
    # `info` reads the header alone.
    assert flips_that_pass(large, places.tolist(), changes, capsys, ("verify", "expand")) == []


def test_a_file_cut_off_anywhere_is_seen(sound, capsys):
    data, path = sound.read_bytes(), sound.with_name("cut.gsdd")
    passed = []
    for length in [*range(0, len(data), 50), len(data) - 1]:
        path.write_bytes(data[:length])
        if not is_refused(path, "verify", capsys):
            passed.append(length)
    assert passed == []


@pytest.mark.parametrize("tail", [b"\0", b" ", b"\n", b"PK\x05\x06" + bytes(18), bytes(4096)])
def test_bytes_after_the_end_or_before_the_start_are_seen(sound, tail, capsys):
    path = sound.with_name("longer.gsdd")
    for data in (sound.read_bytes() + tail, tail + sound.read_bytes()):
        path.write_bytes(data)
        assert is_refused(path, "verify", capsys)


@pytest.mark.parametrize("data", [b"", b"\0" * 512, b"\x89HDF\r\n\x1a\n" * 64, b"\x02\0\0\0\0\0\0\0{}", b"GIF89a"])
def test_other_files_are_told_apart(tmp_path, data, capsys):
    path = tmp_path / "other"
    path.write_bytes(data)
    assert is_refused(path, "verify", capsys)
