"""The main job: a folder of photos in, one .gsdd file out."""

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gsdd.data.catalog import OnBadImage
from gsdd.description import manifest_of
from gsdd.distill.checkpoint import identity_of
from gsdd.distill.deadline import Deadline
from gsdd.distill.embedding import class_index
from gsdd.distill.free_memory import give_back_free_memory
from gsdd.distill.journal import Journal, Stop, checkpoint_paths, remove_outlived
from gsdd.distill.recipe import DEFAULT_PRESET
from gsdd.distill.workers import ALONE, Workers
from gsdd.errors import RecipeError
from gsdd.fitting import aimed, default_container, fitted, unmet
from gsdd.formats import container as files
from gsdd.formats.atomic import check_output, check_outside
from gsdd.formats.codec import Codec
from gsdd.formats.manifest import Manifest
from gsdd.generators.named import DEFAULT as DEFAULT_GENERATOR
from gsdd.kernels.backend import Backend
from gsdd.pairs.decode import CHUNK, decode
from gsdd.pairs.signature import decode_signatures, signed_latents, thinned
from gsdd.plan import Plan, Progress, make_plan
from gsdd.search import Note, Search, search


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
        ignored: why each entry that is no photo of a class was passed over, by path.
        conversions: what was done to photos that are not plain 8-bit RGB, as "path: what".
    """

    path: Path
    latents: int
    classes: Mapping[str, int]
    bytes: int
    run: Mapping[str, Any]
    images: int
    skipped: tuple[str, ...]
    ignored: Mapping[str, str]
    conversions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON has them."""
        mappings = {"classes": dict(self.classes), "run": dict(self.run), "ignored": dict(self.ignored)}
        return {**asdict(self), **mappings, "path": str(self.path)}


def compress(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    preset: str = DEFAULT_PRESET,
    generator: str = DEFAULT_GENERATOR,
    ipc: int | Mapping[str, int] | None = None,
    device: str = "cpu",
    backend: Backend = "auto",
    container: files.ContainerName | None = None,
    time_budget: float | None = None,
    on_bad_image: OnBadImage = "skip",
    part: str | None = None,
    licence: str = "unknown",
    force: bool = False,
    checkpoint_seconds: float = 60.0,
    stop: Stop | None = None,
    workers: Workers = ALONE,
    planned: Callable[[Plan], None] | None = None,
    progress: Progress | None = None,
    note: Note | None = None,
    **options: Any,  # noqa: ANN401
) -> CompressReport:
    """Compress class folders of photos into one .gsdd file.

    While it runs, a checkpoint is kept beside the output as `.<name>.checkpoint`, and the one before it as
    `.<name>.checkpoint.previous`, which is used where the newest is damaged. The same call again goes on from there and
    makes the same file; the time budget, container, licence, device, backend and `force` may be others (container and
    licence not where the file is to be of a size: what they take decides on the steps).

    Args:
        source: folder with one sub-folder a class; a flat folder is one class.
        output: the file to write.
        preset: `quick`, `standard` or `paper`.
        generator: name (see `gsdd generators`) or path of a x4 super-resolution network.
        ipc: latents a class, one number or one a class name; None takes the preset's, or what serves `target_size`.
        device: where torch computes, such as "cpu" or "cuda".
        backend: `auto` takes Triton kernels on a GPU and PyTorch elsewhere; `reference` or `triton` takes that one.
        container: `safetensors`, `hdf5` or `deflated`; None takes the last where the file is to be of a size.
        time_budget: seconds after which the run stops cleanly and writes what it has; None has no limit.
        on_bad_image: `skip` unusable photos, or `fail` at the first.
        part: such as `1/3`: make only the first of three files that `gsdd.merge` makes one of; None makes it whole.
        licence: of the photos; kept in the file.
        force: replace an existing output, and a checkpoint beside it that is of another run.
        checkpoint_seconds: least time between two checkpoints, at least 0.
        stop: asked after each step whether to write a checkpoint and stop; rank 0's answer counts.
        workers: the processes that make this call together, from `gsdd.distill.workers.joined`; rank 0 writes.
        planned: called once, with what the run will do.
        progress: called with stage, steps done, steps in all, and the loss where there is one.
        note: called with lines that the user should read: photos skipped or converted, where a run goes on.
        **options: fields of `gsdd.distill.recipe.Recipe` that override the preset.

    Returns:
        What was made.

    Raises:
        SourceError: no usable photos.
        RecipeError: options that make no run.
        GeneratorError: no usable generator.
        OutputError: the output or a checkpoint cannot be written, or the output exists, lies in the source, or has
            the checkpoint of another run beside it.
        Interrupted: `stop` said so; the checkpoint is written.
        ProcessLostError: another of the processes is gone.

    Source: GSDD paper, Eq. 3-9.
    """
    deadline = Deadline.after(time_budget)
    _check_options(licence, checkpoint_seconds)
    target = Path(output)
    if not force:
        remove_outlived(target)
    check_target(target, Path(source), force=force)
    work = make_plan(
        source, preset=preset, generator=generator, ipc=ipc, device=device, backend=backend,
        on_bad_image=on_bad_image, part=part, progress=progress, **options,
    )  # fmt: skip
    container = container or default_container(work)
    work = aimed(work, manifest_of(work, licence), container, target.parent, note)
    if planned:
        planned(work)
    if note:
        for line in work.decisions:
            note(line)
    manifest = manifest_of(work, licence)
    journal = Journal(
        target, identity_of(manifest), seconds=checkpoint_seconds, stop=stop, force=force, workers=workers
    )  # fmt: skip
    chunk_seconds = 0.0 if deadline.moment == math.inf else _decoding_seconds(work)
    # Images are decoded once at the end, to sign them.
    index = signed_latents(manifest, class_index(work.counts))
    deadline = Deadline(deadline.moment - chunk_seconds * math.ceil(len(index) / CHUNK / workers.size))
    found = search(work, journal, deadline, progress, note, workers, chunk_seconds / CHUNK)
    give_back_free_memory()
    if note and (short := _left_undone(work, found)):
        note(short)
    manifest = replace(manifest, run={**manifest.run, **found.run})
    codec, signed = fitted(
        work, manifest, found.moved.latents, container,
        lambda codec: _signatures(work, found, manifest, codec, journal, progress, workers),
    )  # fmt: skip
    give_back_free_memory()
    if workers.rank == 0:
        files.write(
            target, manifest, found.moved.latents.numpy(), class_index(work.counts).int().numpy(),
            work.photo_index, signed, codec=codec, container=container, force=force,
        )  # fmt: skip
        journal.remove()
    workers.meet()
    report = _report(target, work, found)
    if note and work.budget and (missed := unmet(work.budget, report.bytes)):
        note(missed)
    return report


