"""Eq. 7-9: the loop that moves latents, against one autograd pass over the written-out formula."""

import time

import pytest
import torch
from recipes import changed
from small_job import RECIPE, KeepsStates, Losses, crops, generator, matched, not_inverted, source, spaces, start
from small_job import job as run_of

from gsdd.data.degradation import to_float
from gsdd.distill import arithmetic
from gsdd.distill.bank import Bank, DistillationSource
from gsdd.distill.deadline import Deadline
from gsdd.distill.embedding import class_index
from gsdd.distill.generator_pass import GeneratorPass, kept_graphs
from gsdd.distill.inversion import starting_latents
from gsdd.distill.matching import match
from gsdd.generators.frozen import graph_bytes
from gsdd.randomness import numpy_stream


def written_out_loss(photos, recipe, z: torch.Tensor) -> torch.Tensor:
    """Eq. 9 of step 0 with every latent, image by image."""
    job, embedding = source(photos), spaces(photos, recipe).embedding("training", 0, ("one", "two"))

    def embed(images, number):
        return embedding.psi(images, embedding.omega.take(torch.full((len(images),), number)))

    total = torch.zeros(())
    for number, (name, rows) in enumerate([("one", slice(0, 3)), ("two", slice(3, 5))]):
        order = numpy_stream(recipe.seed, f"real batch of {name}", 0).permutation(len(job.real[number]))
        real = embed(to_float(job.real[number][torch.from_numpy(order[: recipe.matching.real_batch])]), number).mean(
            dim=0
        )
        made = torch.cat([embed(generator()(latent[None]), number) for latent in z[rows]])
        pairs = embed(to_float(job.starts[rows]), number)
        l_dis = ((made.mean(dim=0) - real) ** 2).sum()
        r = ((made - pairs) ** 2).sum(dim=1).mean()
        total = total + (1 - recipe.matching.lam) * l_dis + recipe.matching.lam * r
    return total


@pytest.mark.parametrize("features", ["local-fourier", "resnet18"])
def test_a_step_is_adam_on_eq_9(photos, features):
    recipe = changed(RECIPE, features=features, iterations=1, lr=0.01, latent_batch=0)
    begun = start(photos, recipe)
    z = begun.clone().requires_grad_(True)
    told = Losses()
    moved = matched(photos, recipe, monitor=told).latents - begun
    loss = written_out_loss(photos, recipe, z)
    gradient = torch.autograd.grad(loss, z)[0]
    assert told.losses == [pytest.approx(loss.item(), rel=1e-4)]
    clear = gradient.abs() > 1e-3 * gradient.abs().max()
    torch.testing.assert_close(moved[clear], -0.01 * gradient.sign()[clear], rtol=0.02, atol=1e-5)


def test_a_class_moves_at_most_its_latent_batch_in_a_step(photos):
    recipe = changed(RECIPE, iterations=1, latent_batch=1)
    moved = (matched(photos, recipe).latents - start(photos, recipe)).abs().flatten(1).amax(dim=1) > 0
    assert (int(moved[:3].sum()), int(moved[3:].sum())) == (1, 1)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(photos):
    first = matched(photos, RECIPE).latents
    assert torch.equal(first, matched(photos, RECIPE).latents)
    assert not torch.equal(first, matched(photos, changed(RECIPE, seed=1)).latents)


def test_no_iterations_leave_the_inverted_latents(photos):
    recipe = changed(RECIPE, iterations=0)
    assert torch.equal(matched(photos, recipe).latents, start(photos, recipe))


def test_a_deadline_ends_the_loop_and_says_how_far_it_got(photos):
    began = time.monotonic()
    result = matched(photos, changed(RECIPE, iterations=100_000), deadline=Deadline.after(2.0))
    assert time.monotonic() - began < 4
    assert 0 < result.iterations < 100_000


def test_no_step_begins_that_would_end_too_late(photos):
    hour = 3600.0
    result = matched(photos, RECIPE, deadline=Deadline.after(hour), forward_seconds=hour)
    assert result.iterations == 0
    assert torch.equal(result.latents, start(photos))


