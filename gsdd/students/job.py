"""The job of `gsdd train`: data in, a model file out, with a log, a curve and pictures beside it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from gsdd.data.served import find_degradation
from gsdd.distilled.latent_set import Files, listed
from gsdd.errors import OutputError
from gsdd.formats.atomic import check_output, check_outside, write_atomically
from gsdd.formats.lock import working_on
from gsdd.formats.place import Place, place_of
from gsdd.generators.tensor_files import SAFETENSORS
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import announcing, pick_device
from gsdd.parallel.waiting import note_of_waiting
from gsdd.run.journal import checkpoint_paths
from gsdd.students.batches import Batches
from gsdd.students.checkpoint import save
from gsdd.students.curve_picture import draw_curve, is_drawable
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.sources import Reading, read_folder, read_pairs
from gsdd.students.trainer import Trainer
from gsdd.students.training import AfterStep, Keeping, Trained, find_features, train_resumably, trained
from gsdd.students.validation import Validation

STANDARD = TrainingRecipe()
PLAIN = Reading()


@dataclass(frozen=True)
class TrainingFiles:
    """What a training writes.

    Attributes:
        model: a .safetensors file; the others have its name.
    """

    model: Path

    @property
    def log(self) -> Path:
        """Recipe, data, losses and validations as JSON."""
        return self.model.with_suffix(".json")

    @property
    def curve(self) -> Path:
        """The losses and validations as a picture."""
        return self.model.with_suffix(".png")

    @property
    def pictures(self) -> Path:
        """LR, output and HR of a few validation photos."""
        return self.model.with_name(f"{self.model.stem}-validation")

    def check(self, read: Iterable[Place], force: bool, continues: bool) -> None:
        """Refuse what could not be written after the work.

        Args:
            read: what is read; nothing is written into a folder of these.
            force: whether files may be replaced.
            continues: whether the files beside the model may be those of the run that goes on.

        Raises:
            OutputError: a file exists, has no folder or the wrong suffix, or lies among what is read.
        """
        if self.model.suffix.lower() != SAFETENSORS:
            raise OutputError(f"{self.model}: students are written as {SAFETENSORS}; give `output=NAME{SAFETENSORS}`")
        for place in read:
            if isinstance(place, Path) and place.is_dir():
                check_outside(self.model, place)
        check_output(self.model, force=force)
        for path in checkpoint_paths(self.model):
            check_output(path, force=True)
        for path in (self.log, self.curve):
            check_output(path, force=force or continues)
        if self.pictures.exists() and not (force or continues):
            raise OutputError(f"{self.pictures}: exists already; `force=True` replaces pictures in it")


@dataclass(frozen=True)
class TrainingReport:
    """What a training made.

    Attributes:
        path: the model.
        log: recipe, data, losses and validations.
        curve: the same as a picture; None without matplotlib.
        student: its name.
        parameters: of the student.
        steps: of the training.
        pairs: trained on.
        psnr_y: mean of the last validation in dB, Y, 4 px shaved; None without one.
        perceptual: which perceptual term there was; empty without a second stage.
    """

    path: Path
    log: Path
    curve: Path | None
    student: str
    parameters: int
    steps: int
    pairs: int
    psnr_y: float | None
    perceptual: str

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON has them."""
        paths = {"path": str(self.path), "log": str(self.log), "curve": self.curve and str(self.curve)}
        return {**vars(self), **paths}


