"""A checkpoint is the whole state: a search that goes on from one makes the same bits as one that never stopped."""

import io
import tempfile
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from memory import peak_bytes
from recipes import changed
from sample_file import MANIFEST
from small_job import RECIPE, Losses, matched, not_inverted
from small_job import inverted as invert_crops

from gsdd.distill.adam import AdamState
from gsdd.distill.inversion import InversionState
from gsdd.distill.matching import Distillation
from gsdd.distill.run import KeepsNothing
from gsdd.errors import FormatError
from gsdd.parallel.chunks import CHUNK
from gsdd.run.checkpoint import STAGES, Checkpoint, differences, identity_of, read, write

TWO_CHUNKS = CHUNK + 3
MOVES_ONE = changed(RECIPE, latent_batch=1)


def to_bytes(checkpoint: Checkpoint) -> bytes:
    file = io.BytesIO()
    write(file, checkpoint)
    return file.getvalue()


def from_bytes(data: bytes) -> Checkpoint:
    with tempfile.NamedTemporaryFile(buffering=0) as file:
        file.write(data)
        return read(Path(file.name))


class Kept(KeepsNothing):
    """Keeps every state as the bytes of a checkpoint, as a killed process leaves it."""

    def __init__(self) -> None:
        self.files: list[bytes] = []

    def keep(self, state) -> None:
        self.files.append(to_bytes(Checkpoint({}, state())))

    def states(self):
        return [from_bytes(data).state for data in self.files]


def inverted(photos, **more):
    return invert_crops(photos, RECIPE, TWO_CHUNKS, **more)


def distilled(photos, **more):
    return matched(photos, MOVES_ONE, **more)


