"""A folder appears whole or not at all, and nothing but an earlier one of its kind is replaced."""

import os
from pathlib import Path

import pytest
from killed.seen import contents

from gsdd.errors import OutputError
from gsdd.selection.crop_folder import is_of_a_coreset
from gsdd.selection.whole_folder import check_folder, write_folder

OLD = {"sky/old_left1_top1.png": b"old", "coreset.json": b"old"}
FILES = [("sky/a_left0_top0.png", b"one"), ("sea/b_left0_top9.png", b"three"), ("coreset.json", b"{}")]


def broken_off(error: BaseException):
    yield FILES[0]
    raise error


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def earlier(target) -> None:
    write_folder(target, OLD.items(), is_of_a_coreset)
    assert contents(target) == OLD


def test_what_is_given_is_there_and_nothing_else(target):
    assert write_folder(target, FILES, is_of_a_coreset) == 3 + 5 + 2
    assert contents(target) == dict(FILES)
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_an_empty_folder_may_be_there(target):
    target.mkdir()
    check_folder(target, is_of_a_coreset)
    write_folder(target, FILES, is_of_a_coreset)
    assert contents(target) == dict(FILES)


def test_an_earlier_one_is_kept_unless_forced_and_then_replaced_whole(target, earlier):
    with pytest.raises(OutputError, match="exists already; `force=True`"):
        check_folder(target, is_of_a_coreset)
    with pytest.raises(OutputError, match="exists already; `force=True`"):
        write_folder(target, FILES, is_of_a_coreset)
    assert contents(target) == OLD
    check_folder(target, is_of_a_coreset, force=True)
    write_folder(target, FILES, is_of_a_coreset, force=True)
    assert contents(target) == dict(FILES)
    assert [path.name for path in target.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("mine", ["note.txt", "sky/photo.png", "sky/deep/a_left0_top0.png", ".hidden"])
def test_other_files_are_never_replaced_whatever_is_forced(target, earlier, mine):
    (target / mine).parent.mkdir(parents=True, exist_ok=True)
    (target / mine).write_bytes(b"mine")
    for force in (False, True):
        with pytest.raises(OutputError, match="which is not ours to replace"):
            check_folder(target, is_of_a_coreset, force=force)
        with pytest.raises(OutputError, match="which is not ours to replace"):
            write_folder(target, FILES, is_of_a_coreset, force=force)
    assert contents(target) == {**OLD, mine: b"mine"}


def test_crops_without_the_facts_of_a_coreset_are_other_files(target):
    (target / "sky").mkdir(parents=True)
    (target / "sky" / "a_left0_top0.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="not ours to replace"):
        check_folder(target, is_of_a_coreset, force=True)


def test_links_and_files_in_the_way_are_never_replaced(target, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target.symlink_to("elsewhere")
    with pytest.raises(OutputError, match="is not a folder"):
        check_folder(target, is_of_a_coreset, force=True)
    target.unlink()
    target.write_text("mine")
    with pytest.raises(OutputError, match="is not a folder"):
        write_folder(target, FILES, is_of_a_coreset, force=True)
    assert target.read_text() == "mine"


@pytest.mark.parametrize(("name", "told"), [("gone/out", "there is no folder"), (".", "no name"), ("..", "no name")])
def test_names_that_cannot_be_written_are_told(tmp_path, monkeypatch, name, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=told):
        check_folder(Path(name), is_of_a_coreset)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["^C", "full"])
@pytest.mark.parametrize("force", [False, True])
def test_a_run_that_ends_in_the_middle_leaves_what_was_there(target, force, error):
    before = OLD if force else {}
    if force:
        write_folder(target, before.items(), is_of_a_coreset)
    with pytest.raises((KeyboardInterrupt, OutputError)) as caught:
        write_folder(target, broken_off(error), is_of_a_coreset, force=force)
    assert contents(target.parent) == {f"out/{name}": data for name, data in before.items()}
    if isinstance(error, OSError):
        assert str(caught.value) == f"{target}: cannot be written: No space left on device"


def killed_while_writing(target: Path) -> None:
    def files():
        yield FILES[0]
        os._exit(9)

    child = os.fork()
    if child == 0:
        write_folder(target, files(), is_of_a_coreset)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_what_a_killed_run_leaves_is_hidden_and_the_next_run_removes_it(target):
    killed_while_writing(target)
    (left,) = target.parent.iterdir()
    assert left.name.startswith(".out.")
    check_folder(target, is_of_a_coreset)
    assert not list(target.parent.iterdir())


def test_a_run_that_is_killed_between_two_renames_loses_nothing(target, earlier):
    child = os.fork()
    if child == 0:
        rename = Path.rename
        Path.rename = lambda path, other: (rename(path, other), os._exit(9))
        write_folder(target, FILES, is_of_a_coreset, force=True)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not target.exists()
    with pytest.raises(OutputError, match="exists already"):
        check_folder(target, is_of_a_coreset)
    assert contents(target.parent) == {f"out/{name}": data for name, data in OLD.items()}


def test_what_a_living_run_is_writing_stays(target):
    def files():
        yield FILES[0]
        check_folder(target, is_of_a_coreset)
        yield from FILES[1:]

    write_folder(target, files(), is_of_a_coreset)
    assert contents(target) == dict(FILES)


def test_a_folder_that_appeared_meanwhile_is_kept(target):
    def files():
        yield from FILES
        target.mkdir()
        (target / "mine").write_text("mine")

    with pytest.raises(OutputError, match="not ours to replace"):
        write_folder(target, files(), is_of_a_coreset)
    assert contents(target.parent) == {"out/mine": b"mine"}
