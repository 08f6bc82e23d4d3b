"""Training from pairs in memory: what it minimises, what it draws, and that it is the same each time."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from alike import same_weights
from heard import Heard
from small_job import crops
from states import random_states_kept
from torch.nn import functional as F

from gsdd.data.degradation import downscale, to_float
from gsdd.errors import Interrupted, KernelInputError, RecipeError
from gsdd.randomness import torch_stream
from gsdd.students.batches import Batches
from gsdd.students.discriminator import build_discriminator
from gsdd.students.losses import discriminator_loss, gan_terms
from gsdd.students.named import build
from gsdd.students.pairs import Pairs
from gsdd.students.perceptual import find_perceptual
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.schedule import learning_rate
from gsdd.students.trainer import Trainer
from gsdd.students.training import train_in_memory

CPU = torch.device("cpu")
TINY = TrainingRecipe(student="small", size="small", iterations=3, batch=2, crop=16)
GAN = replace(TINY, iterations=1, gan_iterations=3, discriminator_channels=4, perceptual="none")


@pytest.fixture(scope="module")
def pairs(photos) -> Pairs:
    return Pairs.of(crops(photos))


@torch.no_grad()
def error(network, pairs) -> float:
    low, high = (to_float(torch.from_numpy(np.stack(images))) for images in (pairs.lr, pairs.hr))
    return F.l1_loss(network(low), high).item()


def test_the_loss_falls_on_real_photos(pairs):
    recipe = replace(TINY, student="compact", iterations=60, batch=4, crop=32, lr=2e-3)
    before, after = build("compact", recipe.seed, size="small"), train_in_memory(pairs, recipe).network
    assert error(after, pairs) < 0.97 * error(before, pairs)


def test_the_same_call_gives_the_same_weights_and_another_seed_does_not(pairs):
    once = train_in_memory(pairs, GAN)
    again, other = train_in_memory(pairs, GAN), train_in_memory(pairs, replace(GAN, seed=1))
    assert same_weights(once.network, again.network)
    assert once.curve == again.curve
    assert not same_weights(once.network, other.network)


def test_no_global_generator_is_read_or_set(pairs):
    with random_states_kept():
        train_in_memory(pairs, GAN)


def test_a_plain_loop_ends_in_the_same_weights(pairs):
    """L1, torch's own Adam, its own cosine, the average written out."""
    recipe = replace(TINY, iterations=6, lr=1e-3, ema=0.5)
    network = build("small", recipe.seed, size="small")
    averaged = [parameter.detach().clone() for parameter in network.parameters()]
    adam = torch.optim.Adam(network.parameters(), lr=recipe.lr, betas=(0.9, 0.99), foreach=False)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, recipe.iterations)
    for step in range(recipe.iterations):
        batch = Batches(pairs, recipe).at(step, CPU)
        adam.zero_grad()
        (network(batch.lr) - batch.hr).abs().mean().backward()
        adam.step()
        cosine.step()
        keep = min(0.5, (1 + step) / (10 + step))
        averaged = [
            keep * old + (1 - keep) * new.detach() for old, new in zip(averaged, network.parameters(), strict=True)
        ]
    for ours, theirs in zip(train_in_memory(pairs, recipe).network.parameters(), averaged, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_crops_are_aligned_and_every_pair_comes_once_before_any_again():
    """HR pixels name their place; an LR pixel must be of the same place, mirrored and turned alike."""
    low = (torch.arange(5 * 8 * 8) % 251).byte().view(5, 1, 8, 8).repeat(1, 3, 1, 1)
    high = F.interpolate(low.float(), scale_factor=4, mode="nearest").to(torch.uint8)
    recipe = replace(TINY, batch=5, seed=3)
    batches = Batches(Pairs.of(high, low), recipe)
    seen = []
    for step in range(40):
        batch = batches.at(step, CPU)
        assert batch.hr[:, :, ::4, ::4].equal(batch.lr)
        assert sorted(batches._draw(step * 5 + place).pair for place in range(5)) == list(range(5))
        seen += [crop.numpy().tobytes() for crop in batch.lr]
    assert len(set(seen)) > 150


def test_low_resolution_is_made_of_the_whole_8_bit_image(photos):
    hr = crops(photos)[:2]
    wanted = downscale(to_float(hr), 4).clamp(0, 1).mul(255).round()
    assert np.array_equal(np.stack(Pairs.of(hr).lr), wanted.numpy())


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("constant", [1, 1, 1, 1, 1]), ("step", [1, 1, 0.5, 0.25, 0.0625]), ("cosine", [1, 0.75, 0.5, None, None])],
)
def test_schedules(schedule, shares):
    recipe = TrainingRecipe(iterations=300, lr=0.1, schedule=schedule)
    for step, share in zip((0, 100, 150, 240, 299), shares, strict=True):
        if share is not None:
            assert learning_rate(recipe, step) == pytest.approx(0.1 * share)


