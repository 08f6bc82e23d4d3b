"""A recipe holds what decides a run, and nothing that makes none."""

import pytest

from gsdd.distill.recipe import PRESETS, Recipe
from gsdd.errors import RecipeError


def test_the_paper_preset_has_the_papers_values():
    paper = PRESETS["paper"]
    assert (paper.iterations, paper.lr, paper.lam, paper.features) == (500_000, 1e-3, 0.1, "resnet18")


def test_options_override_a_preset_and_none_keeps_it():
    recipe = Recipe.from_options("quick", {"lam": 0.2, "iterations": None})
    assert recipe.lam == 0.2
    assert recipe.iterations == PRESETS["quick"].iterations


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"lambda": 0.1}, "unknown options"),
        ({"lam": 1.5}, "lam: got 1.5"),
        ({"lr": float("inf")}, "lr: got inf"),
        ({"lam": float("nan")}, "lam: got nan"),
        ({"iterations": -1}, "iterations: got -1"),
        ({"iterations": 1.5}, "iterations: got 1.5"),
        ({"features": "vgg"}, "features: got 'vgg'"),
        ({"seed": "1"}, "seed: got '1'"),
        ({"hr_size": True}, "hr_size: got True"),
    ],
)
def test_values_that_make_no_run_are_refused_by_name(options, text):
    with pytest.raises(RecipeError, match=text):
        Recipe.from_options("standard", options)


def test_an_unknown_preset_is_refused():
    with pytest.raises(RecipeError, match="preset: got 'fast'"):
        Recipe.from_options("fast", {})