def test_a_class_draws_the_same_omega_beside_any_other_classes(photos):
    draws = spaces(photos, RECIPE)
    alone, beside = (draws.embedding("training", 4, names).omega for names in (("two",), ("one", "two")))
    assert torch.equal(alone.ops, beside.ops[1:])
    assert torch.equal(alone.values, beside.values[1:])


def test_held_out_draws_are_not_the_runs(photos):
    draws = spaces(photos, RECIPE)
    training, held_out = (draws.embedding(purpose, 0, ("one",)) for purpose in ("training", "held-out"))
    x = to_float(crops(photos)[:1])
    assert not torch.allclose(training.psi(x), held_out.psi(x))


class Recording:
    """A network whose images and gradients lie where those of its last call lay."""

    def __init__(self, network) -> None:
        class Replayed(torch.autograd.Function):
            images = gradients = None

            @staticmethod
            def forward(z):
                Replayed.images = network(z) if Replayed.images is None else Replayed.images.copy_(network(z))
                return Replayed.images.detach()

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs)

            @staticmethod
            def backward(ctx, gradient):
                with torch.enable_grad():
                    z = ctx.saved_tensors[0].detach().requires_grad_(True)
                    (found,) = torch.autograd.grad(network(z), z, gradient)
                if Replayed.gradients is None:
                    Replayed.gradients = torch.empty_like(found)
                return Replayed.gradients.copy_(found)

        self._replayed = Replayed.apply

    def __call__(self, z):
        return self._replayed(z)