def equal(one, other) -> bool:
    """Compare dataclasses of tensors, numbers and further such dataclasses, bit by bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(equal(vars(one)[name], vars(other)[name]) for name in vars(one))
    return one == other


@pytest.fixture(scope="module")
def inversion(photos):
    kept = Kept()
    return inverted(photos, journal=kept), kept


@pytest.fixture(scope="module")
def distillation(photos):
    kept = Kept()
    return distilled(photos, journal=kept), kept


def test_an_inversion_goes_on_from_any_step_of_any_chunk_to_the_same_bits(photos, inversion):
    result, kept = inversion
    assert len(kept.files) == 2 * RECIPE.inversion.steps
    for state in kept.states():
        assert equal(inverted(photos, resume=state), result)


def test_a_distillation_goes_on_from_any_step_to_the_same_bits(photos, distillation):
    result, kept = distillation
    assert len(kept.files) == RECIPE.matching.iterations
    for state in kept.states():
        assert equal(distilled(photos, resume=state), result)


def test_a_search_resumed_after_every_step_ends_in_the_same_bits(photos, distillation):
    state = None
    for _ in range(RECIPE.matching.iterations):
        kept = Kept()
        distilled(photos, resume=state, journal=kept)
        state = kept.states()[0]
    assert equal(state, distillation[0])


def test_progress_goes_on_where_it_stopped(photos, inversion):
    told = Losses()
    inverted(photos, resume=inversion[1].states()[6], monitor=told)
    assert told.seen == [(8, 10), (9, 10), (10, 10)]


def test_latents_that_never_moved_have_no_momentum(distillation):
    adam = distillation[1].states()[0].adam
    assert int(adam.steps.sum()) == 2
    still = adam.steps == 0
    assert not adam.first[still].any()
    assert adam.first[~still].any()


def test_bytes_give_back_exactly_what_was_kept(inversion, distillation):
    for data in (*inversion[1].files, *distillation[1].files):
        state = from_bytes(data).state
        again = from_bytes(to_bytes(Checkpoint({"lr": 0.1 + 0.2, "dsa": "", "latents of class ä": 2}, state)))
        assert equal(again.state, state)
        assert again.identity == {"lr": 0.1 + 0.2, "dsa": "", "latents of class ä": 2}
    assert isinstance(from_bytes(inversion[1].files[0]).state, InversionState)
    assert isinstance(from_bytes(distillation[1].files[0]).state, Distillation)


def test_the_library_reads_the_tensors_out_of_the_file(inversion, distillation):
    for data in (inversion[1].files[0], inversion[1].files[9], distillation[1].files[0]):
        tensors, _ = from_bytes(data).state.parts()
        there = safetensors.torch.load(data)
        assert there.keys() == tensors.keys()
        assert all(equal(there[name], tensors[name]) for name in there)


@dataclass(frozen=True)
class Extended:
    """What a state may hold: tensors of any kind, and facts."""

    tensors: dict

    def parts(self):
        return self.tensors, {"iterations": 3}

    @classmethod
    def of(cls, tensors, facts):
        return cls(dict(tensors))


TENSORS = {
    "a": torch.rand(3, 2, dtype=torch.float64), "b": torch.rand(0, 5), "c": torch.tensor(7),
    "d": torch.rand(5).bfloat16(), "e": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "f": torch.randint(256, (3, 3)).byte().t(),
}  # fmt: skip


def test_a_state_may_have_tensors_of_any_kind(monkeypatch):
    monkeypatch.setitem(STAGES, "extended", Extended)
    data = to_bytes(Checkpoint({}, Extended(TENSORS)))
    there, again = safetensors.torch.load(data), from_bytes(data).state.tensors
    assert there.keys() == again.keys() == TENSORS.keys()
    assert all(equal(each[name], TENSORS[name]) for each in (there, again) for name in TENSORS)


def test_writing_copies_no_tensor(tmp_path):
    adam = AdamState(*(torch.rand(1000, 3, 32, 32) for _ in range(3)), torch.ones(1000).long())
    state = Distillation(adam, 1, not_inverted(adam.latents))
    tracemalloc.start()
    try:
        with (tmp_path / "checkpoint").open("wb") as file:
            assert peak_bytes(lambda: write(file, Checkpoint({}, state))) < 2**20
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert equal(read(tmp_path / "checkpoint").state, state)


def test_equal_states_give_equal_bytes(photos, distillation):
    kept = Kept()
    distilled(photos, journal=kept)
    assert kept.files == distillation[1].files


def test_a_checkpoint_cut_off_anywhere_is_refused(inversion):
    data = inversion[1].files[6]
    for length in [*range(0, 2000, 37), *range(2000, len(data), 997), len(data) - 1]:
        with pytest.raises(FormatError, match="damaged"):
            from_bytes(data[:length])


def test_a_flipped_bit_anywhere_is_refused(inversion):
    data = inversion[1].files[6]
    for position in [*range(0, 2500, 13), *range(2500, len(data), 499), len(data) - 1]:
        with pytest.raises(FormatError):
            from_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])


@pytest.mark.parametrize(
    "data",
    [b"", b"photo", bytes(8), b"\xff" * 100, b"\x02" + bytes(7) + b"[]", b"\x0c" + bytes(7) + b'{"a":[1,2]} '],
)
def test_what_is_no_checkpoint_is_refused(data):
    with pytest.raises(FormatError, match="damaged, or no checkpoint"):
        from_bytes(data)


def test_another_versions_checkpoint_is_refused_by_its_version(distillation, monkeypatch):
    state = from_bytes(distillation[1].files[0]).state
    monkeypatch.setattr("gsdd.run.checkpoint.FORMAT", 99)
    later = to_bytes(Checkpoint({}, state))
    monkeypatch.undo()
    with pytest.raises(FormatError, match="it has format 99; this gsdd continues format "):
        from_bytes(later)


def test_the_identity_of_a_run_is_all_that_decides_its_latents():
    building, sky = MANIFEST.classes
    changed = {
        "lr": replace(MANIFEST, recipe=MANIFEST.recipe | {"lr": 0.5}),
        "latents of class sky": replace(MANIFEST, classes=(building, replace(sky, latents=9))),
        "photos (sha256)": replace(MANIFEST, source=replace(MANIFEST.source, sha256="e5" * 32)),
        "generator (sha256)": replace(MANIFEST, generator=replace(MANIFEST.generator, fingerprint="d4" * 32)),
    }
    for name, manifest in changed.items():
        (found,) = differences(identity_of(MANIFEST), identity_of(manifest))
        assert found.startswith(f"{name}: there ")
    same = replace(MANIFEST, run={}, source=replace(MANIFEST.source, licence="other", skipped=7))
    assert differences(identity_of(MANIFEST), identity_of(same)) == ()


def test_differences_name_both_values_and_what_only_one_has():
    assert differences({"lr": 0.001, "sky": 5, "same": 1}, {"lr": 0.01, "same": 1, "sea": 2}) == (
        "lr: there 0.001, here 0.01",
        "sea: there none, here 2",
        "sky: there 5, here none",
    )


def forged(state, change) -> bytes:
    """A checkpoint whose parts were changed, with the right digest."""

    @dataclass(frozen=True)
    class Changed:
        tensors: dict
        facts: dict

        def parts(self):
            return self.tensors, self.facts

    tensors, facts = (dict(part) for part in state.parts())
    change(tensors, facts)
    file = io.BytesIO()
    name = next(name for name, kind in STAGES.items() if isinstance(state, kind))
    write(file, Checkpoint({"seed": 0}, Changed(tensors, facts)), {name: Changed})
    return file.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, facts: tensors.pop("adam.first"),
        lambda tensors, facts: tensors.update({"adam.steps": torch.zeros(99, dtype=torch.int64)}),
        lambda tensors, facts: tensors.update({"adam.latents": torch.zeros(5)}),
        lambda tensors, facts: tensors.update({"inverted.error": torch.zeros(5)}),
        lambda tensors, facts: tensors["adam.latents"].fill_(float("nan")),
        lambda tensors, facts: facts.pop("iterations"),
        lambda tensors, facts: facts.update({"iterations": "3"}),
        lambda tensors, facts: facts.update({"inverted.steps": [1]}),
    ],
)
def test_a_checkpoint_of_no_state_is_refused_though_its_digest_holds(change):
    latents, errors = torch.rand(5, 3, 8, 8), torch.ones(5, dtype=torch.float64)
    adam = AdamState(latents.clone(), latents * 0, latents * 0, torch.zeros(5, dtype=torch.int64))
    state = Distillation(adam, 2, replace(not_inverted(latents), error=errors, error_start=errors))
    assert isinstance(from_bytes(forged(state, lambda tensors, facts: None)).state, Distillation)
    with pytest.raises(FormatError, match="it holds no state of a job"):
        from_bytes(forged(state, change))
