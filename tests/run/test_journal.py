"""The last two checkpoints of a run: whatever happens to one, the other is there."""

import random

import pytest
import torch
from heard import Heard
from killed.seen import damaged
from small_job import not_inverted

from gsdd.distill.adam import AdamState
from gsdd.distill.matching import Distillation
from gsdd.errors import OutputError
from gsdd.run.journal import Journal, checkpoint_paths

IDENTITY = {"lr": 0.001}


def state(number: int) -> Distillation:
    latents = torch.full((2, 3, 8, 8), 0.5)
    return Distillation(AdamState(latents, latents, latents, torch.ones(2).long()), number, not_inverted(latents))


def begun(output, identity=IDENTITY, **options) -> tuple[Journal, int | None]:
    """Begin a run of that identity: its journal, and the step that it goes on from."""
    journal = Journal(output, seconds=0, **options)
    found = journal.begin(identity)
    return journal, found and found.iterations


def journal(output) -> Journal:
    return begun(output)[0]


def keep(kept: Journal, *numbers: int) -> None:
    for number in numbers:
        kept.keep(lambda number=number: state(number))


def there(output) -> list[int]:
    """Where the newest checkpoint stands, then the one before it."""
    newest, previous = checkpoint_paths(output)
    numbers = [begun(output)[1]]
    if previous.exists() and newest.exists():
        aside = newest.rename(newest.with_name("aside"))
        numbers.append(begun(output)[1])
        aside.rename(newest)
    return numbers


@pytest.fixture
def output(tmp_path):
    return tmp_path / "o.gsdd"


@pytest.fixture
def paths(output):
    return checkpoint_paths(output)


def test_the_last_two_are_kept_and_the_newest_is_read(output):
    kept, found = begun(output)
    assert found is None
    for number, wanted in ((1, [1]), (2, [2, 1]), (3, [3, 2])):
        keep(kept, number)
        assert there(output) == wanted


def test_another_process_goes_on_with_both(output):
    keep(journal(output), 1, 2)
    again = journal(output)
    keep(again, 3)
    assert there(output) == [3, 2]


def test_damage_at_any_place_is_told_and_the_one_before_it_is_read(output, paths):
    keep(journal(output), 1, 2)
    data, draw = paths[0].read_bytes(), random.Random(0)
    for broken in {damaged(data, draw) for _ in range(300)} - {data}:
        paths[0].unlink()  # what was read of it is still mapped
        paths[0].write_bytes(broken)
        told = Heard()
        assert begun(output, monitor=told)[1] == 1
        assert len(told.notes) == 1
        assert told.notes[0].startswith(f"{paths[0]}: the checkpoint cannot be continued: it ")


def test_a_damaged_checkpoint_never_takes_the_place_of_a_whole_one(output, paths):
    keep(journal(output), 1, 2)
    paths[0].write_bytes(b"damaged")
    again = journal(output)
    keep(again, 3)
    assert there(output) == [3, 1]
    keep(again, 4)
    assert there(output) == [4, 3]


def test_killed_between_the_two_renames_it_goes_on_from_the_one_that_is_there(output, paths):
    keep(journal(output), 1, 2)
    paths[0].replace(paths[1])
    told = Heard()
    again, found = begun(output, monitor=told)
    assert (found, told.notes) == (2, [])
    keep(again, 3)
    assert there(output) == [3, 2]


def test_an_unreadable_file_is_as_a_damaged_one(output, paths):
    keep(journal(output), 1, 2)
    paths[0].unlink()
    paths[0].mkdir()
    assert begun(output)[1] == 1


def test_two_damaged_ones_are_both_named_and_force_starts_anew(output, paths):
    keep(journal(output), 1, 2)
    for path in paths:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OutputError, match="force=True") as caught:
        journal(output)
    assert all(f"{path}: the checkpoint cannot be continued" in str(caught.value) for path in paths)
    forced, found = begun(output, force=True)
    assert found is None
    keep(forced, 7, 8)
    assert there(output) == [8, 7]


@pytest.mark.parametrize("which", [0, 1])
def test_of_another_run_it_is_refused_whichever_is_read(output, paths, which):
    keep(journal(output), 1, 2)
    if which:
        paths[0].write_bytes(b"damaged")
    with pytest.raises(OutputError, match=r"another run \(lr: there 0.001, here 0.5\)") as caught:
        begun(output, {"lr": 0.5})
    assert str(caught.value).startswith(f"{paths[which]}: ")


def test_what_cannot_be_written_leaves_both(output, paths):
    keep(journal(output), 1, 2)
    before = [path.read_bytes() for path in paths]
    again = journal(output)
    with pytest.raises(RuntimeError, match="no state"):
        again.keep(lambda: (_ for _ in ()).throw(RuntimeError("no state")))
    assert [path.read_bytes() for path in paths] == before


def test_both_are_removed_and_nothing_else(output, paths):
    kept = journal(output)
    keep(kept, 1, 2)
    other = output.with_name(".o.gsdd.checkpoint.mine")
    other.write_bytes(b"mine")
    kept.end()
    assert list(output.parent.iterdir()) == [other]
