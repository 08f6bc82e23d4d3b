"""A .gsdd file with its generator inside, so that it is opened where that is not at hand."""

from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from gsdd.distilled.latent_set import from_contents
from gsdd.errors import FingerprintError, FormatError
from gsdd.formats import container as files
from gsdd.formats.atomic import check_not_source
from gsdd.formats.endings import check_place
from gsdd.formats.lock import working_on
from gsdd.formats.manifest import GENERATOR
from gsdd.formats.place import place_of
from gsdd.generators.embedded import FORM, pack


def embed_generator(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    generator: str | None = None,
    container: files.ContainerName = "safetensors",
    force: bool = False,
    dry_run: bool = False,
) -> int:
    """Write a file with the weights of its generator in it; latents, signatures and reference stay as they are.

    Args:
        source: a .gsdd file, or its URL.
        target: the file to write.
        generator: a named generator or a path of weights; None takes the one that the file names.
        container: how the bytes are laid out.
        force: replace the target if it exists; never the source.
        dry_run: check, and write nothing.

    Returns:
        The size of the target in bytes; of a weight 2 more where float16 holds its tensor bit for bit, else 4.

    Raises:
        FormatError: the source is not sound, or of another version than this gsdd writes.
        FingerprintError: the generator is not bit for bit the one that the file was made with.
        GeneratorError: there is no such generator.
        SourceError: there is no such file.
        OutputError: the target is the source, exists, or cannot be written.
    """
    place = place_of(source)
    check_not_source(Path(target), place)
    check_place(Path(target), force=force)
    with working_on(Path(target), dry_run=dry_run):
        contents = files.read(place)
        if told := contents.document.foreign:
            raise FormatError(f"{place}: {told}")
        model, note = from_contents(place, contents).load_generator(generator)
        if note:
            raise FingerprintError(f"{place}: {note}; a file holds the very weights that it was made with, or none")
        weights = pack(model)
        made_with = replace(contents.manifest.generator, embedded=FORM)
        manifest = replace(contents.manifest, generator=made_with)
        tensors = {**contents.tensors, GENERATOR: np.frombuffer(weights, np.uint8)}
        return files.write_stored(Path(target), manifest, tensors, container=container, force=force, dry_run=dry_run)
