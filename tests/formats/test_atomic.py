"""Output files appear whole or not at all, and replace nothing unasked."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gsdd.errors import OutputError
from gsdd.formats import atomic
from gsdd.formats.atomic import check_output, check_outside, write_atomically, written_whole


def test_the_bytes_are_there_and_nothing_else_is(tmp_path):
    write_atomically(tmp_path / "a.gsdd", b"abc")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.gsdd": b"abc"}


def test_the_file_has_the_permissions_that_the_umask_gives(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "a.gsdd", b"abc")
    assert (tmp_path / "a.gsdd").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"old"), lambda path: path.symlink_to("nowhere")])
def test_an_existing_name_is_refused_and_kept_unless_forced(tmp_path, make):
    path = tmp_path / "a.gsdd"
    make(path)
    with pytest.raises(OutputError, match=r"a\.gsdd: exists already; `force=True`"):
        write_atomically(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["a.gsdd"]
    assert path.is_symlink() or path.read_bytes() == b"old"
    write_atomically(path, b"new", force=True)
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(("make", "text"), [(Path.mkdir, "is a folder"), (os.mkfifo, "is a device or a pipe")])
def test_a_folder_or_a_pipe_is_never_replaced(tmp_path, make, text, force):
    path = tmp_path / "a.gsdd"
    make(path)
    before = path.stat()
    with pytest.raises(OutputError, match=text):
        write_atomically(path, b"new", force=force)
    assert (path.stat().st_mode, path.stat().st_ino) == (before.st_mode, before.st_ino)


@pytest.mark.parametrize(
    ("path", "text"),
    [("no/a.gsdd", "there is no folder"), ("file/a.gsdd", "there is no folder"), ("n" * 300, "cannot be written")],
)
def test_a_path_that_cannot_be_written_is_told_in_one_line(tmp_path, path, text):
    (tmp_path / "file").write_bytes(b"")
    for attempt in (check_output, lambda path: write_atomically(path, b"new")):
        with pytest.raises(OutputError, match=text) as caught:
            attempt(tmp_path / path)
        assert str(tmp_path / path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_name_that_is_taken_while_the_bytes_are_written_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "a.gsdd"
    synced = os.fsync

    def take_the_name(descriptor: int) -> None:
        synced(descriptor)
        path.write_bytes(b"of another process")

    monkeypatch.setattr(os, "fsync", take_the_name)
    with pytest.raises(OutputError, match="exists already"):
        write_atomically(path, b"new")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"of another process"]


def test_a_file_system_without_hard_links_is_written_to_all_the_same(tmp_path, monkeypatch):
    def no_links(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    write_atomically(tmp_path / "a.gsdd", b"abc")
    with pytest.raises(OutputError, match="exists already"):
        write_atomically(tmp_path / "a.gsdd", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"abc"]


def test_a_full_disk_leaves_what_was_there_and_nothing_half_written(tmp_path):
    (tmp_path / "a.gsdd").write_bytes(b"old")
    script = (
        "import resource, sys; from pathlib import Path; from gsdd.errors import OutputError;"
        "from gsdd.formats.atomic import write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_atomically(Path(sys.argv[1]), bytes(10_000), force=True)\n"
        "except OutputError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "a.gsdd"], check=True, capture_output=True, text=True
    )
    assert done.stdout == f"{tmp_path / 'a.gsdd'}: cannot be written: File too large\n"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.gsdd": b"old"}


def test_two_writers_of_one_name_do_not_meet(tmp_path):
    target = tmp_path / "a.gsdd"
    with written_whole(target, force=True) as first, written_whole(target, force=True) as second:
        first.write(b"first")
        second.write(b"second")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.gsdd": b"first"}


WRITE_OFTEN = """
import pathlib, sys
from gsdd.errors import OutputError
from gsdd.formats.atomic import check_output, write_atomically
path, data, force = pathlib.Path(sys.argv[1]), sys.argv[2].encode() * 5000, sys.argv[3] == "force"
for _ in range(int(sys.argv[4])):
    try:
        check_output(path, force=force)
        write_atomically(path, data, force=force)
        print("written")
    except OutputError as error:
        print(error)
    if force:
        assert len(set(path.read_bytes())) == 1
"""


@pytest.mark.parametrize(("how", "times"), [("force", 60), ("keep", 1)])
def test_many_processes_that_write_one_name_at_once_do_not_disturb_each_other(tmp_path, how, times):
    path = tmp_path / "a.gsdd"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE_OFTEN, path, name, how, str(times)], stdout=subprocess.PIPE, text=True
        )
        for name in "abcdef"
    ]
    told = [line for writer in writers for line in writer.communicate()[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0] * 6
    if how == "force":
        assert told == ["written"] * 6 * times
    else:
        assert sorted(told) == [f"{path}: exists already; `force=True` replaces it"] * 5 + ["written"]
    assert [each.name for each in tmp_path.iterdir()] == ["a.gsdd"]
    assert len(path.read_bytes()) == 5000


def test_a_file_system_without_locks_is_written_to_and_nothing_is_removed_there(tmp_path, monkeypatch):
    def no_locks(descriptor: int, *, blocking: bool) -> bool:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(atomic, "lock_descriptor", no_locks)
    (tmp_path / ".a.gsdd.1.part").write_bytes(b"perhaps of a living process")
    check_output(tmp_path / "a.gsdd")
    write_atomically(tmp_path / "a.gsdd", b"abc")
    assert {path.name for path in tmp_path.iterdir()} == {"a.gsdd", ".a.gsdd.1.part"}


def test_what_killed_processes_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    (tmp_path / ".a.gsdd.1.part").write_bytes(b"half")
    (tmp_path / ".b.gsdd.1.part").write_bytes(b"of another file")
    (tmp_path / ".a.gsdd.old.part").write_bytes(b"not ours")
    with written_whole(tmp_path / "a.gsdd") as file:
        file.write(b"abc")
        script = "import sys; from gsdd.formats import atomic; atomic.check_output(atomic.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", script, tmp_path / "a.gsdd"], check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"a.gsdd", ".b.gsdd.1.part", ".a.gsdd.old.part"}
    assert (tmp_path / "a.gsdd").read_bytes() == b"abc"


def test_what_is_replaced_may_keep_another_name_and_an_error_changes_neither(tmp_path):
    path, previous = tmp_path / "a", tmp_path / "b"

    def write(data: bytes) -> None:
        with written_whole(path, force=True, previous=previous) as file:
            file.write(data)
            if not data:
                raise ValueError

    write(b"1")
    assert not previous.exists()
    for data, before in ((b"2", b"1"), (b"3", b"2")):
        write(data)
        assert (path.read_bytes(), previous.read_bytes()) == (data, before)
    with pytest.raises(ValueError):
        write(b"")
    assert (path.read_bytes(), previous.read_bytes(), len(list(tmp_path.iterdir()))) == (b"3", b"2", 2)


def test_an_error_while_writing_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), written_whole(tmp_path / "a.gsdd") as file:
        file.write(b"abc" * (1 // 0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["photos/a.gsdd", "photos/sky/a.gsdd", "link/a.gsdd", "other/../photos/a.gsdd"])
def test_a_place_inside_a_folder_is_known_however_it_is_named(tmp_path, path):
    (tmp_path / "photos" / "sky").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos" / "sky")
    with pytest.raises(OutputError, match="only read from"):
        check_outside(tmp_path / path, tmp_path / "photos")
    check_outside(tmp_path / "photos.gsdd", tmp_path / "photos")
    check_outside(tmp_path / "photos2" / "a.gsdd", tmp_path / "photos")
