"""Eq. 3-5: the search for a crop's latent."""

import time

import numpy as np
import torch
from recipes import changed
from small_job import RECIPE, SIDE, Losses, crops, generator, inverted, job, psi_of

from gsdd.data.degradation import to_float
from gsdd.distill.chunk_inversion import ChunkInversion
from gsdd.distill.deadline import Deadline
from gsdd.distill.distances import feature_distance, pixel_distance
from gsdd.distill.inversion import invert, starting_latents
from gsdd.distilled.decode import decode
from gsdd.metrics.psnr import psnr, psnr_of_error
from gsdd.parallel.chunks import CHUNK


def test_d_f_is_the_squared_norm_over_the_number_of_features():
    a, b = torch.rand(4, 7, dtype=torch.float64), torch.rand(4, 7, dtype=torch.float64)
    wanted = [np.linalg.norm(x - y) ** 2 / 7 for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(feature_distance(a, b).numpy(), wanted)


def test_d_p_is_the_squared_norm_over_the_number_of_values():
    a, b = torch.rand(2, 3, 5, 6, dtype=torch.float64), torch.rand(2, 3, 5, 6, dtype=torch.float64)
    wanted = [np.linalg.norm((x - y).ravel()) ** 2 / 90 for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(pixel_distance(a, b).numpy(), wanted)


def test_a_step_is_adam_on_eq_3(photos):
    """Adam's first step moves every value by lr against the gradient's sign, whatever the gradient's size."""
    recipe = changed(RECIPE, inversion_steps=1, inversion_lr=0.01, inversion_features=0.5)
    pairs, psi = crops(photos)[:3], psi_of(photos)
    z = starting_latents(pairs, 4, recipe).requires_grad_(True)
    x, image = to_float(pairs), generator()(z)
    loss = 0.5 * feature_distance(psi(image), psi(x)) + pixel_distance(image, x)
    gradient = torch.autograd.grad(loss.sum(), z)[0]
    moved = inverted(photos, recipe).latents - z.detach()
    clear = gradient.abs() > 1e-6
    torch.testing.assert_close(moved[clear], -0.01 * gradient.sign()[clear], rtol=0.02, atol=1e-5)


def test_the_start_is_the_down_sampled_crop_or_noise_that_depends_on_the_seed_alone(photos):
    pairs = crops(photos)[:3]
    assert starting_latents(pairs, 4, RECIPE).shape == (3, 3, SIDE // 4, SIDE // 4)
    noise = changed(RECIPE, start="noise")
    drawn = starting_latents(pairs, 4, noise)
    assert torch.equal(drawn[1:], starting_latents(crops(photos)[5:7], 4, noise, numbers=[1, 2]))
    assert not torch.equal(drawn, starting_latents(pairs, 4, changed(noise, seed=1)))


def test_inversion_brings_the_image_nearer_to_its_crop(photos):
    recipe = changed(RECIPE, inversion_steps=30)
    pairs = crops(photos)[:3]
    result = inverted(photos, recipe)
    before = psnr(decode(generator(), starting_latents(pairs, 4, recipe)), pairs)
    after = psnr(decode(generator(), result.latents), pairs)
    assert bool((after > before + 0.5).all())
    torch.testing.assert_close(psnr_of_error(result.error_start), before)
    torch.testing.assert_close(psnr_of_error(result.error), after)


def test_a_latent_does_not_depend_on_how_many_others_there_are(photos):
    assert torch.equal(inverted(photos, RECIPE, 3).latents, inverted(photos, RECIPE, 11).latents[:3])


def test_no_steps_leave_the_start(photos):
    recipe = changed(RECIPE, inversion_steps=0)
    assert torch.equal(inverted(photos, recipe).latents, starting_latents(crops(photos)[:3], 4, recipe))


def test_a_latent_depends_on_its_number_and_not_on_its_place(photos):
    recipe = changed(RECIPE, start="noise")
    some = invert(crops(photos)[1:3], psi_of(photos), job(recipe), numbers=[1, 2])
    assert torch.equal(inverted(photos, recipe).latents[1:], some.latents)


def test_a_deadline_ends_every_chunk_early_and_says_how_far_it_got(photos):
    recipe = changed(RECIPE, inversion_steps=10_000)
    began = time.monotonic()
    result = inverted(photos, recipe, 9, deadline=Deadline.after(2.0))
    assert time.monotonic() - began < 4
    assert 0 < result.steps < 10_000
    # Every chunk made as many steps: the run can be repeated.
    again = inverted(photos, changed(RECIPE, inversion_steps=result.steps), 9)
    assert torch.equal(again.latents, result.latents)


def test_where_later_chunks_are_slower_than_the_first_all_of_them_make_steps(photos, monkeypatch):
    now, made = 0.0, ChunkInversion.step

    def step(search: ChunkInversion, bf16: bool, number: int) -> None:
        nonlocal now
        made(search, bf16, number)
        now += 1.0 if now < 10 else 1.3
        search.step_seconds = 1.0

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(ChunkInversion, "step", step)
    pairs = crops(photos)[:1].expand(10 * CHUNK, -1, -1, -1)
    recipe = changed(RECIPE, inversion_steps=90)
    found = invert(pairs, psi_of(photos), job(recipe, deadline=Deadline.after(100.0)))
    assert 3 <= found.steps <= 10
    assert now < 105


def test_a_deadline_that_has_come_leaves_the_start(photos):
    result = inverted(photos, RECIPE, deadline=Deadline.after(0.0))
    assert result.steps == 0
    assert torch.equal(result.latents, starting_latents(crops(photos)[:3], 4, RECIPE))
    assert torch.equal(result.error, result.error_start)


def test_progress_counts_every_chunks_steps(photos):
    told = Losses()
    inverted(photos, RECIPE, 2 * CHUNK + 1, monitor=told)
    assert told.seen == [(k, 15) for k in range(1, 16)]
