"""A student's gradient as the space to match in: against the formulas written out image by image with torch alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from recipes import changed
from recipes import run as compressed
from small_job import RECIPE, Losses, crops, generator, matched, source, spaces, start
from torch.nn import functional as F

from gsdd.data.degradation import to_float, to_uint8
from gsdd.distill.bank import Bank
from gsdd.distill.matching import betas_of
from gsdd.distill.moving import Moving
from gsdd.distill.student_bank import Entry, StudentBank, points
from gsdd.distilled.latent_set import read_latents
from gsdd.features.student import SMOOTH, Student, Views, trajectory
from gsdd.networks.small import SmallNetwork
from gsdd.randomness import numpy_stream
from gsdd.recipe import Recipe, from_record

CPU = torch.device("cpu")
RECIPE_OF_STUDENT = changed(RECIPE, features="student", student_steps=3, checkpoints=2, bank=4, lam=0.1)
ONE_STEP = changed(RECIPE_OF_STUDENT, iterations=1, finish=0.0)


def bank_of(photos: Path, recipe: Recipe = RECIPE_OF_STUDENT) -> StudentBank:
    return StudentBank(source(photos), recipe, CPU)


def network_of(student: Student) -> SmallNetwork:
    network = SmallNetwork()
    network.load_state_dict(dict(student.weights))
    return network


def loss_of(network: SmallNetwork, hr: torch.Tensor) -> torch.Tensor:
    """Of one image: the mean of sqrt(d^2 + eps^2) over its pixels, LR by torch's antialiased bicubic."""
    lr = F.interpolate(hr[None].clamp(0, 1), scale_factor=0.25, mode="bicubic", antialias=True)
    return ((network(lr)[0] - hr).pow(2) + SMOOTH**2).sqrt().mean()


def seen(image: torch.Tensor, views: Views, number: int) -> torch.Tensor:
    """The definition of a view, in numpy."""
    top, left, turn = 4 * views.tops[number], 4 * views.lefts[number], views.turns[number]
    square = image.numpy()[:, top : top + views.side, left : left + views.side]
    square = square[:, ::-1] if turn & 2 else square
    square = square[:, :, ::-1] if turn & 1 else square
    return torch.from_numpy(np.ascontiguousarray(square.transpose(0, 2, 1) if turn & 4 else square))


class TestViews:
    def test_they_cut_and_turn_as_numpy_does(self):
        images = torch.rand(9, 3, 44, 52)
        views = Views.draw(9, (44, 52), np.random.default_rng(0))
        assert views.side == 44 and len(set(views.turns)) > 3
        found = views.of(images)
        for number in range(9):
            assert torch.equal(found[number], seen(images[number], views, number))

    def test_they_are_at_most_96_pixels_and_lie_inside(self):
        views = Views.draw(500, (128, 160), np.random.default_rng(1))
        assert views.side == 96
        assert (min(views.tops), max(views.tops)) == (0, 8) and (min(views.lefts), max(views.lefts)) == (0, 16)

    def test_their_sides_are_multiples_of_four_whatever_the_images_are(self):
        """A generator of another scale than x4 makes images of 66 pixels too."""
        views = Views.draw(40, (66, 70), np.random.default_rng(3))
        assert views.side == 64 and set(views.tops) == {0} and set(views.lefts) == {0, 1}
        assert views.of(torch.rand(40, 3, 66, 70)).shape == (40, 3, 64, 64)

    def test_some_of_them_are_those_of_these_images(self):
        images, views = torch.rand(5, 3, 48, 48), Views.draw(5, (48, 48), np.random.default_rng(2))
        assert torch.equal(views.some([3, 1]).of(images[[3, 1]]), views.of(images)[[3, 1]])


