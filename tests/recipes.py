"""Recipes by the flat names that manifests keep: short to write, and the same everywhere."""

from dataclasses import fields

from gsdd.recipe import FLAT, OF_STUDENT, SINCE, Recipe
from gsdd.run.compress import CompressReport, compress
from gsdd.run.execution import Execution

PATHS = {
    **FLAT, "ipc": "crops.ipc", "target": "storage.target", "container": "storage.container",
    "licence": "storage.licence", "generator": "generator", "on_bad_image": "crops.on_bad_image",
    **SINCE, **OF_STUDENT, "classes": "crops.classes",
}  # fmt: skip
# Runs of about a second.
SMALL = {
    "generator": "realesr-animevideov3", "hr_size": 32, "crops": "random", "inversion_steps": 4, "iterations": 2,
    "real_batch": 4, "real_crops": 8, "feature_filters": 32,
}  # fmt: skip
TINY = {
    "generator": "realesr-animevideov3", "hr_size": 32, "inversion_steps": 1, "iterations": 1, "real_batch": 2,
    "real_crops": 4, "ipc": 1,
}  # fmt: skip
EXECUTION = {entry.name for entry in fields(Execution)}


def changed(recipe: Recipe, **values) -> Recipe:
    """Change some values of a recipe, by their flat names."""
    return recipe.changed({PATHS[name]: value for name, value in values.items()})


def preset(name: str = "quick", **values) -> Recipe:
    return changed(Recipe.preset(name), **values)


def words(**values) -> list[str]:
    """The same as words of the command line."""
    return [word for name, value in values.items() for word in ("--set", f"{PATHS.get(name, f'run.{name}')}={value}")]


def quick(**values) -> list[str]:
    return ["--preset", "quick", *words(**values)]


def run(source, output, *, monitor=None, device="cpu", **values) -> CompressReport:
    """`gsdd.compress` with a small recipe, by flat names; fields of `Execution` among them."""
    execution = Execution(**{name: values.pop(name) for name in EXECUTION & values.keys()})
    more = {"monitor": monitor} if monitor else {}
    return compress(source, output, recipe=preset(**values), device=device, execution=execution, **more)
