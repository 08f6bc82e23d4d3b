"""FLOPs by torch's counter: of one image against arithmetic, and of whole loops against the numbers of images."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small_job import RECIPE, SIDE, crops, generator, source

from gsdd.cost.flops import count_flops, image_flops
from gsdd.cost.workload import (
    chunks,
    distillation_start,
    distillation_step,
    draw,
    draws,
    inversion_ends,
    inversion_step,
    signing,
)
from gsdd.distill.distiller import distill
from gsdd.distill.inversion import invert, starting_latents
from gsdd.distill.spaces import Spaces
from gsdd.features.local_fourier import STRIDE
from gsdd.pairs.decode import decode

RECIPES = {
    "local-fourier": RECIPE,
    "resnet18": replace(RECIPE, features="resnet18", iterations=2),
    "no pairs, all move, no D_f": replace(RECIPE, lam=0.0, latent_batch=0, inversion_features=0.0),
    "some rest, several draws a step": replace(RECIPE, latent_batch=2, draws=2, bank=2, iterations=2),
    "every draw is new": replace(RECIPE, bank=0, latent_batch=1, class_mean="moving"),
}


@pytest.fixture(params=RECIPES)
def job(request, photos):
    recipe = RECIPES[request.param]
    images = source(photos)
    spaces = Spaces.from_recipe(recipe, images.real, torch.device("cpu"))
    return recipe, images, spaces, image_flops(generator(), spaces.fixed_psi(), SIDE)


def test_g_multiplies_each_weight_of_a_convolution_once_a_latent_pixel_and_way(photos):
    psi = Spaces.from_recipe(RECIPE, source(photos).real, torch.device("cpu")).fixed_psi()
    weights = sum(each.weight.numel() for each in generator().network.modules() if isinstance(each, torch.nn.Conv2d))
    found = image_flops(generator(), psi, SIDE)
    assert found.generator == found.generator_gradient == 2 * weights * (SIDE // 4) ** 2


def test_local_features_cost_what_the_convolution_costs_that_they_are(photos):
    psi = Spaces.from_recipe(RECIPE, source(photos).real, torch.device("cpu")).fixed_psi()
    image = torch.rand(1, 3, SIDE, SIDE)
    product = count_flops(lambda: F.conv2d(image, psi.frequencies, stride=STRIDE))
    found = image_flops(generator(), psi, SIDE)
    assert (found.psi, found.psi_gradient) == (product, 2 * product)


def test_the_distillation_counts_as_its_steps(job):
    recipe, images, spaces, each = job
    latents = starting_latents(images.pairs, 4, recipe)
    counted = count_flops(lambda: distill(images, latents, generator(), spaces, recipe))
    real = tuple(min(recipe.real_batch, len(pool)) for pool in images.real)
    steps = recipe.iterations * distillation_step(recipe, images.counts).flops(each)
    drawn = draws(recipe) * draw(recipe, images.counts, real).flops(each)
    assert counted == steps + drawn + distillation_start(recipe, images.counts).flops(each)


def test_the_inversion_and_the_signatures_count_as_their_chunks(job, photos):
    recipe, _, spaces, each = job
    pairs = crops(photos)[:11]
    psi = spaces.fixed_psi()
    counted = count_flops(lambda: invert(pairs, generator(), psi, recipe))
    chunk = recipe.inversion_steps * inversion_step(recipe).flops(each) + inversion_ends(recipe).flops(each)
    assert counted == chunks(11) * chunk
    assert count_flops(lambda: decode(generator(), starting_latents(pairs, 4, recipe))) == signing(11).flops(each)
