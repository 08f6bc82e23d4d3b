"""What a dry run tells: sizes as they come out, times that add up, and where the run would go on."""

from dataclasses import replace
from pathlib import Path

import pytest

import gsdd
from gsdd.cost.dry_run import dry_run
from gsdd.cost.estimate import expected_memory, expected_seconds
from gsdd.cost.trial import Trial
from gsdd.cost.workload import Passes, distillation_start, draws, images_a_step
from gsdd.distill.chunks import CHUNK
from gsdd.distill.spill import RAM_BYTES
from gsdd.errors import Interrupted, OutputError
from gsdd.formats import container as files
from gsdd.plan import Plan, make_plan

SMALL = {
    "preset": "quick", "generator": "realesr-animevideov3", "ipc": 3, "hr_size": 32, "crops": "random",
    "inversion_steps": 4, "iterations": 2, "real_batch": 4, "real_crops": 8, "feature_filters": 32,
}  # fmt: skip
FLOPS = Passes(generator=5, generator_gradient=5, psi=1, psi_gradient=2)
TRIAL = Trial(
    photo=0.01, herded=0.002, inversion_step=2.0, forward=0.5, draw=3.0, step=7.0, moved=(8,), real=(16,), flops=FLOPS,
    psi_bytes=1000, graph_bytes=10,
)  # fmt: skip


@pytest.fixture(scope="module")
def work(photos) -> Plan:
    return make_plan(photos, **SMALL, precision="fp32")


