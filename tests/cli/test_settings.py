"""Settings of a recipe on the command line: options, `--set`, `--config`, and which of them wins."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from gsdd.cli.compress import REPLACED, compress
from gsdd.cli.settings import COMPRESS_OPTIONS, TRAIN_OPTIONS
from gsdd.cli.train import Settings as TrainSettings
from gsdd.cli.train import train
from gsdd.configuration import settings
from gsdd.recipe import FLAT, Recipe

MOST_LINES = 53
# The options of version 0.1.0, but those that say where, how and what is printed.
OF_COMPRESS = {f"--{name.replace('_', '-')}" for name in FLAT} | {
    "--ipc", "--generator", "--preset", "--target-size", "--target-bpp", "--reduction", "--container", "--time-budget",
    "--checkpoint-seconds", "--on-bad-image", "--part", "--licence", "--device", "--backend",
}  # fmt: skip


@pytest.fixture
def recipe_of(monkeypatch, tmp_path, gsdd):
    """What `gsdd compress` makes of its words, without running."""
    seen = {}

    def see(source, target, recipe, device, monitor, how, dry_run):
        seen.update(recipe=recipe, how=how)
        return {"path": "o", "latents": 0, "classes": [], "bytes": 0}, None

    def call(*words):
        monkeypatch.setattr("gsdd.cli.compress._run", see)
        gsdd("compress", tmp_path, *words)
        return seen["recipe"], seen["how"]

    return call


def test_an_option_wins_over_set_that_over_the_file_and_that_over_the_preset(recipe_of, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("seed = 1\n[matching]\nlr = 0.1\niterations = 1\n[inversion]\nsteps = 1\n")
    recipe, _ = recipe_of("--preset", "quick", "--config", file, "--set", "matching.iterations=2", "--set",
                          "inversion.steps=2", "--inversion-steps", 3)  # fmt: skip
    assert (recipe.crops.ipc, recipe.seed, recipe.matching.lr) == (5, 1, 0.1)
    assert (recipe.matching.iterations, recipe.inversion.steps) == (2, 3)


def test_every_setting_is_taken_as_recipe_prints_it(recipe_of, gsdd):
    words = [word for line in gsdd("recipe", "paper", "-q").out.splitlines() for word in ("--set", line)]
    assert recipe_of(*words)[0] == Recipe.preset("paper")


def test_what_recipe_prints_is_a_file_of_that_recipe(recipe_of, tmp_path, gsdd):
    text = gsdd("recipe", "paper").out
    file = tmp_path / "paper.toml"
    file.write_text(text)
    assert Recipe.from_toml(file) == Recipe.preset("paper") == recipe_of("--config", file)[0]
    assert next(line for line in text.splitlines() if line.startswith("lr = ")).endswith("# Learning rate of Adam.")


def test_json_of_a_recipe_has_every_setting(gsdd):
    document = json.loads(gsdd("recipe", "training", "--json").out)
    for entry in settings(TrainSettings()):
        inside, _, name = entry.path.rpartition(".")
        assert (document[inside] if inside else document)[name] == entry.value


def test_how_a_run_goes_is_set_below_run(recipe_of, tmp_path):
    assert recipe_of()[1]["checkpoint_seconds"] == 60
    (tmp_path / "mine.toml").write_text('[run]\nbackend = "reference"\n')
    how = recipe_of("--config", tmp_path / "mine.toml", "--set", "run.checkpoint_seconds=5", "--force")[1]
    assert (how["backend"], how["checkpoint_seconds"], how["force"]) == ("reference", 5, True)


def test_a_target_implies_the_number_of_latents_unless_that_is_given(recipe_of):
    assert recipe_of("--preset", "quick", "--target", "8KB")[0].crops.ipc is None
    assert recipe_of("--set", "crops.ipc=sky=2,*=3", "--target", "8KB")[0].crops.ipc == {"sky": 2, "*": 3}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["compress", "photos", "--set", "matching.lrr=1"], "did you mean 'matching.lr'?"),
        (["compress", "photos", "--set", "run.backnd=triton"], "did you mean 'run.backend'?"),
        (["compress", "photos", "--config", "mine.toml"], "mine.toml: Settings: has no 'matching.lrr'; did you mean"),
        (["compress", "photos", "--set", "matching.lr=much"], "--set matching.lr: got 'much', wanted a number"),
        (["compress", "photos", "--set", "matching.iterations=-1"], "--iterations: got -1, wanted a whole number"),
        (["compress", "photos", "--set", "lr"], "wanted NAME=VALUE"),
        (["compress", "photos", "--codec-step", "0.1"], "--codec-step was removed; give --set storage.step="),
        (["compress", "photos", "--target-size=8KB"], "--target-size was removed; give --target 200KB"),
        (["compress", "photos", "--part", "1/3"], "--part was removed; compress the classes apart"),
        (["train", "photos", "-o", "m.safetensors", "--set", "gan_iteration=1"], "did you mean 'gan_iterations'?"),
        (["train", "photos", "-o", "m.safetensors", "--set", "run.subset_size=0"], "--set run.subset_size: got 0"),
        (["train", "photos", "-o", "m.safetensors", "--gan-lr", "1"], "give --set gan_lr=VALUE"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_a_slip_is_one_line_with_the_right_name_beside_it(words, told, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("[matching]\nlrr = 1\n")
    assert told in refused(*words, code=2)


@pytest.mark.parametrize("command", [compress, train], ids=lambda command: command.name)
def test_every_option_stands_in_one_group_of_the_help(command):
    options = [max(each.opts, key=len) for each in command.params if isinstance(each, click.Option)]
    assert sorted(option for group in command.groups.values() for option in group) == sorted([*options, "--help"])


@pytest.mark.parametrize("name", ["compress", "train"])
def test_the_help_fits_a_screen(name):
    command = [sys.executable, "-m", "gsdd.cli", name, "--help"]
    narrow = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, env=narrow, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) <= MOST_LINES
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_every_option_of_before_is_there_or_told():
    there = {name for each in compress.params for name in each.opts}
    assert there | set(REPLACED) >= OF_COMPRESS
    assert not there & set(REPLACED)


@pytest.mark.parametrize(
    ("options", "base"), [(COMPRESS_OPTIONS, Recipe()), (TRAIN_OPTIONS, TrainSettings())], ids=["compress", "train"]
)
def test_every_option_of_a_setting_has_its_help_and_default(options, base):
    command = {"standard": compress, "default": train}[options.unset]
    known = {entry.path: entry for entry in settings(base)}
    for path, option in options.of.items():
        (found,) = [each for each in command.params if option in each.opts]
        assert found.help.startswith(known[path].about.text)
        has_default = known[path].kind is not bool and known[path].value not in (None, "")
        assert (f"[{options.unset}: {known[path].value}]" in found.help) == has_default


def test_the_toml_of_every_preset_is_sound(gsdd):
    for preset in ("quick", "standard", "paper", "training"):
        assert tomllib.loads(gsdd("recipe", preset).out)
