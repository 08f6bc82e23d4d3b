"""Write, read and convert .gsdd files. FORMAT.md is the specification."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import safetensors

from gsdd.errors import DivergedError, FormatError
from gsdd.formats.atomic import check_not_source, written_whole
from gsdd.formats.codec import ALL, LARGEST, Codec, first_beyond
from gsdd.formats.codecs import CODECS
from gsdd.formats.containers import CONTAINERS, HEAD, find_container, recognise
from gsdd.formats.document import Document, seal
from gsdd.formats.endings import check_place
from gsdd.formats.lock import working_on
from gsdd.formats.manifest import GENERATOR, Manifest
from gsdd.formats.opening import bytes_in, rest_of
from gsdd.formats.place import Place, place_of
from gsdd.formats.source import open_source
from gsdd.formats.tensors import DTYPES, TensorEntry, check_tensor, describe

ContainerName = Literal["safetensors", "hdf5", "deflated"]
CLASS_INDEX = "class_index"
SOURCE_INDEX = "source_index"
SIGNATURES = "signatures"
# Values of latents that are decoded at once where they are only looked at.
_LOOKED_AT = 1 << 20


@dataclass(frozen=True)
class Head:
    """What a file says of itself, without its tensors.

    Args:
        document: the manifest as text and as values, with version and digest.
        container: a name of `CONTAINERS`.
        size: bytes of the file.
    """

    document: Document
    container: str
    size: int

    @property
    def manifest(self) -> Manifest:
        """What the file says of itself."""
        return self.document.manifest


@dataclass(frozen=True)
class Contents(Head):
    """A .gsdd file that was read and checked.

    Args:
        tensors: by name, in stored form (for uint8: codes and tables).
        sha256: of the file.
    """

    tensors: Mapping[str, np.ndarray]
    sha256: str


@dataclass(frozen=True)
class Arrays:
    """What a file holds beside its manifest, before it is encoded.

    Args:
        latents: float32 `[N, 3, h, w]`, finite, class after class.
        source_index: int32 `[N]`, for each latent the photo of its crop, counted within its class.
        signatures: uint8, of the HR images that a reader of this file decodes; the manifest has their shape.
    """

    latents: np.ndarray
    source_index: np.ndarray
    signatures: np.ndarray


def write(
    path: Path,
    manifest: Manifest,
    arrays: Arrays,
    *,
    codec: Codec | None = None,
    container: ContainerName = "safetensors",
    force: bool = False,
) -> int:
    """Encode latents by the manifest's codec and write the file, whole or not at all.

    Args:
        path: the file to be written.
        manifest: what the file says of itself.
        arrays: what it holds.
        codec: the manifest's, at the step that encoding shall have; None has it at its usual one.
        container: how the bytes are laid out.
        force: whether to replace a file of that name.

    Returns:
        The size of the file in bytes.

    Raises:
        FormatError: arrays and manifest do not fit together.
        RecipeError: the codec cannot hold a latent, or there is no such container.
        DivergedError: a latent is not finite, or far from [0, 1].
        OutputError: the file exists, or cannot be written.
    """
    check_place(path, force=force)
    find_container(container)
    return write_stored(path, manifest, _encoded(manifest, arrays, codec), container=container, force=force)


def size_with(
    manifest: Manifest, arrays: Arrays, *, codec: Codec | None = None, container: ContainerName = "safetensors"
) -> int:
    """Compute the size of the file that `write` with these arguments would write; errors as there."""
    return sum(map(len, _pieces(manifest, _encoded(manifest, arrays, codec), container)))


def class_index(manifest: Manifest) -> np.ndarray:
    """Give the class of each latent: class after class, int32 `[N]`."""
    counts = [each.latents for each in manifest.classes]
    return np.repeat(np.arange(len(counts), dtype=np.int32), counts)


def write_stored(
    path: Path,
    manifest: Manifest,
    tensors: Mapping[str, np.ndarray],
    *,
    container: ContainerName = "safetensors",
    force: bool = False,
    dry_run: bool = False,
) -> int:
    """Write a file of tensors that are in stored form already, whole or not at all.

    Args:
        path: the file to be written.
        manifest: what the file says of itself.
        tensors: those that `manifest.layouts` names, as a reader has them in `Contents`.
        container: how the bytes are laid out.
        force: whether to replace a file of that name.
        dry_run: check, and write nothing.

    Returns:
        The size of the file in bytes.

    Raises:
        FormatError: tensors and manifest do not fit together.
        RecipeError: there is no such container.
        OutputError: the file exists, or cannot be written.
    """
    check_place(path, force=force)
    return _write_pieces(path, _pieces(manifest, tensors, container), force, dry_run)


def size_of(manifest: Manifest, container: ContainerName = "safetensors") -> int:
    """Compute the size of a file before its tensors are there.

    Args:
        manifest: what the file will say of itself.
        container: how its bytes are laid out.

    Returns:
        Bytes; in safetensors exact, in HDF5 but for some hundred. Of codecs of streams a guess: what photos often take.

    Raises:
        RecipeError: there is no such container.
    """
    layout = find_container(container)
    stream = CODECS[manifest.codec].likely_bytes(manifest.latent_shape)
    layouts = {name: layout.filled(stream) for name, layout in manifest.layouts(manifest.minor).items()}
    document = seal(manifest, {name: TensorEntry(layout, "0" * 64) for name, layout in layouts.items()})
    empty = {name: np.empty(0, DTYPES[layout.dtype]) for name, layout in layouts.items()}
    return sum(map(len, layout.dump(document, empty))) + sum(layout.nbytes for layout in layouts.values())


def read(path: str | PathLike[str]) -> Contents:
    """Read a .gsdd file and check every byte of it; what streams hold is seen when they are decoded.

    Args:
        path: the file, or its URL; its first bytes tell the container.

    Returns:
        Its contents.

    Raises:
        FormatError: not a .gsdd file, damaged, of an unknown version, or nonsense.
        SourceError: no such file, or it cannot be opened or fetched.
        MissingExtraError: the URL's protocol needs a package that is not installed.
    """
    place = place_of(path)
    with open_source(place) as file:
        name = recognise(file.read(HEAD))
        file.seek(0)
        data = rest_of(file)
        document, tensors = CONTAINERS[name].load(data)
        for each, entry in document.tensors.items():
            check_tensor(each, tensors[each], entry)
        _check_values(document.manifest, tensors)
    return Contents(document, name, len(data), tensors, hashlib.sha256(data).hexdigest())


def read_head(path: str | PathLike[str]) -> Head:
    """Read what a file says of itself, in little memory whatever its size.

    Args:
        path: the file, or its URL.

    Returns:
        Its manifest, checked as by `read`; the bytes of its tensors are not.

    Raises:
        FormatError: as for `read`, and so are the rest.
    """
    with open_source(place_of(path)) as file:
        name, size = recognise(file.read(HEAD)), bytes_in(file)
        file.seek(0)
        return Head(CONTAINERS[name].head(file, size), name, size)


def latents_of(contents: Contents, which: slice = ALL) -> np.ndarray:
    """Decode the latents of a file, or some of them alone.

    Args:
        contents: a file that was read.
        which: of its latents.

    Returns:
        float32 `[n, 3, h, w]`, about [0, 1], not clipped; a new array.

    Raises:
        FormatError: a stream that no encoder writes, or a latent far from [0, 1].
    """
    manifest = contents.manifest
    latents = CODECS[manifest.codec].decode(contents.tensors, manifest.latent_shape, which)
    if (beyond := first_beyond(latents)) is not None:
        number = range(manifest.latents)[which][beyond]
        raise FormatError(f"latent {number} is outside -{LARGEST:g} to {LARGEST:g}: no image can be made of it")
    return latents


def check_latents(contents: Contents) -> None:
    """Decode every latent of a file, a few at a time.

    Args:
        contents: a file that was read.

    Raises:
        FormatError: as for `latents_of`.
    """
    step = max(1, _LOOKED_AT // math.prod(contents.manifest.latent_shape[1:]))
    for first in range(0, contents.manifest.latents, step):
        latents_of(contents, slice(first, first + step))


def convert(
    source: Place, target: Path, *, container: ContainerName, force: bool = False, dry_run: bool = False
) -> int:
    """Lay a file out in another container; manifest and tensors stay as they are, to the byte.

    Args:
        source: a .gsdd file, or its URL.
        target: the file to be written.
        container: how its bytes are laid out.
        force: whether to replace a file of that name; never the source.
        dry_run: check, and write nothing.

    Returns:
        The size of the target in bytes.

    Raises:
        FormatError: the source is not sound.
        SourceError: no such source.
        OutputError: the target is the source, exists, or cannot be written.
    """
    layout = find_container(container)
    check_not_source(target, source)
    check_place(target, force=force)
    with working_on(target, dry_run=dry_run):
        contents = read(source)
        return _write_pieces(target, layout.dump(contents.document, contents.tensors), force, dry_run)


def _encoded(manifest: Manifest, arrays: Arrays, codec: Codec | None) -> dict[str, np.ndarray]:
    _check_array("latents", arrays.latents, np.float32, manifest.latent_shape)
    _check_array(SOURCE_INDEX, arrays.source_index, np.int32, (manifest.latents,))
    _check_array(SIGNATURES, arrays.signatures, np.uint8, manifest.signature_shape)
    tensors = (codec or CODECS[manifest.codec]).encode(arrays.latents)
    if (beyond := first_beyond(arrays.latents)) is not None:
        raise DivergedError(
            f"latent {beyond} of {manifest.latents} is outside -{LARGEST:g} to {LARGEST:g}: the run diverged; lower "
            "the learning rate"
        )
    index = {CLASS_INDEX: class_index(manifest), SOURCE_INDEX: arrays.source_index}
    return {**tensors, **index, SIGNATURES: arrays.signatures}


def _pieces(manifest: Manifest, tensors: Mapping[str, np.ndarray], container: str) -> list[bytes | memoryview]:
    """Lay out a file of tensors in stored form; FormatError if they and the manifest do not fit together."""
    layout = find_container(container)
    document = seal(manifest, {name: describe(tensor) for name, tensor in tensors.items()})
    _check_values(manifest, tensors)
    return layout.dump(document, tensors)


def _write_pieces(path: Path, pieces: list[bytes | memoryview], force: bool, dry_run: bool) -> int:
    if not dry_run:
        with written_whole(path, force=force, follow=True) as file:
            file.writelines(pieces)
    return sum(map(len, pieces))


def _check_array(name: str, array: np.ndarray, dtype: type, shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        got, wanted = f"{array.dtype} {list(array.shape)}", f"{np.dtype(dtype)} {list(shape)}"
        raise FormatError(f"{name}: got {got}; the manifest calls for {wanted}")


def _check_values(manifest: Manifest, tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse tensors with the right digests and no sense; their shapes are right by now."""
    if not np.array_equal(tensors[CLASS_INDEX], class_index(manifest)):
        raise FormatError(f"{CLASS_INDEX} is not ordered by class with the manifest's numbers of latents")
    sources = tensors[SOURCE_INDEX]
    if sources.min() < 0 or int(sources.max()) >= manifest.source.images:
        raise FormatError(
            f"{SOURCE_INDEX} has values outside 0..{manifest.source.images - 1}, the photos of the source"
        )
    CODECS[manifest.codec].check(tensors, manifest.latent_shape)
    if manifest.generator.embedded:
        _check_weights(tensors[GENERATOR].tobytes())


def _check_weights(data: bytes) -> None:
    """Refuse bytes that are no safetensors file; what network they are is seen when it is built."""
    try:
        safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise FormatError(f"the generator is not a valid safetensors file: {error}") from error
