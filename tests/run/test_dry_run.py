"""What a dry run tells: sizes as they come out, times that add up, and where the run would go on."""

from dataclasses import replace

import pytest
from heard import Heard
from killed.seen import contents
from recipes import SMALL, changed, preset, run

from gsdd.distilled.decode import CHUNK as DECODED
from gsdd.errors import Interrupted, OutputError
from gsdd.formats import container as files
from gsdd.monitor import SILENT
from gsdd.parallel.chunks import CHUNK, CROPS
from gsdd.run.choose import choose, scan
from gsdd.run.chosen import Chosen
from gsdd.run.dry_run import Timings, dry_run, expected_memory, expected_seconds
from gsdd.run.execution import Execution, begin

RUN = preset(**SMALL, ipc=3)
RECIPE = changed(RUN, precision="fp32")
TIMINGS = Timings(inversion=(2.0, 5.0), matching=(7.0, 11.0), forward=0.5, psi=0.25)


@pytest.fixture(scope="module")
def job(photos, tmp_path_factory):
    return begin(tmp_path_factory.mktemp("job"), RECIPE, "cpu", SILENT, Execution())


@pytest.fixture(scope="module")
def chosen(photos, job) -> Chosen:
    return choose(scan(photos, job), job)


@pytest.fixture(scope="module")
def told(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    document = dry_run(photos, folder / "a.gsdd", recipe=RUN, device="cpu")
    assert not list(folder.iterdir())
    return document


def seconds(chosen: Chosen, counts: tuple[int, ...], **values) -> dict[str, float]:
    """What so many latents take, each class of which has all crops of the first one."""
    crops = chosen.crops[:1] * sum(counts)
    classes = tuple(
        replace(entry, latents=count) for entry, count in zip(chosen.manifest.classes, counts, strict=False)
    )
    like = replace(chosen, counts=counts, crops=crops, manifest=replace(chosen.manifest, classes=classes))
    return expected_seconds(like, changed(RECIPE, **values), TIMINGS)


def test_the_file_has_the_size_that_was_told(photos, tmp_path, told):
    made = run(photos, tmp_path / "a.gsdd", **SMALL, ipc=3)
    assert told["latents"] == made.latents
    assert told["bytes"] == pytest.approx(made.bytes, rel=0.01)
    manifest = files.read(made.path).manifest
    assert files.size_of(manifest, "safetensors") == made.bytes
    in_hdf5 = files.convert(made.path, tmp_path / "a.h5", container="hdf5")
    assert files.size_of(manifest, "hdf5") == pytest.approx(in_hdf5, rel=0.01)


def test_every_stage_has_its_figures_and_they_add_up(told):
    assert set(told["seconds"]) == {"photos", "inversion", "matching", "signatures", "total"}
    for name in ("seconds", "memory_bytes"):
        parts = {stage: value for stage, value in told[name].items() if stage != "total"}
        assert told[name]["total"] == pytest.approx(sum(parts.values()))
        assert all(value > 0 for value in parts.values())


def test_a_chunk_of_the_inversion_takes_its_steps_and_two_looks(chosen):
    found = seconds(chosen, (2 * CHUNK + 1,), inversion_steps=10)
    assert found["inversion"] == 3 * (10 * 5.0 + 2 * 0.5)
    assert found["signatures"] == pytest.approx(-(-(2 * CHUNK + 1) // DECODED) * 0.5, abs=0.5)


def test_the_last_tenth_of_a_run_in_bf16_is_counted_as_exact(chosen):
    found = seconds(chosen, (CHUNK,), precision="bf16", inversion_steps=20, iterations=100, latent_batch=0)
    plain = seconds(chosen, (CHUNK,), precision="bf16", inversion_steps=20, iterations=0)
    assert plain["inversion"] == 18 * 2.0 + 2 * 5.0 + 2 * 0.5
    drawn = 48 * (-(-4 // CROPS) + 1) * 0.25
    assert found["matching"] == pytest.approx(90 * 7.0 + 10 * 11.0 + drawn)
    assert plain["matching"] == 0


def test_latents_at_rest_cost_psi_in_each_step_and_a_pass_of_g_at_the_start(chosen):
    moving, all_of_them = (seconds(chosen, (CHUNK,), iterations=10, latent_batch=n)["matching"] for n in (2, 0))
    assert moving - all_of_them == pytest.approx(10 * 0.25 + 2 * 0.5)


def test_memory_goes_with_latents_draws_and_the_images_of_a_step(chosen, job):
    few = expected_memory(chosen, job, (1000, 10))
    twice = replace(chosen, crops=chosen.crops * 2)
    assert expected_memory(twice, job, (1000, 10))["latents"] == 2 * few["latents"]

    def held(**values) -> int:
        return expected_memory(chosen, replace(job, recipe=changed(RECIPE, **values)), (1000, 10))["draws"] // 10

    assert [held(iterations=100, bank=24), held(iterations=10, draws=2, bank=24)] == [24, 20]
    assert [held(iterations=100, draws=3, bank=0), held(iterations=0)] == [3, 0]


def test_where_the_run_would_go_on_is_told_and_left_as_it_is(photos, tmp_path, told):
    target, asked = tmp_path / "a.gsdd", Heard(lambda times: times == 4 * -(-3 * told["latents"] // 3 // CHUNK) + 1)
    with pytest.raises(Interrupted):
        run(photos, target, monitor=asked, **SMALL, ipc=3)
    before = contents(tmp_path)
    assert told["checkpoint"] is None
    again = dry_run(photos, target, recipe=RUN, device="cpu")
    assert again["checkpoint"] == "the matching at step 1 of 2"
    with pytest.raises(OutputError, match="another run"):
        dry_run(photos, target, recipe=changed(RUN, seed=1), device="cpu")
    assert contents(tmp_path) == before