def test_the_second_stage_is_real_esrgans(pairs):
    """L1 1 + GAN 0.1 for the student; both halves of the cross-entropy for the discriminator."""
    judge = build_discriminator(4, seed=0)
    images, hr = torch.rand(2, 2, 3, 16, 16, generator=torch_stream(0, "images"))
    judge(images)  # the norms' first estimate
    judge.eval()
    terms = gan_terms(images, hr, judge, None, GAN)
    fake, real = torch.sigmoid(judge(images)), torch.sigmoid(judge(hr))
    assert terms.total.item() == pytest.approx(((images - hr).abs().mean() - 0.1 * fake.log().mean()).item(), rel=1e-5)
    wanted = -real.log().mean() - (1 - fake).log().mean()
    assert discriminator_loss(judge, images, hr).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_the_discriminator_has_the_official_keys_and_shapes():
    """xinntao/Real-ESRGAN@83530bc, realesrgan/archs/discriminator_arch.py: nine convolutions, seven of them normed."""
    state = build_discriminator(64, seed=0).state_dict()
    normed = [f"conv{number}" for number in range(1, 9)]
    wanted = {f"{name}.weight_{part}" for name in normed for part in ("orig", "u", "v")}
    assert state.keys() == wanted | {"conv0.weight", "conv0.bias", "conv9.weight", "conv9.bias"}
    assert sum(value.numel() for name, value in state.items() if not name.endswith(("_u", "_v"))) == 4_376_897
    assert build_discriminator(4, 0)(torch.zeros(1, 3, 16, 24)).shape == (1, 1, 16, 24)


def test_spectral_norms_bring_each_convolution_to_norm_1():
    judge = build_discriminator(4, seed=0)
    for _ in range(50):
        judge(torch.zeros(1, 3, 8, 8))
    assert torch.linalg.matrix_norm(judge.conv3.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-2)


def test_discriminator_and_student_both_move(pairs):
    recipe = replace(GAN, iterations=0, gan_iterations=2)
    trainer = Trainer(Batches(pairs, recipe), recipe, None, CPU)
    before = {name: value.clone() for name, value in trainer.state().tensors.items()}
    trainer.advance()
    after = trainer.state().tensors
    for part in ("student", "averaged", "discriminator"):
        assert any(not after[name].equal(value) for name, value in before.items() if name.startswith(f"{part}/"))


def test_the_perceptual_term_of_equal_images_is_0_and_has_a_gradient():
    found = find_perceptual("shift-tolerant")
    images = torch.rand(1, 3, 32, 32, generator=torch_stream(0, "images"))
    assert found.perceptual.loss(images, images).item() == 0
    moved = (images + 0.1).requires_grad_()
    found.perceptual.loss(moved, images).backward()
    assert moved.grad.abs().sum() > 0
    assert "shift-tolerant" in found.note


