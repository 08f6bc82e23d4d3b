"""What a run will do, decided before anything long starts."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gsdd.baselines.starting import starting_crops
from gsdd.data.catalog import Catalog, OnBadImage, scan
from gsdd.data.crops import Crop, latents_per_class, plan_crops, read_tiles
from gsdd.data.parts import Part, deal_classes, parse_part
from gsdd.distill.budget import Budget, latents_for
from gsdd.distill.omega import Dsa
from gsdd.distill.recipe import DEFAULT_IPC, DEFAULT_PRESET, Precision, Recipe
from gsdd.distill.spaces import feature_spec
from gsdd.errors import KernelInputError, RecipeError
from gsdd.formats.codec import Codec
from gsdd.formats.manifest import ManifestClass
from gsdd.formats.origins import ManifestPart
from gsdd.generators.generator import Generator
from gsdd.generators.load import load_generator
from gsdd.generators.named import DEFAULT as DEFAULT_GENERATOR
from gsdd.kernels.backend import Backend, choose
from gsdd.processor import multiplies_bf16

Progress = Callable[[str, int, int, float | None], None]


@dataclass(frozen=True)
class Plan:
    """What a run will do, known before it starts.

    Attributes:
        catalog: the usable photos of the whole source.
        classes: numbers, in the catalog, of the classes that the run makes latents of.
        counts: latents of each of these.
        crops: x_k, one a latent, class after class.
        recipe: the method's choices.
        generator: G.
        backend: of the ops.
        part: what the run's classes are among those of the source; None if they are all.
        budget: the bytes that the file is to have; None where latents are stored at the recipe's step.
    """

    catalog: Catalog
    classes: tuple[int, ...]
    counts: tuple[int, ...]
    crops: tuple[Crop, ...]
    recipe: Recipe
    generator: Generator
    backend: Backend = "auto"
    part: ManifestPart | None = None
    budget: Budget | None = None

    def coding(self, latents: Tensor, index: Tensor) -> Codec:
        """Tell how latents of the run will be stored as they are now.

        Args:
            latents: float32 `[n, 3, h, w]`, on the CPU.
            index: their numbers, `[n]`.
        """
        if self.budget is None:
            return self.recipe.latent_codec
        return self.budget.codec_for(latents.numpy(), index.tolist())

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes, in file order."""
        return tuple(self.catalog.classes[number].name for number in self.classes)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return the number that each latent has among those of the whole source: draws may depend on it."""
        if self.part is None:
            return tuple(range(len(self.crops)))
        return self.part.numbers(tuple(map(ManifestClass, self.class_names, self.counts)))

    @property
    def photo_index(self) -> "np.ndarray[Any, np.dtype[np.int32]]":
        """Return for each latent the photo of its crop, counted within its class, int32 `[N]`."""
        return np.array([crop.photo_index for crop in self.crops], dtype=np.int32)

    def real_crops(self) -> tuple[Tensor, ...]:
        """Read the crops that a run matches with: at most `real_crops` tiles a class, uint8 `[M_c, 3, H, W]`."""
        return real_crops(self.catalog, self.recipe, self.classes)

    def calibration_pool(self, real: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Give the crops that norms of psi are calibrated with: of the whole source, so that parts share one psi.

        Args:
            real: what `real_crops` read.

        Returns:
            The same, and beside them those of all other classes where psi has norms to calibrate.
        """
        has_norms = self.recipe.features == "resnet18" and not self.recipe.feature_weights
        return real_crops(self.catalog, self.recipe) if self.part and has_norms else real

    @property
    def skipped(self) -> tuple[str, ...]:
        """Return the photos that cannot be used, as "class: path: reason"."""
        return tuple(f"{bad.class_name}: {bad.path}: {bad.reason}" for bad in self.catalog.skipped)

    @property
    def ignored(self) -> Mapping[str, str]:
        """Return why each entry that is no photo of a class was passed over, by path."""
        return {entry.path: entry.reason for entry in self.catalog.ignored_entries}

    @property
    def conversions(self) -> tuple[str, ...]:
        """Return what was done to photos that are not plain 8-bit RGB, as "path: what"."""
        photos = (photo for entry in self.catalog.classes for photo in entry.photos)
        return tuple(f"{photo.path}: {', '.join(photo.conversions)}" for photo in photos if photo.conversions)

    @property
    def decisions(self) -> tuple[str, ...]:
        """Return a line for each photo that is skipped or converted, and one that counts what is ignored."""
        skipped = [f"skipped {line}" for line in self.skipped]
        converted = [f"converted {line}" for line in self.conversions]
        counts = [f"{count} ({reason})" for reason, count in Counter(self.ignored.values()).items()]
        return (*skipped, *converted, *([f"ignored {', '.join(counts)}"] if counts else []))

    def to_dict(self) -> dict[str, Any]:
        """Return what would be made, as JSON has it."""
        return {
            "latents": len(self.crops),
            "classes": dict(zip(self.class_names, self.counts, strict=True)),
            "images": self.catalog.images,
            "source_bytes": self.catalog.bytes,
            "part": self.part and str(self.part),
            "generator": self.generator.reference.name,
            "recipe": self.recipe.to_dict(),
            "skipped": self.skipped,
            "ignored": self.ignored,
            "conversions": self.conversions,
        }