class TestTrajectory:
    def test_a_step_is_adam_on_l1_of_real_crops(self, photos):
        """From the weights that are kept before it, by a network, a loss and an optimiser of torch."""
        images = crops(photos)
        first, second = trajectory(images, [0, 1], seed=5, number=2, device=CPU)
        network, stream = network_of(first), numpy_stream(5, "batch of a trajectory", 2, 0)
        chosen = images[torch.from_numpy(stream.integers(0, len(images), 8))]
        views = Views.draw(8, (32, 32), stream)
        hr = torch.stack([seen(chosen[k], views, k) for k in range(8)])
        lr = to_float(to_uint8(F.interpolate(to_float(hr), scale_factor=0.25, mode="bicubic", antialias=True)))
        F.l1_loss(network(lr), to_float(hr)).backward()
        torch.optim.Adam(network.parameters(), lr=5e-4, betas=(0.9, 0.99)).step()
        for name, value in network.named_parameters():
            torch.testing.assert_close(second.weights[name], value.detach(), rtol=1e-4, atol=1e-6)

    def test_it_learns(self, photos):
        images = crops(photos)
        kept = trajectory(images, [0, 100], seed=0, number=0, device=CPU)
        with torch.no_grad():
            before, after = (sum(float(loss_of(network_of(s), to_float(x))) for x in images) for s in kept)
        assert after < 0.99 * before, (before, after)

    def test_seeds_and_numbers_begin_from_other_weights_and_leave_torch_alone(self, photos):
        state = torch.get_rng_state()
        begun = [trajectory(crops(photos), [0], *each, CPU)[0] for each in ((0, 0), (0, 1), (1, 0))]
        assert torch.equal(torch.get_rng_state(), state)
        assert len({float(each.weights["head.weight"].sum()) for each in begun}) == 3

    def test_points_lie_closer_at_the_beginning(self):
        assert points(Recipe()) == sorted(points(Recipe()))
        assert (points(Recipe())[0], points(Recipe())[-1], len(points(Recipe()))) == (0, 900, 12)
        assert points(changed(Recipe(), checkpoints=1)) == [0]


class TestGradient:
    def test_it_is_the_sum_of_what_autograd_gives_each_image(self, photos):
        student = trajectory(crops(photos), [2], 0, 0, CPU)[0]
        hr, wanted = to_float(crops(photos)[:3]), torch.zeros(sum(student.sizes))
        for image in hr:
            network = network_of(student)
            loss_of(network, image).backward()
            wanted += torch.cat([each.grad.flatten() for each in network.parameters()])
        torch.testing.assert_close(student.gradient(hr), wanted, rtol=1e-3, atol=1e-5 * float(wanted.abs().max()))

    def test_the_error_of_a_pixel_is_the_derivative_of_the_loss_in_the_students_image(self, photos):
        student, hr = trajectory(crops(photos), [2], 0, 0, CPU)[0], to_float(crops(photos)[:2])
        lr = F.interpolate(hr, scale_factor=0.25, mode="bicubic", antialias=True)
        made = network_of(student)(lr).detach().requires_grad_(True)
        ((made - hr).pow(2) + SMOOTH**2).sqrt().sum().backward()
        torch.testing.assert_close(student.error(hr), made.grad, rtol=1e-3, atol=1e-4)


class TestBank:
    def test_the_real_gradient_is_the_mean_of_each_class_weighed_by_its_latents(self, photos):
        """And its square that of batches, here of six images: one a class."""
        job, entry, wanted, square = source(photos), bank_of(photos)._entry(1), 0.0, 0.0
        for name, images, count in zip(job.class_names, job.real, job.counts, strict=True):
            order = numpy_stream(0, f"real batch of {name}", 1).permutation(len(images))[:6]
            views = Views.draw(6, (32, 32), numpy_stream(0, "views of real crops", 1))
            squares = torch.stack([seen(images[k], views, place) for place, k in enumerate(order)])
            mean = sum(entry.student.gradient(to_float(each[None])) for each in squares) / 6
            wanted, square = wanted + mean * count / 5, square + mean.square() * count / 5
        torch.testing.assert_close(entry.real, wanted, rtol=1e-3, atol=1e-5 * float(wanted.abs().max()))
        torch.testing.assert_close(entry.square, square, rtol=1e-2, atol=1e-5 * float(square.max()))

    def test_every_round_has_all_entries_in_an_order_of_its_own(self, photos):
        bank = bank_of(photos)
        rounds = [[id(bank[number]) for number in range(4 * k, 4 * k + 4)] for k in range(4)]
        assert all(len({*each}) == 4 and {*each} == {*rounds[0]} for each in rounds)
        assert len({tuple(each) for each in rounds}) > 1

    def test_without_a_size_each_draw_is_new(self, photos):
        bank = bank_of(photos, changed(RECIPE_OF_STUDENT, bank=0))
        assert len({float(bank[number].real.sum()) for number in range(5)}) == 5

    def test_the_distance_is_the_angle_between_adams_steps(self, photos):
        """At its second moment of real batches, with a hundredth of the parameter's mean in place of Adam's epsilon."""
        entry = bank_of(photos)[0]
        sizes, gradient = entry.student.sizes, 1e-3 * torch.randn_like(entry.real)

        def step(of: torch.Tensor) -> torch.Tensor:
            pairs = zip(of.double().split(sizes), entry.square.double().split(sizes), strict=True)
            return torch.cat([part / (square + square.mean() / 100).sqrt() for part, square in pairs])

        wanted = 1 - F.cosine_similarity(step(gradient), step(entry.real), dim=0)
        torch.testing.assert_close(entry.distance(gradient).double(), wanted, rtol=1e-4, atol=1e-6)
        for factor, distance in ((1, 0), (3, 0), (-1, 2)):
            assert float(entry.distance(factor * entry.real)) == pytest.approx(distance, abs=1e-5)


