"""Several .gsdd files of different classes into one. No generator is needed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gsdd.distilled.merge_plan import Piece, merged_manifest, notes_on
from gsdd.errors import MergeError
from gsdd.formats import container as files
from gsdd.formats.atomic import check_not_source
from gsdd.formats.endings import check_place
from gsdd.formats.lock import working_on
from gsdd.formats.manifest import GENERATOR, Manifest
from gsdd.formats.origins import origins_of
from gsdd.formats.place import Place, place_of
from gsdd.formats.tensors import DTYPES


@dataclass(frozen=True)
class MergeReport:
    """What `merge` made.

    Attributes:
        path: the file.
        files: what it was made of.
        latents: latents in it.
        classes: latents by class name.
        origins: runs that it comes from.
        bytes: size of the file.
        notes: how the runs differ.
    """

    path: Path
    files: tuple[Place, ...]
    latents: int
    classes: dict[str, int]
    origins: int
    bytes: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON has them."""
        return {**vars(self), "path": str(self.path), "files": list(map(str, self.files))}


def merge(
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    container: files.ContainerName = "safetensors",
    force: bool = False,
    dry_run: bool = False,
) -> MergeReport:
    """Merge the latents of several files into one, as they are stored.

    Memory holds the stored latents once, and one of the files.

    Args:
        inputs: one or more files or URLs; a class may be in only one of them.
        output: the file to write.
        container: `safetensors`, `hdf5` or `deflated`; the last two hold the latents in memory twice.
        force: replace an existing output; never one of the inputs.
        dry_run: check, and write nothing.

    Returns:
        What was made.

    Raises:
        MergeError: the files do not belong together: another generator, size, codec or recipe, a class twice, or a file
            of another format version.
        FormatError: a file is not sound.
        SourceError: there is no such file.
        OutputError: the output exists, or cannot be written.
    """
    paths, target = tuple(map(place_of, inputs)), Path(output)
    for path in paths:
        check_not_source(target, path)
    check_place(target, force=force)
    with working_on(target, dry_run=dry_run):
        joined: dict[str, bytearray] = {}
        pieces = [_read(path, joined) for path in paths]
        notes = notes_on(pieces)
        manifest = merged_manifest(pieces)
        tensors = {**_arrays(manifest, joined), files.CLASS_INDEX: files.class_index(manifest)}
        size = files.write_stored(target, manifest, tensors, container=container, force=force, dry_run=dry_run)
    classes = {each.name: each.latents for each in manifest.classes}
    origins = sum(len(piece.origins) for piece in pieces)
    return MergeReport(target, paths, manifest.latents, classes, origins, size, notes)


def _read(path: Place, joined: dict[str, bytearray]) -> Piece:
    """Read a file, and put the bytes of its tensors behind those of the files before it."""
    contents = files.read(path)
    if contents.document.foreign:
        raise MergeError(f"{path}: {contents.document.foreign}")
    for name, tensor in contents.tensors.items():
        if name != GENERATOR or name not in joined:
            joined.setdefault(name, bytearray()).extend(tensor.reshape(-1).view(np.uint8).data)
    return Piece(path, contents.document, origins_of(contents.manifest, path))


def _arrays(manifest: Manifest, joined: Mapping[str, bytearray]) -> dict[str, np.ndarray]:
    layouts = manifest.layouts(manifest.minor)
    # A size that the manifest leaves free is -1: reshaping finds it.
    return {name: np.frombuffer(joined[name], DTYPES[each.dtype]).reshape(each.shape) for name, each in layouts.items()}