def train(
    data: Files,
    output: str | PathLike[str],
    *,
    recipe: TrainingRecipe = STANDARD,
    reading: Reading = PLAIN,
    validation: str | PathLike[str] | None = None,
    validate_every: int = 200,
    perceptual_trunk: str | PathLike[str] | None = None,
    device: str = "auto",
    checkpoint_seconds: float = 60.0,
    force: bool = False,
    monitor: Monitor = SILENT,
) -> TrainingReport:
    """Train a student on data and write it.

    While it runs, a checkpoint is kept beside the output as `.<name>.checkpoint`. The same call again continues from
    it and makes the same files. Validation, device, `checkpoint_seconds` and `force` may differ.

    Args:
        data: one or several `.gsdd` files, as for `DistilledPairs`; or a folder of photos or of a coreset's crops.
        output: a .safetensors file.
        recipe: of the training.
        reading: how the data are read.
        validation: a folder of photos to validate on; None validates nothing.
        validate_every: steps between two validations.
        perceptual_trunk: torchvision's weights of VGG19; None looks in torchvision's cache.
        device: where torch computes; "auto" takes a GPU if there is one.
        checkpoint_seconds: least time between two checkpoints.
        force: replace files that exist, and a checkpoint that cannot be continued.
        monitor: receives progress, with the loss, and is asked after each step whether to stop.

    Returns:
        What was made.

    Raises:
        GsddError: the data, recipe, weights or output cannot be used; nothing was written but the checkpoint.
        Interrupted: the monitor said so; the checkpoint is written.
    """
    files, judged = TrainingFiles(Path(output)), None if validation is None else Path(validation)
    read = [*map(place_of, listed(data)), *([judged] if judged else [])]
    files.check(read, force, continues=any(path.exists() for path in checkpoint_paths(files.model)))
    with working_on(files.model):
        check_output(files.model, force=force)
        features = find_features(recipe, None if perceptual_trunk is None else Path(perceptual_trunk))
        if features.note:
            monitor.note(features.note)
        where = pick_device(device)
        monitor = announcing(monitor, device, where)
        if where == "cpu":
            note_of_waiting(monitor)
        pairs = read_pairs(data, recipe, reading, device=where, monitor=monitor)
        trainer = Trainer(Batches(pairs, recipe), recipe, features.perceptual, torch.device(where))
        identity = {**recipe.to_dict(), **features.facts(pairs.sha256)}
        validate = _validate(judged, validate_every, files, recipe, monitor)
        keeping = Keeping(checkpoint_seconds, force, monitor)
        journal = train_resumably(trainer, files.model, identity, validate, keeping)
        result = trained(trainer, features)
        drawn = _write(files, result, recipe, identity, force)
        if not drawn:
            monitor.note("no curve is drawn: matplotlib is not installed; pip install matplotlib")
        journal.end()
        return _report(files, result, recipe, len(pairs), drawn)


def _validate(
    folder: Path | None, every: int, files: TrainingFiles, recipe: TrainingRecipe, monitor: Monitor
) -> AfterStep:
    if folder is None:
        return lambda trainer: None
    photos = read_folder(folder, recipe.crop, "skip", monitor, recipe.scale)
    degradation = find_degradation(recipe.degradation, recipe.scale)
    return Validation(photos, every, files.pictures, degradation).after_step


def _write(
    files: TrainingFiles, result: Trained, recipe: TrainingRecipe, identity: Mapping[str, Any], force: bool
) -> bool:
    """Write the model last: where it is, all is. The files beside it may be a killed run's."""
    points = {name: result.curve[name] for name in ("points", "validations")}
    facts = {"training": {**identity}, "perceptual": result.perceptual, **points}
    write_atomically(
        files.log, (json.dumps(facts, indent=2, sort_keys=True, allow_nan=False) + "\n").encode(), force=True
    )
    drawn = is_drawable()
    if drawn:
        write_atomically(files.curve, draw_curve(result.curve, f"{recipe.student}, {recipe.steps} steps"), force=True)
    save(result.network, recipe.student, files.model, scale=recipe.scale, training=identity, force=force)
    return drawn


def _report(files: TrainingFiles, result: Trained, recipe: TrainingRecipe, pairs: int, drawn: bool) -> TrainingReport:
    validations = result.curve["validations"]
    return TrainingReport(
        path=files.model,
        log=files.log,
        curve=files.curve if drawn else None,
        student=recipe.student,
        parameters=sum(parameter.numel() for parameter in result.network.parameters()),
        steps=recipe.steps,
        pairs=pairs,
        psnr_y=validations[-1]["psnr_y"] if validations else None,
        perceptual=result.perceptual,
    )