def _check_options(licence: str, checkpoint_seconds: float) -> None:
    if not licence.isprintable():
        raise RecipeError(f"licence: got {licence!r}, wanted one line of text")
    if not checkpoint_seconds >= 0:
        raise RecipeError(f"checkpoint_seconds: got {checkpoint_seconds}, wanted a number of at least 0")


def check_target(output: Path, source: Path, *, force: bool = False) -> None:
    """Refuse an output that a run could not write, before it starts.

    Args:
        output: the file to be written.
        source: the folder of photos.
        force: whether the file may exist.

    Raises:
        OutputError: it exists, cannot be written, or lies among the photos.
    """
    check_outside(output, source)
    check_output(output, force=force)
    for path in checkpoint_paths(output):
        check_output(path, force=True)


def _left_undone(work: Plan, found: Search) -> str:
    recipe = work.recipe
    wanted = {"inversion_steps": recipe.inversion_steps, "iterations": recipe.iterations}
    undone = [f"{found.run[name]} of {steps} {name}" for name, steps in wanted.items() if found.run[name] < steps]
    return f"cut by a time budget: {', '.join(undone)}" if undone else ""


def _decoding_seconds(work: Plan) -> float:
    """Time the decoding of a chunk."""
    began = time.monotonic()
    decode(work.generator, torch.zeros(1, *work.generator.latent_shape(work.recipe.hr_size)))
    return time.monotonic() - began


def _signatures(
    work: Plan,
    found: Search,
    manifest: Manifest,
    codec: Codec,
    journal: Journal,
    progress: Progress | None,
    workers: Workers,
) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """Sign the images that a reader will decode: of the latents as the codec keeps them."""

    def tell(done: int, total: int) -> None:
        if progress:
            progress("signatures", done, total, None)
        journal.keep(lambda: found.moved, found.facts)

    kept = torch.from_numpy(codec.rounded(found.moved.latents.numpy()))
    index = signed_latents(manifest, class_index(work.counts))
    signed: np.ndarray[Any, np.dtype[np.uint8]] = thinned(
        decode_signatures(work.generator, kept[index], tell, workers), manifest
    ).numpy()
    return signed


def _report(target: Path, work: Plan, found: Search) -> CompressReport:
    return CompressReport(
        path=target,
        latents=len(found.moved.latents),
        classes=dict(zip(work.class_names, work.counts, strict=True)),
        bytes=target.stat().st_size,
        run=found.run,
        images=work.catalog.images,
        skipped=work.skipped,
        ignored=work.ignored,
        conversions=work.conversions,
    )
