"""Sets of shards as files: made of one file, checked, and joined to one again."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from gsdd.errors import FormatError, RecipeError
from gsdd.formats import container
from gsdd.formats.atomic import check_not_source
from gsdd.formats.codecs import CODECS
from gsdd.formats.document import MINOR, Document
from gsdd.formats.manifest import GENERATOR, ManifestClass
from gsdd.formats.shards import SHARD, Index, shard_paths, split, write
from gsdd.formats.tensors import check_tensor
from gsdd.shards import Shard, Shards, map_shard, open_shards

THREADS = 2


def verify_shards(path: Path) -> Shards:
    """Check every byte of a set, two shards at a time; of each, memory holds what is looked at.

    Args:
        path: the index.

    Returns:
        The set.

    Raises:
        FormatError: a file is not sound, or not the one that the index tells of.
        SourceError: a file is missing.
    """
    opened = open_shards(path)
    # The sums are the library's, which lets another thread run meanwhile.
    with ThreadPoolExecutor(THREADS) as threads:
        documents = list(threads.map(partial(_verify, opened), range(len(opened.index.files))))
    _check_together(opened, documents)
    return opened


def split_file(source: Path, target: Path, most: int, *, force: bool = False) -> Index:
    """Write a .gsdd file as shards and their index; nothing is decoded.

    Args:
        source: the file, which is read whole.
        target: the index.
        most: latents of a shard, at least 1.
        force: replace files of these names; never the source.

    Returns:
        The index. `join` makes of it the bytes of the source, if that is a safetensors file of the lowest version that
        can hold it.

    Raises:
        FormatError: the source is not sound.
        RecipeError: too many shards, a class that has to be whole is too large for one, or the source is a shard, or of
            a version that has no shards.
        SourceError: no such source.
        OutputError: the target is the source, or a file exists or cannot be written.
    """
    contents = container.read(source)
    if not contents.document.is_of_our_versions:
        raise RecipeError(
            f"{source}: is of format {contents.document.version}; shards are made of format 1.1 to 1.{MINOR}"
        )
    for each in (target, *shard_paths(target, len(split(contents.manifest, most)))):
        check_not_source(each, source)
    return write(target, contents.manifest, partial(_rows_of, contents), most, force=force)


def join(
    source: Path,
    target: Path,
    *,
    name: container.ContainerName = "safetensors",
    force: bool = False,
    dry_run: bool = False,
) -> int:
    """Write shards as one file; memory holds it twice.

    Args:
        source: the index.
        target: the file to be written.
        name: of its container.
        force: whether to replace a file of that name; never one of the set.
        dry_run: check, and write nothing.

    Returns:
        Its size in bytes.

    Raises:
        FormatError: a shard is not sound, or not the one that the index tells of.
        SourceError: a file is missing.
        OutputError: the target is of the set, exists, or cannot be written.
    """
    opened = verify_shards(source)
    for each in (source, *opened.paths):
        check_not_source(target, each)
    parts = [_copied(opened, number) for number in range(len(opened.index.files))]
    first = parts[0].document.manifest
    manifest = replace(first, classes=opened.classes, run=first.run[SHARD].get("run"))
    numbers = np.repeat(np.arange(len(opened.classes), dtype=np.int32), [each.latents for each in opened.classes])
    whole = {each: np.concatenate([part.tensors[each] for part in parts]) for each in parts[0].tensors}
    whole[container.CLASS_INDEX] = numbers
    if first.generator.embedded:
        whole[GENERATOR] = parts[0].tensors[GENERATOR]
    return container.write_stored(target, manifest, whole, container=name, force=force, dry_run=dry_run)


def _rows_of(contents: container.Contents, rows: slice) -> dict[str, np.ndarray]:
    manifest, tensors = contents.manifest, contents.tensors
    signed = rows
    if manifest.signs_classes:
        numbers = tensors[container.CLASS_INDEX]
        signed = slice(int(numbers[rows.start]), int(numbers[rows.stop - 1]) + 1)
    found = {
        **CODECS[manifest.codec].rows(tensors, rows),
        container.SOURCE_INDEX: tensors[container.SOURCE_INDEX][rows],
        container.SIGNATURES: tensors[container.SIGNATURES][signed],
    }
    return {**found, GENERATOR: tensors[GENERATOR]} if manifest.generator.embedded else found


def _verify(opened: Shards, number: int) -> Document:
    shard, path = map_shard(opened, number), opened.shard_path(number)
    try:
        for name, entry in shard.document.tensors.items():
            check_tensor(name, shard.tensors[name], entry)
        size = opened.index.bytes[number]
        container.check_contents(container.Contents(shard.document, shard.tensors, "safetensors", size))
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    return shard.document


def _copied(opened: Shards, number: int) -> Shard:
    """Read a shard into memory, and compare what was read: it may have been replaced since it was verified."""
    shard, path = map_shard(opened, number), opened.shard_path(number)
    copies = {name: np.array(tensor) for name, tensor in shard.tensors.items()}
    try:
        for name, entry in shard.document.tensors.items():
            check_tensor(name, copies[name], entry)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    return Shard(shard.document, copies)


def _check_together(opened: Shards, documents: Sequence[Document]) -> None:
    """Refuse shards that are not of one set, or whose classes do not follow on each other as the index says."""
    classes: list[ManifestClass] = []
    first = documents[0]
    for number, document in enumerate(documents):
        path, manifest = opened.shard_path(number), document.manifest
        told = manifest.run.get(SHARD)
        if not isinstance(told, dict) or (told.get("number"), told.get("of")) != (number + 1, len(documents)):
            raise FormatError(f"{path}: run.{SHARD} does not say that it is shard {number + 1} of {len(documents)}")
        if _of_the_set(document) != _of_the_set(first):
            raise FormatError(f"{path}: is of another set than the first shard: codec, generator, recipe or run differ")
        goes_on = classes and classes[-1].name == manifest.classes[0].name
        if goes_on and manifest.signs_classes:
            raise FormatError(
                f"{path}: goes on with class {manifest.classes[0].name!r}, which codec {manifest.codec} keeps whole"
            )
        if goes_on:
            classes[-1] = replace(classes[-1], latents=classes[-1].latents + manifest.classes[0].latents)
        classes += manifest.classes[1 if goes_on else 0 :]
    if tuple(classes) != opened.classes:
        raise FormatError(f"{opened.path}: its classes are not those of its shards, in their order")


def _of_the_set(document: Document) -> dict[str, object]:
    said = document.manifest.to_json()
    return {**said, "classes": None, "run": said["run"][SHARD].get("run"), "version": document.version}
