"""SIGKILL of real `expand` processes: every image is whole or not there, and the same command again completes them."""

import pytest
from killed.seen import contents, kills_at_random

from gsdd.pairs.tree import RECORD


@pytest.fixture(scope="module")
def whole(ask, small_file, tmp_path_factory):
    """An uninterrupted run: its files, and how long it took."""
    folder = tmp_path_factory.mktemp("whole") / "pairs"
    done = ask("expand", small_file, "-o", folder, "-q")
    assert done["code"] == 0, done["text"]
    return contents(folder), done["seconds"]


@pytest.fixture
def folders(tmp_path):
    return (tmp_path / str(number) for number in range(1000))


@pytest.fixture
def check_and_complete(ask, small_file, whole):
    def check(folder) -> None:
        seen = {name: data for name, data in contents(folder).items() if not name.endswith((".part", ".gsdd-lock"))}
        # Of the record every whole line holds; the last may be cut.
        assert set(seen.pop(RECORD, b"").split(b"\n")[:-1]) <= set(whole[0][RECORD].split(b"\n"))
        assert seen.items() <= whole[0].items()
        again = ask("expand", small_file, "-o", folder, "-q")
        assert (again["code"], again["text"]) == (0, f"{folder}\n")
        assert contents(folder) == whole[0]

    return check


def test_at_random_times(ask, small_file, folders, check_and_complete, whole):
    before, used = small_file.read_bytes(), []

    def expand(**how) -> dict:
        used.append(next(folders))
        return ask("expand", small_file, "-o", used[-1], "-q", **how)

    for _ in kills_at_random(expand, whole[1]):
        check_and_complete(used[-1])
    assert small_file.read_bytes() == before


@pytest.mark.parametrize(
    ("event", "path", "nth"),
    [
        ("os.rename", r"/\.gsdd-expand\.json$", 1),
        ("open", r"/HR/\..*\.part$", 1),
        ("os.rename", r"/HR/", 4),
        ("os.rename", r"/LR_x4/", 7),
        ("os.rename", r"/meta_info\.txt$", 1),
    ],
)
def test_at_a_moment_that_matters(ask, small_file, folders, check_and_complete, event, path, nth):
    folder = next(folders)
    killed = ask("expand", small_file, "-o", folder, "-q", event=event, path=path, nth=nth)
    assert killed["code"] == -9, killed["text"]
    check_and_complete(folder)


@pytest.mark.parametrize("dies", [True, False], ids=["killed", "told that the disk is full"])
def test_in_the_middle_of_writing_an_image(ask, small_file, folders, check_and_complete, dies):
    folder = next(folders)
    stopped = ask("expand", small_file, "-o", folder, "-q", bytes=3000, dies=dies)
    assert dies == (stopped["code"] < 0)
    assert dies or (stopped["code"], stopped["text"].count("\n")) == (1, 1)
    assert dies == any(name.endswith(".part") for name in contents(folder))
    check_and_complete(folder)
