"""A recipe holds what decides a run, and nothing that makes none; a slip is told with the right name beside it."""

import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from recipes import changed

from gsdd.configuration import parse_assignments, settings
from gsdd.errors import RecipeError
from gsdd.recipe import (
    FLAT,
    OF_STUDENT,
    PRESETS,
    SINCE,
    Crops,
    Inversion,
    Matching,
    Recipe,
    Storage,
    from_record,
    to_record,
)

ROOT = Path(__file__).parents[1]


def test_the_paper_preset_has_the_papers_values():
    paper = Recipe.preset("paper")
    assert (paper.matching.iterations, paper.matching.lr, paper.matching.lam) == (500_000, 1e-3, 0.1)
    assert (paper.features.family, paper.crops.ipc) == ("resnet18", 100)


def test_values_are_changed_by_path_and_the_rest_stays():
    quick = Recipe.preset("quick")
    recipe = quick.changed({"matching.lam": 0.2, "seed": 3})
    assert (recipe.matching.lam, recipe.seed, recipe.matching.iterations) == (0.2, 3, quick.matching.iterations)
    assert recipe.crops == quick.crops


@pytest.mark.parametrize(
    ("slip", "text"),
    [
        (lambda: Inversion(step=3), "Inversion: has no 'step'; did you mean 'steps'?"),
        (lambda: Recipe(inversions=Inversion()), "Recipe: has no 'inversions'; did you mean 'inversion'?"),
        (lambda: Recipe().changed({"matching.lrr": 1}), "Recipe: has no 'matching.lrr'; did you mean 'matching.lr'?"),
        (
            lambda: Recipe().changed({"iterations": 1}),
            "Recipe: has no 'iterations'; did you mean 'matching.iterations'?",
        ),
        (lambda: Recipe().changed({"zzz": 1}), "Recipe: has no 'zzz'"),
        (lambda: Recipe.preset("fast"), "preset: got 'fast', wanted one of quick, standard, paper"),
        (lambda: parse_assignments(["matching.lr"]), "wanted NAME=VALUE, such as matching.lr=0.002"),
    ],
)
def test_a_slip_is_one_line_with_the_right_name_beside_it(slip, text):
    with pytest.raises(RecipeError) as caught:
        slip()
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"lam": 1.5}, "Matching.lam: got 1.5, wanted a number of at least 0 and at most 1"),
        ({"lr": float("inf")}, "Matching.lr: got inf"),
        ({"lam": float("nan")}, "Matching.lam: got nan"),
        ({"lr": 1 << 63}, "Matching.lr: got 9223372036854775808"),
        ({"lr": 10**400}, "Matching.lr: got 1000"),
        ({"seed": -(1 << 64)}, "Recipe.seed: got -18446744073709551616"),
        ({"iterations": -1}, "Matching.iterations: got -1, wanted a whole number of at least 0"),
        ({"iterations": 1.5}, "Matching.iterations: got 1.5"),
        ({"features": "vgg"}, "Features.family: got 'vgg', wanted one of 'local-fourier', 'resnet18'"),
        ({"seed": "x"}, "Recipe.seed: got 'x'"),
        ({"hr_size": True}, "Crops.hr_size: got True"),
        ({"ipc": 0}, "Crops.ipc: got 0"),
        ({"ipc": {"sky": "many"}}, "Crops.ipc: got {'sky': 'many'}"),
        ({"licence": "a\nb"}, "Storage.licence: got 'a\\nb', wanted one line of text"),
    ],
)
def test_values_that_make_no_run_are_refused_by_name(values, text):
    with pytest.raises(RecipeError) as caught:
        changed(Recipe(), **values)
    assert str(caught.value).replace("`", "").startswith(text)


def test_texts_of_a_command_line_are_read_as_what_the_field_holds():
    given = parse_assignments(["matching.lr=0.002", "crops.ipc=sky=3,*=2", "seed=7", "storage.licence=CC0=yes"])
    recipe = Recipe().changed(given)
    assert (recipe.matching.lr, recipe.seed, recipe.storage.licence) == (0.002, 7, "CC0=yes")
    assert recipe.crops.ipc == {"sky": 3, "*": 2}


def test_a_recipe_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        Recipe().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", PRESETS)
def test_a_recipe_goes_through_toml_and_through_a_manifest(name, tmp_path):
    recipe = changed(Recipe.preset(name), ipc={"sky": 3, "*": 2}, target="0.4bpp", container="hdf5")
    (tmp_path / "r.toml").write_text(recipe.to_toml())
    assert Recipe.from_toml(tmp_path / "r.toml", "paper") == recipe
    again = from_record(to_record(recipe))
    kept = [entry.path for entry in settings(recipe) if entry.path in {*FLAT.values(), "storage.target"}]
    values = {entry.path: entry.value for entry in settings(again)}
    assert {path: values[path] for path in kept} == {
        entry.path: entry.value for entry in settings(recipe) if entry.path in kept
    } | {"storage.codec": "dct"}


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ("[matching]\nlrr = 1\n", "Recipe: has no 'matching.lrr'; did you mean 'matching.lr'?"),
        ("[matchin]\nlr = 1\n", "Recipe: has no 'matchin.lr'; did you mean 'matching.lr'?"),
        ("[matching]\nlr = 'high'\n", "Matching.lr: got 'high'"),
        ("matching", "is no TOML"),
    ],
)
def test_a_slip_in_a_toml_file_is_told_likewise(toml, text, tmp_path):
    (tmp_path / "r.toml").write_text(toml)
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(tmp_path / "r.toml")
    assert text in str(caught.value).replace("`", "")
    with pytest.raises(RecipeError, match="cannot be read"):
        Recipe.from_toml(tmp_path / "nowhere.toml")


def test_records_of_0_1_0_are_read_and_those_of_a_later_version_refused():
    record = to_record(Recipe.preset("quick")) | {"reduction": "sum"}
    assert from_record(record).matching == Recipe.preset("quick").matching
    assert from_record({"lam": 0.2}) == Recipe(crops=Crops(classes="folders"), matching=Matching(lam=0.2))
    with pytest.raises(RecipeError, match=r"the file has \['warp'\], which this gsdd does not know"):
        from_record({"warp": 9})


def test_every_field_has_a_help_text_and_every_flat_name_a_field():
    entries = {entry.path: entry for entry in settings(Recipe())}
    assert all(entry.about.text.endswith(".") for entry in entries.values())
    assert set(FLAT.values()) <= set(entries)
    assert {name for name in entries if name not in FLAT.values()} == {
        "generator", "crops.ipc", "crops.classes", "crops.on_bad_image", "storage.target", "storage.container",
        "storage.licence", *SINCE.values(), *OF_STUDENT.values(),
    }  # fmt: skip


def test_a_type_checker_sees_a_slip_too(tmp_path):
    slip = tmp_path / "slip.py"
    slip.write_text("from gsdd.recipe import Inversion, Recipe\nRecipe(inversion=Inversion(step=3))\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(slip)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert 'Unexpected keyword argument "step" for "Inversion"' in done.stdout, done.stdout + done.stderr


def test_defaults_are_those_of_the_groups():
    assert Recipe() == Recipe(crops=Crops(), inversion=Inversion(), storage=Storage())