class TestGeneratorPass:
    def passes(self, photos, kept: int, chunk: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
        z = starting_latents(crops(photos)[:16], 4, RECIPE)
        made = GeneratorPass(generator().frozen, z.split(chunk), kept)
        torch.cat(made.images).square().sum().backward()
        return torch.cat(made.images).detach(), torch.cat(made.backward())

    def test_the_gradient_is_autograds(self, photos):
        z = starting_latents(crops(photos)[:16], 4, RECIPE).requires_grad_(True)
        generator()(z).square().sum().backward()
        torch.testing.assert_close(self.passes(photos, 2)[1], z.grad, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("kept", [0, 1])
    def test_dropping_graphs_changes_no_bit(self, photos, kept):
        images, gradient = self.passes(photos, 2)
        fewer_images, fewer_gradient = self.passes(photos, kept)
        assert torch.equal(images, fewer_images)
        assert torch.equal(gradient, fewer_gradient)

    @pytest.mark.parametrize("chunk", [8, 16])
    def test_a_recording_that_overwrites_what_it_gave_changes_no_bit(self, photos, chunk):
        """As `torch.cuda.make_graphed_callables` replays: always the same memory for images and for gradients."""
        z = starting_latents(crops(photos)[:16], 4, RECIPE)
        made = GeneratorPass(Recording(generator().frozen), z.split(chunk), int(chunk == 16), is_recorded=True)
        torch.cat(made.images).square().sum().backward()
        images, gradient = self.passes(photos, 2, chunk)
        assert torch.equal(torch.cat([image.detach() for image in made.images]), images)
        assert torch.equal(torch.cat(made.backward()), gradient)

    def test_as_many_graphs_are_kept_as_fit_into_two_gibibytes(self):
        assert [kept_graphs(size) for size in (2**30, 2**31, 2**31 + 1)] == [2, 1, 0]

    def test_a_device_without_memory_for_them_keeps_fewer_and_gives_the_same_bits(self, photos, monkeypatch):
        """A stand-in for a GPU with little memory: it has none for more than one graph."""
        tried = []

        def on_a_small_device(network, latents, kept, is_recorded):
            tried.append(kept)
            if kept > 1:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return GeneratorPass(network, latents, kept, is_recorded)

        wanted = matched(photos, changed(RECIPE, iterations=2)).latents
        monkeypatch.setattr(arithmetic, "GeneratorPass", on_a_small_device)
        assert torch.equal(matched(photos, changed(RECIPE, iterations=2)).latents, wanted)
        assert tried[0] > 2 and tried[-1] in (0, 1)

    def test_graph_bytes_counts_what_autograd_keeps(self):
        """The compact net: a bit for each element of 17 PReLU inputs of 64 channels."""
        assert graph_bytes(generator().frozen, torch.rand(8, 3, 8, 8)) == 17 * (8 * 64 * 8 * 8) // 8


class TestPrecision:
    """bf16 where it may be, fp32 in the last tenth; six latents a chunk, one of two moves."""

    RECIPE = changed(RECIPE, features="resnet18", precision="bf16", iterations=4, latent_batch=1, lr=0.01)

    @pytest.fixture
    def networks(self, monkeypatch):
        """Which form of G each pass took."""
        seen = []

        def watched(network, *rest):
            seen.append("bf16" if network.func is generator().frozen_bf16 else "fp32")
            return GeneratorPass(network, *rest)

        monkeypatch.setattr(arithmetic, "GeneratorPass", watched)
        return seen

    def test_the_last_tenth_is_fp32(self, photos, networks):
        matched(photos, self.RECIPE)
        assert networks == ["bf16"] * 4
        networks.clear()
        matched(photos, changed(self.RECIPE, iterations=12))
        assert networks == ["bf16"] * 11 + ["fp32"]

    def test_fp32_never_takes_the_other_form(self, photos, networks):
        matched(photos, changed(self.RECIPE, precision="fp32"))
        assert networks == ["fp32"] * 4

    def test_the_loss_differs_from_fp32_by_the_rounding_alone(self, photos):
        losses = {}
        for precision in ("fp32", "bf16"):
            told = Losses()
            matched(photos, changed(self.RECIPE, precision=precision, iterations=2, lr=0.0), monitor=told)
            losses[precision] = told.losses
        assert losses["bf16"] == [pytest.approx(loss, rel=0.05) for loss in losses["fp32"]]
        assert losses["bf16"] != losses["fp32"]

    @pytest.mark.parametrize("after", [5, 17, 18, 19])
    def test_it_goes_on_to_the_same_bits_before_and_after_the_switch(self, photos, after):
        """The images of latents at rest are of one precision: where bf16 ends all are made anew."""
        recipe, kept = changed(self.RECIPE, iterations=20), KeepsStates()
        whole = matched(photos, recipe, journal=kept)
        resumed = matched(photos, recipe, resume=kept.states[after - 1])
        assert resumed.latents.equal(whole.latents)

    def test_psi_has_features_of_its_own_precision_on_both_sides(self, photos):
        job, draws = source(photos), spaces(photos, self.RECIPE)
        exact, rough = (Bank(job, draws, self.RECIPE, bf16)[0] for bf16 in (False, True))
        assert rough.real_means.dtype == torch.float32
        assert not rough.real_means.equal(exact.real_means)
        torch.testing.assert_close(rough.real_means, exact.real_means, rtol=0.03, atol=0.03)
        images = to_float(job.starts)
        classes = class_index(job.counts)
        assert rough.embedding(images[:8], classes[:8]).equal(rough.embedding(images[:8], classes[:8]))

    def test_local_fourier_is_fp32_throughout_on_a_cpu(self, photos):
        psi, images = spaces(photos, RECIPE).fixed_psi(), to_float(crops(photos)[:8])
        assert psi.in_bf16()(images).equal(psi(images))


def test_sources_need_not_have_equal_classes(photos):
    images = crops(photos)
    job = DistillationSource(("a",), (1,), images[:1], (images[:2],))
    recipe = changed(RECIPE, iterations=1)
    begun = not_inverted(starting_latents(job.starts, 4, recipe))
    moved = match(job, begun, spaces(photos, recipe), run_of(recipe)).latents
    assert moved.shape == (1, 3, 8, 8)
