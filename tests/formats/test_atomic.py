"""Output files appear whole or not at all, and replace nothing unasked."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gsdd.errors import OutputError
from gsdd.formats import atomic
from gsdd.formats.atomic import begin_unfinished, check_output, check_outside, write_atomically, written_whole
from gsdd.formats.helper_names import hidden


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
    (tmp_path / ".a.gsdd.gsdd-0123456789abcdef.part").write_bytes(b"perhaps of a living process")
    check_output(tmp_path / "a.gsdd")
    write_atomically(tmp_path / "a.gsdd", b"abc")
    assert {path.name for path in tmp_path.iterdir()} == {"a.gsdd", ".a.gsdd.gsdd-0123456789abcdef.part"}


def test_what_killed_processes_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    (tmp_path / ".a.gsdd.gsdd-0123456789abcdef.part").write_bytes(b"half")
    (tmp_path / ".b.gsdd.gsdd-0123456789abcdef.part").write_bytes(b"of another file")
    (tmp_path / ".a.gsdd.old.part").write_bytes(b"not ours")
    with written_whole(tmp_path / "a.gsdd") as file:
        file.write(b"abc")
        script = "import sys; from gsdd.formats import atomic; atomic.check_output(atomic.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", script, tmp_path / "a.gsdd"], check=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        "a.gsdd",
        ".b.gsdd.gsdd-0123456789abcdef.part",
        ".a.gsdd.old.part",
    }
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


def test_a_users_own_file_that_looks_like_a_leftover_stays(tmp_path):
    own = [tmp_path / ".a.gsdd.12.part", tmp_path / ".a.gsdd.part", tmp_path / ".a.gsdd.gsdd-12.part"]
    for path in own:
        path.write_text("mine")
    check_output(tmp_path / "a.gsdd")
    write_atomically(tmp_path / "a.gsdd", b"abc")
    assert all(path.read_text() == "mine" for path in own)


def test_a_pipe_that_is_named_like_a_leftover_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / ".a.gsdd.gsdd-0123456789abcdef.part")
    check_output(tmp_path / "a.gsdd")
    write_atomically(tmp_path / "a.gsdd", b"abc")
    assert (tmp_path / "a.gsdd").read_bytes() == b"abc"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_what_is_replaced_hands_on_its_mode_and_is_never_open_to_more_meanwhile(tmp_path, mode):
    path = tmp_path / "a.gsdd"
    path.write_bytes(b"old")
    path.chmod(mode)
    with written_whole(path, force=True) as file:
        file.write(b"new")
        assert os.fstat(file.fileno()).st_mode & 0o777 & ~mode & 0o077 == 0
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", mode)


def test_a_link_that_a_user_names_is_written_through_and_others_are_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "t", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to("there/t")
    write_atomically(link, b"new", force=True, follow=True)
    assert link.is_symlink() and target.read_bytes() == b"new"
    write_atomically(link, b"newer", force=True)
    assert not link.is_symlink() and (link.read_bytes(), target.read_bytes()) == (b"newer", b"new")
    assert [each.name for each in (tmp_path / "there").iterdir()] == ["t"]


@pytest.mark.parametrize("name", ["n" * 250, "ü" * 125, "n" * 200 + ".gsdd"])
def test_a_name_of_any_length_that_a_file_may_have_can_be_written(tmp_path, name):
    write_atomically(tmp_path / name, b"abc")
    write_atomically(tmp_path / name, b"abcd", force=True)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(name, b"abcd")]
    names = [hidden(tmp_path / name, ending).name for ending in (".checkpoint", ".checkpoint.previous", ".gsdd-lock")]
    assert len(set(names)) == 3
    assert all(len(os.fsencode(each)) <= 255 for each in names)
    assert hidden(tmp_path / f"{name[:-1]}x", "").name != hidden(tmp_path / name, "").name


def test_what_killed_processes_left_of_a_long_name_goes(tmp_path):
    path = tmp_path / ("n" * 250)
    descriptor, part = begin_unfinished(path)
    os.close(descriptor)
    check_output(path)
    assert not part.exists()