def written_out(entry: Entry, recipe: Recipe, views: Views, images: list[torch.Tensor], starts: torch.Tensor):
    """Eq. 9, image by image."""
    network, lam = network_of(entry.student), recipe.matching.lam
    gradients, pairs = [], []
    for number, image in enumerate(images):
        square = views.some([number]).of(image[None])
        loss = loss_of(network, square[0])
        gradients.append(torch.autograd.grad(loss, list(network.parameters()), create_graph=True))
        wanted = entry.student.error(views.some([number]).of(starts[number : number + 1]))
        pairs.append((entry.student.error(square) - wanted).square().mean())
    mean = torch.cat([torch.stack(each).mean(dim=0).flatten() for each in zip(*gradients, strict=True)])
    return (1 - lam) * entry.distance(mean) + lam * torch.stack(pairs).mean()


def written_out_in_features(photos: Path, recipe: Recipe, images: list[torch.Tensor]):
    """Eq. 9 in local Fourier features, class by class and image by image, with its weight."""
    job, draw = source(photos), Bank(source(photos), spaces(photos, recipe), recipe)[0]
    total, first, lam = torch.zeros(()), 0, recipe.matching.lam
    for c, count in enumerate(job.counts):
        owner = torch.tensor([c])
        made = torch.cat([draw.embedding(images[k][None], owner) for k in range(first, first + count)])
        pairs = torch.cat([draw.embedding(to_float(job.starts[k : k + 1]), owner) for k in range(first, first + count)])
        gap = (made.mean(dim=0) - draw.real_means[c]).square().sum()
        total = total + (1 - lam) * gap + lam * (made - pairs).square().sum(dim=1).mean()
        first += count
    return 1.5 / len(job.counts) * total


@pytest.mark.parametrize("batch", [0, 1])
def test_a_step_goes_down_eq_9_also_where_some_latents_rest(photos, batch):
    recipe = changed(ONE_STEP, latent_batch=batch)
    moving = Moving.pick(source(photos), recipe, 0).index.tolist()
    z = start(photos).requires_grad_(True)
    images = [
        generator()(z[k : k + 1])[0] if k in moving else to_float(to_uint8(generator()(z[k : k + 1]).detach()))[0]
        for k in range(len(z))
    ]
    views = Views.draw(5, (32, 32), numpy_stream(0, "views", 0))
    entry = bank_of(photos, recipe)[0]
    of_student = written_out(entry, recipe, views, images, to_float(source(photos).starts))
    wanted = torch.autograd.grad(of_student + written_out_in_features(photos, recipe, images), z)[0]
    found = matched(photos, recipe).adam.first / (1 - betas_of(recipe.matching)[0])
    # A batch of one takes other kernels than a chunk: their rounding flips an activation here and there.
    torch.testing.assert_close(found, wanted, rtol=1e-2, atol=1e-2 * float(wanted.abs().max()))
    assert [k for k in range(len(z)) if found[k].abs().max() > 0] == moving


def test_the_loss_falls_over_a_run(photos):
    told = Losses()
    matched(photos, changed(RECIPE_OF_STUDENT, iterations=32, finish=0.0, lr=0.001), monitor=told)
    assert sum(told.losses[-4:]) < 0.8 * sum(told.losses[:4])


def test_a_file_says_which_student_it_was_matched_by(source, tmp_path):
    made = {"features": "student", "student_steps": 2, "checkpoints": 2, "bank": 2, "iterations": 1, "ipc": 1}
    compressed(source, tmp_path / "o.gsdd", generator="realesr-animevideov3", hr_size=32, inversion_steps=1, **made)
    recipe = from_record(read_latents(tmp_path / "o.gsdd").manifest.recipe)
    assert (recipe.features.family, recipe.features.student_steps, recipe.features.checkpoints) == ("student", 2, 2)
