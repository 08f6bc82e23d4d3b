"""Students at the scales at which they exist: trained, scored, and opened by spandrel."""

import pytest
import torch
from PIL import Image
from spandrel import ModelLoader

import gsdd
from gsdd.data.degradation import downscale
from gsdd.errors import RecipeError
from gsdd.generators.load import load_file
from gsdd.networks.own import recognise
from gsdd.students.checkpoint import save
from gsdd.students.named import build, students
from gsdd.students.pairs import Pairs
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.training import train_in_memory

EVERY = [
    (name, scale) for name in ("small", "srresnet", "compact", "rrdbnet", "swinir") for scale in students()[name].scales
]


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_a_saved_student_is_opened_at_its_scale_with_its_images(tmp_path, name, scale):
    network, path = build(name, 3, "small", scale=scale).eval(), tmp_path / "s.safetensors"
    save(network, name, path, scale=scale)
    small = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    found = load_file(path)
    assert found.scale == scale
    with torch.no_grad():
        images = network(small)
        assert images.shape == (1, 3, 16 * scale, 16 * scale)
        assert torch.allclose(found(small), images, atol=1e-5)


@pytest.mark.parametrize("name", ["compact", "rrdbnet", "swinir"])
def test_spandrel_opens_an_x2_student_as_x2(tmp_path, name):
    path = tmp_path / "s.safetensors"
    save(build(name, 3, "small", scale=2), name, path, scale=2)
    assert ModelLoader().load_from_file(path).scale == 2


def test_srresnet_has_the_layers_of_basicsr_at_x2_and_x3():
    """MSRResNet of BasicSR shuffles once, by the factor itself (basicsr/archs/srresnet_arch.py)."""
    for scale in (2, 3):
        state = build("srresnet", 0, "small", scale=scale).state_dict()
        assert state["upconv1.weight"].shape == (32 * scale**2, 32, 3, 3)
        assert "upconv2.weight" not in state
        assert recognise(state).scale == scale


def test_rrdbnet_takes_folded_pixels_at_x2_as_real_esrgan_has_it():
    """RealESRGAN_x2plus: 12 channels in, two up-convolutions (BasicSR, basicsr/archs/rrdbnet_arch.py)."""
    shapes = {key: list(value.shape) for key, value in build("rrdbnet", 0, "small", scale=2).state_dict().items()}
    assert shapes["model.0.weight"] == [32, 12, 3, 3]


@pytest.mark.parametrize(("name", "scale"), [("sftgan", 2), ("srresnet", 8), ("rrdbnet", 3)])
def test_a_student_that_does_not_exist_at_a_scale_is_refused(name, scale):
    with pytest.raises(RecipeError, match=f"`scale`: got {scale}, wanted .* for student {name}"):
        TrainingRecipe(student=name, scale=scale)


def test_crops_are_multiples_of_the_scale():
    with pytest.raises(RecipeError, match=r"`TrainingRecipe.crop`: got 32, wanted a multiple of 3"):
        TrainingRecipe(student="compact", scale=3, crop=32)


@pytest.mark.parametrize("scale", [1, 2, 3, 8])
def test_a_batch_is_aligned_crops_of_the_pairs(scale):
    hr = torch.randint(0, 256, (3, 3, 72, 72), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pairs = Pairs.of(hr, scale=scale)
    recipe = TrainingRecipe(student="small", scale=scale, crop=48, batch=3, iterations=1)
    from gsdd.students.batches import Batches

    batch = Batches(pairs, recipe).at(0, torch.device("cpu"))
    assert batch.lr.shape == (3, 3, 48 // scale, 48 // scale)
    inner = (downscale(batch.hr, scale).clamp(0, 1) - batch.lr)[..., 2:-2, 2:-2]
    assert inner.numel() == 0 or inner.abs().max() < 0.51 / 255 + 1e-6


def test_a_compact_x2_student_learns_is_scored_and_opened(photos_of_two, tmp_path):
    """It begins as the enlarged LR, which a few steps make better."""
    recipe = {"student": "compact", "size": "small", "scale": 2, "crop": 32, "batch": 4, "iterations": 30}
    model = tmp_path / "x2.safetensors"
    gsdd.train(photos_of_two, model, recipe=TrainingRecipe(**recipe), device="cpu")
    assert ModelLoader().load_from_file(model).scale == 2
    scores = {
        name: gsdd.evaluate(name, photos_of_two, metrics=["psnr-y"], scale=2, device="cpu")
        for name in (model, "bicubic")
    }
    assert [score.scale for score in scores.values()] == [2, 2]
    assert {score.scores[0].metric.convention.shave for score in scores.values()} == {2}
    assert scores[model].mean("psnr-y") > 15
    with pytest.raises(RecipeError, match=r"`scale`: got 4, but x2.safetensors enlarges 2 times"):
        gsdd.evaluate(model, photos_of_two, scale=4, device="cpu")
    with pytest.raises(RecipeError, match="but the pairs are of scale 4"):
        train_in_memory(Pairs.of(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)), TrainingRecipe(**recipe), device="cpu")


@pytest.fixture
def photos_of_two(photos, tmp_path):
    """Two small photos, real ones."""
    folder = tmp_path / "two"
    folder.mkdir()
    for number, path in enumerate(sorted(photos.rglob("*.*"))[:2]):
        with Image.open(path) as photo:
            photo.convert("RGB").crop((0, 0, 97, 80)).save(folder / f"{number}.png")
    return folder
