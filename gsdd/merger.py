"""Several .gsdd files into one: parts of a source, or sources with other classes. No generator is needed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from gsdd.errors import MergeError, SourceError
from gsdd.formats import container as files
from gsdd.formats.atomic import check_not_source, check_output
from gsdd.formats.codec import Tensors
from gsdd.formats.codecs import CODECS
from gsdd.formats.document import MAJOR, MINOR
from gsdd.formats.manifest import GENERATOR, Manifest
from gsdd.formats.origins import origins_of, part_of
from gsdd.formats.tensors import DTYPES, FREE
from gsdd.merge_plan import MergePlan, Piece, plan_merge


@dataclass(frozen=True)
class MergeReport:
    """What `merge` made.

    Attributes:
        path: the file.
        files: what it was made of.
        latents: latents in it.
        classes: latents by class name.
        origins: runs that it comes from; 1 where all files are parts of one.
        bytes: size of the file.
        notes: how the runs differ.
    """

    path: Path
    files: tuple[Path, ...]
    latents: int
    classes: dict[str, int]
    origins: int
    bytes: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON has them."""
        return {**vars(self), "path": str(self.path), "files": list(map(str, self.files))}


def merge(
    parts: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    container: files.ContainerName = "safetensors",
    force: bool = False,
    dry_run: bool = False,
) -> MergeReport:
    """Put the latents of several files into one, each as it is stored.

    All parts of a source (`gsdd.compress(..., part="1/3")`) give, in any order, the bytes that one run without parts
    gives. Files of other sources add their classes behind those of the files before them. Memory holds the latents
    once, as they are stored, and one of the files; entropy-coded streams twice.

    Args:
        parts: the files, at least one; no class is in two of them.
        output: the file to write.
        container: `safetensors` or `hdf5`; the latter holds the latents in memory twice.
        force: replace an existing output; never one of the parts.
        dry_run: check, and write nothing.

    Returns:
        What was made.

    Raises:
        MergeError: the files do not belong together: another generator, size, codec or recipe, a class twice, a part
            that is missing, or a file of another format version.
        FormatError: a file is not sound.
        SourceError: there is no such file.
        OutputError: the output exists, or cannot be written.
    """
    paths, target = tuple(map(Path, parts)), Path(output)
    for path in paths:
        check_not_source(target, path)
    check_output(target, force=force)
    plan = plan_merge([_piece(path) for path in paths])
    tensors = _stored(plan)
    size = files.write_stored(target, plan.manifest, tensors, container=container, force=force, dry_run=dry_run)
    classes = {each.name: each.latents for each in plan.manifest.classes}
    return MergeReport(target, paths, plan.manifest.latents, classes, len(plan.origins), size, plan.notes)


def _piece(path: Path) -> Piece:
    contents = files.read(path)
    manifest = contents.manifest
    if not contents.document.is_of_our_versions:
        raise MergeError(
            f"{path}: is of format {contents.document.version}; this gsdd merges files of format {MAJOR}.1 to "
            f"{MAJOR}.{MINOR}; older ones have no signatures: compress the photos again; newer ones need a newer gsdd"
        )
    return Piece(path, manifest, part_of(manifest, path), origins_of(manifest, path), contents.document.digest)


def _stored(plan: MergePlan) -> dict[str, np.ndarray]:
    """Copy the rows of every tensor to their place; one file is in memory at a time."""
    layouts = plan.manifest.layouts(plan.manifest.minor)
    sized = {name: layout for name, layout in layouts.items() if FREE not in layout.shape}
    merged = {name: np.empty(layout.shape, DTYPES[layout.dtype]) for name, layout in sized.items()}
    streams: dict[str, dict[str, np.ndarray]] = {name: {} for name in layouts if name not in {*sized, GENERATOR}}
    places = _rows(plan.manifest)
    for piece in plan.pieces:
        tensors = _read_again(piece)
        if piece.manifest.generator.embedded:
            _keep_generator(tensors[GENERATOR], merged, piece.path)
        for class_name, rows in _rows(piece.manifest).items():
            cut = {name: tensors[name][rows.of(name)] for name in sized}
            cut |= CODECS[plan.manifest.codec].rows(tensors, rows.latents)
            _place(cut, merged, places[class_name], streams, class_name)
    for number, rows in enumerate(places.values()):
        merged[files.CLASS_INDEX][rows.latents] = number
    return merged | {name: np.concatenate([parts[each] for each in places]) for name, parts in streams.items()}


def _keep_generator(weights: np.ndarray, merged: dict[str, np.ndarray], path: Path) -> None:
    if not np.array_equal(merged.setdefault(GENERATOR, weights.copy()), weights):
        raise MergeError(
            f"{path}: the bytes of its generator are others than those of the files before it; put the same weights "
            "into each with gsdd convert --embed-generator, or into none"
        )


def _place(
    cut: Tensors, merged: Tensors, rows: "_Rows", streams: Mapping[str, dict[str, np.ndarray]], class_name: str
) -> None:
    """Put what one file has of a class where it belongs; streams wait until the lengths of all are known."""
    for name, each in cut.items():
        if name in streams:
            streams[name][class_name] = each.copy()
        else:
            merged[name][rows.of(name)] = each


def _read_again(piece: Piece) -> Mapping[str, np.ndarray]:
    contents = files.read(piece.path)
    if contents.document.digest != piece.digest:
        raise SourceError(f"{piece.path}: has changed while it was merged; start again")
    return contents.tensors


@dataclass(frozen=True)
class _Rows:
    """Where tensors have a class."""

    latents: slice
    signatures: slice

    def of(self, name: str) -> slice:
        return self.signatures if name == files.SIGNATURES else self.latents


def _rows(manifest: Manifest) -> dict[str, _Rows]:
    ends = accumulate(each.latents for each in manifest.classes)
    latents = [slice(end - each.latents, end) for each, end in zip(manifest.classes, ends, strict=True)]
    signed = [slice(k, k + 1) for k in range(len(latents))] if manifest.signs_classes else latents
    return {each.name: _Rows(*rows) for each, *rows in zip(manifest.classes, latents, signed, strict=True)}
