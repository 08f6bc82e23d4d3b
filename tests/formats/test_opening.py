"""What strangers hand over is opened without waiting, and read only as far as it is really there."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gsdd.formats.opening import HEAD, NotAFileError, is_locked, not_the_file, opened, read_whole

ROOT = Path(__file__).parents[2]


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, os.mkdir, bind, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("/dev/stdin")],
)
def test_what_is_no_file_is_refused_and_nobody_waits(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    make(Path("x"))
    for attempt in (opened, lambda path: read_whole(path, 10)):
        with pytest.raises(NotAFileError, match=r"is a (folder|pipe or a device), not a file"):
            attempt(Path("x"))


def test_a_file_that_becomes_a_pipe_between_two_looks_is_refused_too(tmp_path, monkeypatch):
    path, plain = tmp_path / "x", Path.stat
    os.mkfifo(path)
    (tmp_path / "plain").write_bytes(b"")
    monkeypatch.setattr(Path, "stat", lambda self, **options: plain(tmp_path / "plain", **options))
    with pytest.raises(NotAFileError):
        opened(path)


def test_a_file_of_holes_is_no_larger_than_what_is_on_disk(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match=r"claims 1,099,511,627,776 bytes, of which \d+ are on disk"):
        opened(tmp_path / "sparse")


def test_bytes_are_read_up_to_a_limit_and_no_further(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert read_whole(tmp_path / "x", 5) == b"12345"
    with pytest.raises(OSError, match="has 5 bytes, and at most 4 are read"):
        read_whole(tmp_path / "x", 4)


def test_a_file_that_changes_its_size_meanwhile_is_refused(tmp_path):
    from gsdd.formats.opening import rest_of

    for size in (3, 9):
        (tmp_path / "x").write_bytes(b"12345")
        with opened(tmp_path / "x") as file:
            wanted = os.fstat

            def as_before(descriptor: int, wanted=wanted) -> os.stat_result:
                facts = list(wanted(descriptor))
                facts[6] = 5
                return os.stat_result(facts)

            os.truncate(tmp_path / "x", size)
            with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError, match="changed while it was read"):
                patch.setattr(os, "fstat", as_before)
                rest_of(file)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "a page in HTML"),
        (b"\n <HTML lang=de>", "a page in HTML"),
        (b"\x89PNG\r\n\x1a\n", ""),
        (b"", ""),
    ],
)
def test_what_a_download_left_instead_of_the_file_is_named(start, said):
    told = not_the_file(start[:HEAD])
    assert said in told if said else told == ""


def test_a_file_that_another_process_is_writing_as_hdf5_is_told_from_others(tmp_path):
    script = (
        "import h5py, sys\nwith h5py.File(sys.argv[1], 'w') as file:\n"
        "    file['x'] = 1; file.flush(); print('open', flush=True); sys.stdin.read()"
    )
    path = tmp_path / "a.h5"
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        with opened(path) as file:
            assert is_locked(file)
        writer.communicate()
    with opened(path) as file:
        assert not is_locked(file)


# Where bytes of strangers are opened: nowhere but in `formats/opening.py`. The others open what gsdd itself made, holds
# or brings along.
OPENS = {
    "formats/opening.py": "strangers' files",
    "formats/atomic.py": "outputs",
    "formats/lock.py": "locks",
    "cli/main.py": "/dev/null",
    "formats/deflated_container.py": "its dictionary, of the package",
    "formats/fsspec_source.py": "URLs, in bounds",
    "gsdd/inspect/page.py": "its template, of the package",
    "gsdd/metrics/niqe.py": "its model, of the package",
    "gsdd/parallel/load.py": "/proc",
    "gsdd/parallel/workers.py": "/dev/null",
    "gsdd/pairs/tree.py": "the record, to add to it",
    "gsdd/pairs/visits.py": "counts of this very process",
    "gsdd/data/image_store.py": "images of this very run",
    "gsdd/pairs/cache.py": "a mapping of what `opened` gave",
    "gsdd/selection/whole_folder.py": "outputs",
    "gsdd/study/claims.py": "locks",
}
CALLS = {"open", "read_bytes", "read_text", "memmap", "fromfile", "safe_open", "load_file", "loadtxt", "genfromtxt"}


def calls_in(module: Path) -> set[str]:
    import ast

    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            owner = getattr(getattr(function, "value", None), "id", "")
            if name in CALLS and owner not in ("Image", "gsdd", "opener"):
                names.add(name)
    return names


def test_strangers_files_are_opened_in_one_module_alone():
    modules = [path for top in ("gsdd", "formats", "cli", "kernels") for path in (ROOT / top).rglob("*.py")]
    found = {str(path.relative_to(ROOT)): calls for path in modules if (calls := calls_in(path))}
    # This `load_file` is gsdd's own, which opens through that module.
    own = {"gsdd/generators/load.py", "gsdd/students/models.py"}
    assert all(found.pop(name) == {"load_file"} for name in own)
    assert set(found) == set(OPENS)