@pytest.fixture(scope="module")
def told(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    document = dry_run(photos, folder / "a.gsdd", **SMALL)
    assert not list(folder.iterdir())
    return document


def with_recipe(work: Plan, **options) -> Plan:
    return replace(work, recipe=replace(work.recipe, **options))


def test_the_file_has_the_size_that_was_told(photos, tmp_path, told):
    made = gsdd.compress(photos, tmp_path / "a.gsdd", **SMALL)
    assert told["latents"] == made.latents
    assert told["bytes"] == pytest.approx(made.bytes, rel=0.01)
    manifest = files.read(made.path).manifest
    assert files.size_of(manifest, "safetensors") == made.bytes
    in_hdf5 = files.convert(made.path, tmp_path / "a.h5", container="hdf5")
    assert files.size_of(manifest, "hdf5") == pytest.approx(in_hdf5, rel=0.01)


def test_every_stage_has_its_figures_and_they_add_up(told):
    assert set(told["seconds"]) == {"photos", "inversion", "distillation", "signatures", "total"}
    for name in ("flops", "seconds", "memory_bytes"):
        total = told[name].pop("total")
        assert total == pytest.approx(sum(told[name].values()))
        assert all(value > 0 for value in told[name].values())


def test_a_step_counts_as_often_as_there_are_iterations_and_a_draw_once(work):
    def seconds(**options) -> float:
        like = replace(with_recipe(work, bank=2, real_batch=16, latent_batch=0, **options), counts=(8,))
        return expected_seconds(like, TRIAL)["distillation"]

    assert seconds(iterations=1) == pytest.approx(TRIAL.draw + TRIAL.step)
    assert seconds(iterations=2) == pytest.approx(2 * TRIAL.draw + 2 * TRIAL.step)
    assert seconds(iterations=100) == pytest.approx(2 * TRIAL.draw + 100 * TRIAL.step)
    assert seconds(iterations=0) == 0


def test_of_a_run_in_bf16_the_last_tenth_takes_longer_than_the_trial(work):
    rough = with_recipe(work, precision="bf16", iterations=100, inversion_steps=20)
    exact = with_recipe(rough, precision="fp32")
    slower, plain = (expected_seconds(each, TRIAL) for each in (rough, exact))
    chunks = -(-len(work.crops) // CHUNK)
    assert slower["inversion"] - plain["inversion"] == pytest.approx(chunks * 2 * 0.9 * TRIAL.inversion_step)
    assert slower["distillation"] > plain["distillation"]


def test_where_bf16_ends_images_of_latents_at_rest_and_draws_are_made_anew(work):
    exact = replace(work.recipe, precision="fp32", iterations=100, bank=4, latent_batch=1)
    rough = replace(exact, precision="bf16")
    assert (draws(exact), draws(rough)) == (4, 8)
    assert distillation_start(rough, (8,)).generator == 2 * distillation_start(exact, (8,)).generator


def test_herding_reads_the_photos_once_more_and_looks_at_each_tile(work):
    plain = expected_seconds(work, TRIAL)["photos"]
    herded = expected_seconds(with_recipe(work, crops="herding"), TRIAL)["photos"]
    tiles = sum(
        min(2048, sum((photo.width // 32) * (photo.height // 32) for photo in each.photos))
        for each in work.catalog.classes
    )
    assert herded - plain == pytest.approx(work.catalog.images * TRIAL.photo + tiles * TRIAL.herded)


def test_twice_the_latents_take_twice_the_time(work):
    once = replace(with_recipe(work, latent_batch=0, bank=1, iterations=100), counts=(2 * CHUNK,))
    both = replace(once, counts=(2 * CHUNK, 2 * CHUNK))
    steps = [expected_seconds(each, TRIAL)["distillation"] for each in (once, both)]
    assert steps[1] - steps[0] == pytest.approx(100 * TRIAL.step, rel=0.01)


def test_the_inversion_and_the_signatures_go_with_the_chunks(work):
    latents = 2 * CHUNK + 1
    found = expected_seconds(replace(with_recipe(work, inversion_steps=10), crops=work.crops[:latents]), TRIAL)
    assert found["inversion"] == 3 * (10 * TRIAL.inversion_step + 2 * TRIAL.forward)
    # Two chunks of the eight that readers decode at once.
    assert found["signatures"] == pytest.approx(2 * 8 / CHUNK * TRIAL.forward)
    assert found["photos"] == pytest.approx(3 * work.catalog.images * TRIAL.photo)


def test_crops_beyond_32_mb_are_not_counted_as_memory(work):
    many, more = replace(work, crops=work.crops * 10_000), replace(work, crops=work.crops * 20_000)
    crops = expected_memory(many, TRIAL)["crops"]
    assert expected_memory(work, TRIAL)["crops"] + RAM_BYTES / 2 < crops == expected_memory(more, TRIAL)["crops"]
    assert expected_memory(many, TRIAL)["latents"] > expected_memory(work, TRIAL)["latents"]


def test_each_draw_that_is_held_has_its_theta_in_memory(work):
    def held(**options) -> int:
        return expected_memory(with_recipe(work, **options), TRIAL)["draws"] // TRIAL.psi_bytes

    assert held(iterations=100, bank=24) == 24
    assert held(iterations=10, draws=2, bank=24) == 20
    assert held(iterations=100, draws=3, bank=0) == 3
    assert held(iterations=0) == 0


def test_the_images_of_a_step_are_the_latents_that_move_in_it(work):
    latents = len(work.crops)
    assert images_a_step(work)["inversion"] == latents / -(-latents // CHUNK)
    assert images_a_step(work)["distillation"] == latents
    assert images_a_step(with_recipe(work, latent_batch=2))["distillation"] == 2 * len(work.counts)


def test_where_the_run_would_go_on_is_told_and_left_as_it_is(photos, tmp_path, told):
    target = tmp_path / "a.gsdd"
    steps = []
    with pytest.raises(Interrupted):
        gsdd.compress(
            photos, target, stop=lambda: "distillation" in steps,
            progress=lambda stage, *rest: steps.append(stage), **SMALL,
        )  # fmt: skip
    before = kept(tmp_path)
    assert told["checkpoint"] is None
    assert dry_run(photos, target, **SMALL)["checkpoint"] == "the distillation at step 1 of 2"
    with pytest.raises(OutputError, match="another run"):
        dry_run(photos, target, **SMALL, seed=1)
    assert kept(tmp_path) == before


def kept(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}