def make_plan(
    source: str | os.PathLike[str],
    *,
    preset: str = DEFAULT_PRESET,
    generator: str = DEFAULT_GENERATOR,
    ipc: int | Mapping[str, int] | None = None,
    device: str = "cpu",
    backend: Backend = "auto",
    on_bad_image: OnBadImage = "skip",
    part: str | None = None,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401
) -> Plan:
    """Look at the photos and decide what a run would do.

    Args:
        source: as for `gsdd.compress`, and so are the rest.
        preset: `quick`, `standard` or `paper`.
        generator: name or path.
        ipc: latents a class.
        device: where torch computes.
        backend: of the ops.
        on_bad_image: `skip` or `fail`.
        part: such as `1/3`: the first of three parts of the classes; None for all.
        progress: called with stage, photos done, photos in all, and None.
        **options: fields of `Recipe` that override the preset.

    Returns:
        The plan, with the generator loaded.

    Raises:
        SourceError: no usable photos.
        RecipeError: options that make no run.
        GeneratorError: no usable generator.
    """
    dealt = None if part is None else parse_part(part)
    recipe = _checked(Recipe.from_options(preset, options))
    if recipe.has_target and dealt:
        raise RecipeError(f"part {part}: a target is for the whole file; give --codec dct and --codec-step for parts")
    loaded = load_generator(os.fspath(generator), device=device)
    recipe = replace(recipe, precision=_precision(recipe, loaded))
    _check_backend(backend, loaded)
    loaded.latent_shape(recipe.hr_size)
    tell = None if progress is None else lambda done, total: progress("photos", done, total, None)
    catalog = scan(Path(source), min_size=recipe.hr_size, on_bad_image=on_bad_image, progress=tell)
    counts = latents_per_class(catalog, _default_ipc(preset, recipe, len(catalog.classes)) if ipc is None else ipc)
    whole = Plan(catalog, tuple(range(len(counts))), counts, (), recipe, loaded, backend)
    mine = whole if dealt is None else _part_of(whole, dealt)
    return replace(mine, crops=_starting_crops(mine, counts, progress))


def _default_ipc(preset: str, recipe: Recipe, classes: int) -> int:
    if not recipe.target_size:
        return DEFAULT_IPC[preset]
    return latents_for(recipe.target_bytes(0), classes, recipe.hr_size)


def _part_of(whole: Plan, part: Part) -> Plan:
    mine = deal_classes(whole.counts, part.of)[part.number - 1]
    return replace(
        whole,
        classes=mine,
        counts=tuple(whole.counts[number] for number in mine),
        part=ManifestPart(part.number, part.of, tuple(map(ManifestClass, whole.class_names, whole.counts))),
    )


def _starting_crops(work: Plan, counts: Sequence[int], progress: Progress | None) -> tuple[Crop, ...]:
    """Choose x_k for the classes of the run; that those of other parts have enough is checked with them."""
    recipe, tell = work.recipe, None if progress is None else lambda done, total: progress("crops", done, total, None)
    plan_crops(work.catalog, counts, recipe.hr_size, recipe.seed)
    mine = [count if number in work.classes else 0 for number, count in enumerate(counts)]
    return starting_crops(work.catalog, mine, recipe.hr_size, recipe.seed, recipe.crops, tell)


def real_crops(catalog: Catalog, recipe: Recipe, classes: Sequence[int] | None = None) -> tuple[Tensor, ...]:
    """Read the crops that a run with this recipe matches with.

    Args:
        catalog: the photos.
        recipe: `hr_size`, `real_crops` and `seed`.
        classes: numbers of the classes to read; None for all.

    Returns:
        uint8 `[M_c, 3, hr_size, hr_size]` a class.
    """
    tiles = read_tiles(catalog, recipe.hr_size, limit=recipe.real_crops, seed=recipe.seed, classes=classes)
    return tuple(map(torch.from_numpy, tiles))


def _precision(recipe: Recipe, generator: Generator) -> Precision:
    """Decide what the search computes in, on this machine."""
    if recipe.precision == "auto":
        return "bf16" if multiplies_bf16(generator.device) and generator.computes_in_bf16 else "fp32"
    if recipe.precision == "bf16" and not generator.computes_in_bf16:
        raise RecipeError(
            f"precision: got 'bf16', in which generator {generator.reference.name} does not run; "
            "choose --precision fp32 or auto"
        )
    return recipe.precision


def _check_backend(backend: Backend, generator: Generator) -> None:
    try:
        choose(backend, torch.empty(0, device=generator.device))
    except KernelInputError as error:
        raise RecipeError(str(error)) from error


def _checked(recipe: Recipe) -> Recipe:
    """Read the parts of a recipe that are text, so that a slip is told before any photo is read."""
    Dsa.from_recipe(recipe)
    feature_spec(recipe)
    return recipe