def test_vgg19_is_compared_before_its_activations(tmp_path):
    """Against torchvision's own VGG19 with drawn weights, cut where the last convolutions of its blocks end."""
    from torchvision.models import vgg19

    with torch.device("meta"):
        network = vgg19(weights=None).features.eval()
    network.to_empty(device="cpu")
    with torch.no_grad():
        for value in network.parameters():
            value.uniform_(-0.1, 0.1, generator=torch_stream(0, "vgg19"))
    path = tmp_path / "vgg19.pth"
    torch.save({f"features.{name}": value for name, value in network.state_dict().items()}, path)
    images, references = torch.rand(2, 1, 3, 32, 32, generator=torch_stream(0, "images"))
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    wanted = 0.0
    with torch.no_grad():
        for weight, end in zip((0.1, 0.1, 1, 1, 1), (3, 8, 17, 26, 35), strict=True):
            one, other = (network[:end]((image - mean) / std) for image in (images, references))
            wanted += weight * (one - other).abs().mean().item()
    found = find_perceptual("auto", path)
    assert found.note.startswith("perceptual term: vgg19, sha256 ")
    assert found.perceptual.loss(images, references).item() == pytest.approx(wanted, rel=1e-5)


def test_a_file_of_vgg19_is_not_taken_for_another_trunk(tmp_path):
    for trunk in ("none", "shift-tolerant"):
        with pytest.raises(RecipeError, match=f"{trunk}.*vgg19.pth.*give one of them"):
            find_perceptual(trunk, tmp_path / "vgg19.pth")


def test_without_a_trunk_there_is_no_perceptual_term_and_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("gsdd.metrics.shift_tolerant_lpips.PACKAGE", "no_such_package")
    found = find_perceptual("auto")
    assert found.perceptual is None
    assert found.note.startswith("perceptual term: none (")


@pytest.mark.parametrize("student", ["srresnet", "compact", "rrdbnet", "swinir", "sftgan"])
def test_every_student_trains(pairs, student):
    classed = replace(pairs, classes=("sky",) * len(pairs))
    recipe = replace(TINY, student=student, iterations=2, crop=32)
    result = train_in_memory(classed, recipe)
    assert math.isfinite(result.curve["points"][-1]["pixel"])
    assert not same_weights(result.network, build(student, recipe.seed, size="small"))


def test_asked_to_stop_it_stops(pairs):
    with pytest.raises(Interrupted, match="after step 1 of 3"):
        train_in_memory(pairs, TINY, monitor=Heard(lambda asked: True))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch": 0}, "batch`: got 0"),
        ({"lr": -1.0}, "lr`: got -1.0"),
        ({"ema": 2.0}, "ema`: got 2.0"),
        ({"crop": 18}, "crop`: got 18, wanted a multiple of 4"),
        ({"student": "edsr"}, "no student is named 'edsr'"),
        ({"schedule": "linear"}, "schedule`: got 'linear'"),
        ({"iterations": 0}, "both 0"),
        ({"momentum": 0.9}, "has no 'momentum'"),
        ({"itertions": 3}, "has no 'itertions'; did you mean 'iterations'"),
    ],
)
def test_options_that_make_no_training_are_refused_by_name(options, text):
    with pytest.raises(RecipeError, match=text):
        TrainingRecipe().changed(options)


def test_what_does_not_fit_the_pairs_or_the_machine_is_refused(pairs, monkeypatch):
    with pytest.raises(RecipeError, match="crop`: got 64, but 0 has 32x32 pixels"):
        train_in_memory(pairs, replace(TINY, crop=64))
    with pytest.raises(RecipeError, match="wanted a multiple of 8"):
        train_in_memory(pairs, replace(GAN, crop=20))
    monkeypatch.setattr("gsdd.students.trainer.multiplies_bf16", lambda device: False)
    with pytest.raises(RecipeError, match="bf16"):
        train_in_memory(pairs, replace(TINY, precision="bf16"))


@pytest.mark.parametrize("hr", [torch.zeros(1, 3, 30, 32, dtype=torch.uint8), torch.zeros(1, 3, 32, 32)])
def test_pairs_that_are_none_are_refused(hr):
    with pytest.raises(KernelInputError, match="wanted"):
        Pairs.of(hr, torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
