"""What a step of the loop optimises: draws, latents at rest, turns, and latents as they will be stored."""

import math
from dataclasses import replace

import pytest
import torch
from recipes import changed
from small_job import RECIPE, KeepsStates, Losses, generator, matched, not_inverted, source, spaces, start

from gsdd.data.degradation import to_float, to_uint8
from gsdd.distill.adam import AdamState
from gsdd.distill.bank import Bank
from gsdd.distill.matching import Distillation, betas_of
from gsdd.distill.moving import Moving
from gsdd.formats.codecs import CODECS
from gsdd.recipe import Recipe

ONE_MOVES = changed(RECIPE, iterations=1, latent_batch=1, finish=0.0)


def written_out(photos, recipe: Recipe, images: list[torch.Tensor], number: int) -> torch.Tensor:
    """Eq. 9 of one draw, each class over all its images, each image by itself."""
    job, draw = source(photos), Bank(source(photos), spaces(photos, recipe), recipe)[number]
    total, first = torch.zeros(()), 0
    for c, count in enumerate(job.counts):
        rows, owner = range(first, first + count), torch.tensor([c])
        made = torch.cat([draw.embedding(images[k], owner) for k in rows])
        pairs = torch.cat([draw.embedding(to_float(job.starts[k : k + 1]), owner) for k in rows])
        l_dis = (made.mean(dim=0) - draw.real_means[c]).square().sum()
        r = (made - pairs).square().sum(dim=1).mean()
        total, first = total + (1 - recipe.matching.lam) * l_dis + recipe.matching.lam * r, first + count
    return total


@pytest.mark.parametrize("features", ["local-fourier", "resnet18"])
def test_latents_at_rest_stand_for_themselves_in_the_class_mean(photos, features):
    """The gradient to those that move is that of Eq. 9 over all, the others' images being constants."""
    recipe = changed(ONE_MOVES, features=features)
    moving = Moving.pick(source(photos), recipe, 0).index.tolist()
    z = start(photos).requires_grad_(True)
    images = [
        generator()(z[k : k + 1]) if k in moving else to_float(to_uint8(generator()(z[k : k + 1]).detach()))
        for k in range(len(z))
    ]
    wanted = torch.autograd.grad(written_out(photos, recipe, images, 0), z)[0]
    found = matched(photos, recipe).adam.first / (1 - betas_of(recipe.matching)[0])
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))
    assert [k for k in range(len(z)) if found[k].abs().max() > 0] == moving


def test_a_mean_over_those_that_move_is_another_gradient(photos):
    whole, alone = (matched(photos, changed(ONE_MOVES, class_mean=mean)).adam.first for mean in ("whole", "moving"))
    assert torch.nn.functional.cosine_similarity(whole.flatten(), alone.flatten(), dim=0) < 0.99


def test_several_draws_of_a_step_are_averaged(photos):
    recipe = changed(RECIPE, iterations=1, finish=0.0, draws=2)
    z, told = start(photos).requires_grad_(True), Losses()
    images = [generator()(latent[None]) for latent in z]
    wanted = (written_out(photos, recipe, images, 0) + written_out(photos, recipe, images, 1)) / 2
    gradient = torch.autograd.grad(wanted, z)[0]
    found = matched(photos, recipe, monitor=told).adam.first / (1 - betas_of(recipe.matching)[0])
    assert told.losses == [pytest.approx(wanted.item(), rel=1e-4)]
    # A batch of one takes other kernels than a chunk: their rounding flips an activation here and there.
    torch.testing.assert_close(found, gradient, rtol=1e-3, atol=5e-3 * float(gradient.abs().max()))


def test_a_bank_takes_its_draws_in_turn_and_without_one_each_is_new(photos):
    job, draws = source(photos), spaces(photos, RECIPE)
    bank, endless = (Bank(job, draws, changed(RECIPE, bank=size)) for size in (2, 0))
    assert bank[0] is bank[2]
    assert torch.equal(bank[1].real_means, endless[1].real_means)
    assert not torch.equal(endless[0].real_means, endless[2].real_means)


