"""The main job: a folder of photos in, one .gsdd file out."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gsdd.distill.run import Run
from gsdd.formats import container as files
from gsdd.formats.lock import working_on
from gsdd.monitor import SILENT, Monitor
from gsdd.recipe import Recipe
from gsdd.run.choose import choose, scan
from gsdd.run.execution import Execution, begin, check_target, searching
from gsdd.run.fit import Fitted, fit
from gsdd.run.journal import Journal, remove_outlived
from gsdd.run.optimise import invert, match
from gsdd.run.size import unmet
from gsdd.run.trace import Trace

STANDARD = Recipe()
PLAIN = Execution()


@dataclass(frozen=True)
class CompressReport:
    """What `compress` made.

    Attributes:
        path: the file.
        latents: latents in it.
        classes: latents by class name.
        bytes: size of the file.
        run: `inversion_steps` that every latent got, `iterations` of matching, and by class name the mean PSNR of G(z)
            to its crop in dB (RGB, uint8, no border shaved) at the start, `psnr_start`, and after the inversion,
            `psnr_inverted`.
        images: usable photos.
        skipped: photos that could not be used, as "class: path: reason".
        dropped: photos that `scores` or `drop_duplicates` left out, likewise.
        ignored: why each entry that is no photo of a class was passed over, by path.
        conversions: what was done to photos that are not plain 8-bit RGB, as "path: what".
        trace: what the run saw on its way and the file does not hold; drawings are made from it.
    """

    path: Path
    latents: int
    classes: Mapping[str, int]
    bytes: int
    run: Mapping[str, Any]
    images: int
    skipped: tuple[str, ...]
    dropped: tuple[str, ...]
    ignored: Mapping[str, str]
    conversions: tuple[str, ...]
    trace: Trace | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON has them."""
        mappings = {"classes": dict(self.classes), "run": dict(self.run), "ignored": dict(self.ignored)}
        values = {**vars(self), **mappings, "path": str(self.path)}
        del values["trace"]
        return values


def compress(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    recipe: Recipe = STANDARD,
    device: str = "auto",
    monitor: Monitor = SILENT,
    execution: Execution = PLAIN,
) -> CompressReport:
    """Compress class folders of photos into one .gsdd file.

    A checkpoint is kept beside the output during the run. The same call again continues from it and makes the same
    file. Device, execution, container and licence may differ (the last two not with a target size).

    Args:
        source: folder with one sub-folder of photos a class, or of photos; `Crops.classes` says what classes are.
        output: the file to write.
        recipe: all settings that the result depends on, such as `Recipe.preset("quick")`.
        device: where torch computes, such as "cpu" or "cuda"; "auto" takes a GPU if there is one.
        monitor: receives progress, and is asked whether to stop.
        execution: how the run is carried out: budget of time, checkpoints, whether the output may be replaced.

    Returns:
        What was made.

    Raises:
        SourceError: no usable photos.
        RecipeError: the recipe cannot be run.
        GeneratorError: no usable generator.
        OutputError: the output or a checkpoint cannot be written, exists, or is of another run.
        Interrupted: the monitor said so; the checkpoint is written.
        ProcessLostError: another of the processes is gone.
        DeviceMemoryError: the device has too little memory for a chunk of latents.

    Source: GSDD paper, Eq. 3-9.
    """
    folder, target = Path(source), Path(output)
    with _alone(folder, target, execution):
        run = _begin(folder, target, recipe, device, monitor, execution)
        with searching(run) as unordered:
            catalog = scan(folder, run)
            chosen = choose(catalog, run)
            inverted = invert(chosen, run)
            matched = match(inverted, run)
        fitted = fit(replace(matched, unordered=unordered.names), run)
        report = write(fitted, target, run, force=execution.force)
        return replace(report, trace=Trace.of(matched, run))


def _alone(source: Path, output: Path, execution: Execution) -> AbstractContextManager[None]:
    """Keep other runs from the output; of the processes of one run the first does."""
    check_target(output, source, force=True)
    return working_on(output) if execution.workers.rank == 0 else nullcontext()


def _begin(source: Path, output: Path, recipe: Recipe, device: str, monitor: Monitor, execution: Execution) -> Run:
    if not execution.force:
        remove_outlived(output)
    check_target(output, source, force=execution.force)
    journal = Journal(
        output, seconds=execution.checkpoint_seconds, monitor=monitor, force=execution.force, workers=execution.workers
    )  # fmt: skip
    return replace(begin(output.parent, recipe, device, monitor, execution), journal=journal)


def write(fitted: Fitted, output: Path, run: Run, *, force: bool = False) -> CompressReport:
    """Write the file, whole or not at all; rank 0 does, and the checkpoints go.

    Args:
        fitted: what it holds.
        output: its name.
        run: whose journal ends here.
        force: replace an existing file.

    Raises:
        OutputError: it cannot be written.
    """
    chosen = fitted.chosen
    arrays = files.Arrays(fitted.latents, chosen.photo_index, fitted.signatures)
    if run.workers.rank == 0:
        files.write(output, fitted.manifest, arrays, codec=fitted.codec, container=chosen.container, force=force)
        run.journal.end()
    run.workers.meet()
    size = output.stat().st_size
    if chosen.budget and (missed := unmet(chosen.budget, size)):
        run.monitor.note(missed)
    found = {name: value for name, value in fitted.manifest.run.items() if name not in chosen.manifest.run}
    return CompressReport(path=output, bytes=size, run=found, **chosen.to_dict())