def test_a_pair_is_embedded_once_and_to_the_same_features(photos):
    kept, anew = (Bank(source(photos), spaces(photos, RECIPE), changed(RECIPE, bank=size))[0] for size in (2, 0))
    for latents in (torch.tensor([1, 3]), torch.tensor([0, 1, 4]), torch.arange(5)):
        assert torch.equal(kept.pair_features(latents), anew.pair_features(latents))


def test_in_a_round_every_latent_moves_once(photos):
    recipe = changed(RECIPE, latent_batch=2)
    rounds = [
        [Moving.pick(source(photos), recipe, turn).index.tolist() for turn in turns] for turns in ((0, 1), (2, 3))
    ]
    for turns in rounds:
        assert sorted(k for turn in turns for k in turn if k < 3) == [0, 1, 2]


def test_towards_the_end_g_sees_latents_as_the_codec_stores_them(photos):
    """The gradient is that at the stored latents; Adam applies it to the latents as they are."""
    recipe = changed(RECIPE, iterations=1, finish=1.0)
    stored = torch.from_numpy(CODECS[recipe.storage.codec_name].rounded(start(photos).numpy()))
    there = matched(photos, changed(recipe, finish=0.0), stored)
    found = matched(photos, recipe)
    assert torch.equal(found.adam.first, there.adam.first)
    assert torch.equal(found.latents - start(photos) != 0, there.latents - stored != 0)
    assert not torch.equal(found.latents, there.latents)


def first_move(photos, recipe: Recipe, steps: int) -> float:
    """The largest move of Adam's first step, which is the learning rate, at some step of a run."""
    fresh = AdamState(*(torch.zeros_like(start(photos)) for _ in range(3)), torch.zeros(5, dtype=torch.int64))
    begun = Distillation(replace(fresh, latents=start(photos)), steps, not_inverted(start(photos)))

    class OneStep(KeepsStates):
        def keep(self, state) -> None:
            super().keep(state)
            raise StopIteration

    kept = OneStep()
    with pytest.raises(StopIteration):
        matched(photos, recipe, resume=begun, journal=kept)
    return (kept.states[0].latents - start(photos)).abs().max().item()


def test_the_rate_is_constant_for_a_third_and_ends_near_a_twentieth(photos):
    rates = [
        first_move(photos, changed(RECIPE, iterations=9, finish=0.0), steps) / RECIPE.matching.lr for steps in range(9)
    ]
    assert rates[:4] == [pytest.approx(1, rel=1e-2)] * 4
    falling = [0.05 + 0.95 * (1 + math.cos(math.pi * k / 6)) / 2 for k in range(1, 6)]
    assert rates[4:] == [pytest.approx(rate, rel=2e-2) for rate in falling]


def test_draws_scale_the_rate_by_their_square_root_and_the_betas_memory_by_their_number(photos):
    recipe = changed(RECIPE, iterations=9, draws=4, finish=0.0)
    assert first_move(photos, recipe, 0) == pytest.approx(2 * RECIPE.matching.lr, rel=1e-2)
    long = changed(recipe, iterations=100_000)
    assert betas_of(long.matching) == (pytest.approx(0.6), pytest.approx(0.996))
    assert betas_of(changed(long, draws=1).matching) == (pytest.approx(0.9), pytest.approx(0.999))


def test_in_a_short_run_adam_forgets_within_a_third_of_it_unless_the_rate_is_constant():
    short = changed(RECIPE, iterations=30)
    assert betas_of(short.matching) == (pytest.approx(0.7), pytest.approx(0.9))
    assert betas_of(changed(short, schedule="constant").matching) == (pytest.approx(0.9), pytest.approx(0.999))
    assert betas_of(changed(short, iterations=1).matching) == (0.0, 0.0)


def test_a_run_with_latents_at_rest_goes_on_to_the_same_bits(photos):
    recipe = changed(RECIPE, iterations=4, latent_batch=1, draws=2, bank=3)
    kept = KeepsStates()
    whole = matched(photos, recipe, journal=kept)
    for state in kept.states:
        again = matched(photos, recipe, resume=state)
        assert torch.equal(again.latents, whole.latents)
        assert torch.equal(again.adam.second, whole.adam.second)
