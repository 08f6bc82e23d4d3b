"""A `.gsdd` file in memory."""

import glob
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from os import PathLike

import numpy as np
import torch
from torch import Tensor

from gsdd.data.names import class_folders
from gsdd.distilled.decode import ImageNotFiniteError, decode
from gsdd.distilled.signature import Comparison, compare, decode_signatures, signed_latents, thinned
from gsdd.errors import (
    FingerprintError,
    FormatError,
    GeneratorError,
    GeneratorNotFoundError,
    NoSignaturesError,
    RecipeError,
    SourceError,
)
from gsdd.formats import container
from gsdd.formats.manifest import GENERATOR, Manifest
from gsdd.formats.place import Place, Url, place_of
from gsdd.formats.text import shown
from gsdd.generators.embedded import unpack
from gsdd.generators.generator import Generator
from gsdd.generators.load import check_fingerprint, load_generator
from gsdd.generators.named import NAMED

# Up to so many values, all latents are decoded at the first use and kept; beyond, so many latents at a time.
FEW_VALUES = 1 << 24
TOGETHER = 1024

Files = str | PathLike[str] | Sequence[str | PathLike[str]]


@dataclass(frozen=True, eq=False, repr=False)
class LatentSet:
    """What a `.gsdd` file holds: latents and where they come from. It holds no handle and can be pickled.

    Args:
        path: the file it was read from, or its URL.
        sha256: of the file.
        manifest: everything about it but the tensors.
        contents: of the file, as it stores them: latents are decoded when they are asked for.
        class_index: int64 `[N]`, into `class_names`.
        source_index: int64 `[N]`, the photo within its class whose crop a latent started from.
        signatures: uint8 `[N, 8, 8]`, of the HR images as the author of the file decoded them, or `[classes, 4, 4]`, of
            the first of each class; None in format 1.0.
        weights: of the generator, as the file holds them; None where it only names it.
    """

    path: Place
    sha256: str
    manifest: Manifest
    contents: container.Contents
    class_index: Tensor
    source_index: Tensor
    signatures: Tensor | None
    weights: bytes | None = None

    def __len__(self) -> int:
        return len(self.class_index)

    def __repr__(self) -> str:
        return f"LatentSet({self.path.name!r}, {len(self)} latents, {len(self.class_names)} classes)"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, as the source's folders had them."""
        return tuple(entry.name for entry in self.manifest.classes)

    @cached_property
    def class_folders(self) -> tuple[str, ...]:
        """The classes' names made safe for file systems, all different."""
        return class_folders(self.class_names)

    @cached_property
    def latents(self) -> Tensor:
        """All of z, float32 `[N, C, h, w]`, image-like, about [0, 1], not clipped."""
        return torch.from_numpy(container.latents_of(self.contents))

    @property
    def _are_few(self) -> bool:
        return math.prod(self.manifest.latent_shape) <= FEW_VALUES

    def check(self) -> None:
        """Decode all latents, and keep them where they are few; FormatError if a stream is not sound."""
        if self._are_few:
            _ = self.latents
        else:
            container.check_latents(self.contents)

    def some(self, indices: Sequence[int] | slice) -> Tensor:
        """Give some of the latents; where all of them would take much more than the file, no others are decoded."""
        if isinstance(indices, slice):
            indices = range(len(self))[indices]
        if self._are_few:
            return self.latents[list(indices)]
        runs = [*_runs([range(len(self))[number] for number in indices])] or [slice(0)]
        return torch.from_numpy(np.concatenate([container.latents_of(self.contents, run) for run in runs]))

    @cached_property
    def latents_sha256(self) -> str:
        """The sha256 of the latents as a reader decodes them, the same in either container."""
        digest = hashlib.sha256()
        for first in range(0, len(self), TOGETHER):
            digest.update(self.some(slice(first, first + TOGETHER)).numpy().tobytes())
        return digest.hexdigest()

    def name(self, number: int) -> str:
        """Name a latent for logs and trainers: `ost.gsdd::sky/000012`."""
        folder = self.class_folders[int(self.class_index[number])]
        return f"{self.path.name}::{folder}/{range(len(self))[number]:06d}"

    def decode(self, generator: Generator, indices: Sequence[int] | slice) -> Tensor:
        """Compute the HR images of some latents.

        Args:
            generator: G, as from `load_generator`.
            indices: which latents, in the order wanted.

        Returns:
            uint8 RGB `[len(indices), 3, H, W]`, on the CPU; with equal channels where all photos of the file were grey.

        Raises:
            FormatError: the image of a latent is not finite.
        """
        numbers = range(len(self))[indices] if isinstance(indices, slice) else list(indices)
        with self._naming(numbers):
            return decode(generator, self.some(indices), grey=self.manifest.source.grey)

    def load_generator(
        self, name: str | None = None, *, device: str = "cpu", force: bool = False
    ) -> tuple[Generator, str | None]:
        """Load the generator that the file was made with.

        Args:
            name: a named generator or a path of weights; None takes the weights in the file, or the generator that the
                manifest names.
            device: where G shall run.
            force: take other weights all the same, but not in place of those in the file: name them.

        Returns:
            The generator, and a note for the user where its weights are not exactly those of the file.

        Raises:
            GeneratorNotFoundError: the weights are not on this machine.
            FingerprintError: the weights are other ones, and `force` was not given.
            GeneratorError: the generator does not fit latents of this shape, forced or not.
        """
        generator = self._own_generator(device) if name is None else load_generator(name, device=device)
        note = self._check_fingerprint(generator, force)
        self._check_shape(generator)
        return generator, note

    def compare(self, generator: Generator, progress: Callable[[int, int], None] | None = None) -> Comparison:
        """Decode the latents whose images are signed and compare these with those that the author of the file had.

        Args:
            generator: G, as from `load_generator`.
            progress: called with (images done, images in all).

        Returns:
            Which signatures differ; the images themselves are not kept.

        Raises:
            NoSignaturesError: the file is of format 1.0.
            FormatError: the image of a latent is not finite.
        """
        if self.signatures is None:
            raise NoSignaturesError(
                f"{self.path}: is of format 1.0, which holds no signatures to compare decoded images with; "
                "compress the photos again for a file that does"
            )
        signed = signed_latents(self.manifest, self.class_index)
        with self._naming(signed.tolist()):
            chosen = self.some(signed.tolist())
            got = decode_signatures(generator, chosen, progress, grey=self.manifest.source.grey)
        return compare(thinned(got, self.manifest), self.signatures, self.manifest.hr_size)

    @contextmanager
    def _naming(self, numbers: Sequence[int]) -> Iterator[None]:
        """Name the latent of the file whose image is not finite."""
        try:
            yield
        except ImageNotFiniteError as error:
            number = numbers[error.number]
            name = self.class_names[int(self.class_index[number])]
            raise FormatError(
                f"{self.path}: latent {number} (class {shown(name)}): the image that the generator makes of it is not "
                "finite; the file is damaged, or made to harm"
            ) from error

    def _own_generator(self, device: str) -> Generator:
        if self.weights is not None:
            return unpack(self.weights, self.manifest.generator, self.path).to(device)
        return load_generator(self._generator_name(), device=device)

    def _generator_name(self) -> str:
        made_with = self.manifest.generator
        # A manifest may come from anywhere: it picks a name from our table, never a path on this machine.
        if made_with.name not in NAMED:
            raise GeneratorNotFoundError(
                f"{self.path} was made with the generator {shown(made_with.name)} ({shown(made_with.architecture)}, "
                f"fingerprint {made_with.fingerprint[:16]}, from {shown(made_with.origin)}); give its file with "
                "`generator=PATH`"
            )
        return made_with.name

    def _check_fingerprint(self, generator: Generator, force: bool) -> str | None:
        try:
            return check_fingerprint(generator, self.manifest.generator)
        except FingerprintError as error:
            if not force:
                raise FingerprintError(f"{self.path}: {error}") from error
            return f"forced: {error}"

    def _check_shape(self, generator: Generator) -> None:
        wanted = tuple(generator.latent_shape(self.manifest.hr_size))
        if self.manifest.latent_shape[1:] != wanted or generator.scale != self.manifest.generator.scale:
            made_with = self.manifest.generator
            raise GeneratorError(
                f"{self.path}: generator {shown(generator.reference.name)} (x{generator.scale}) takes latents "
                f"{list(wanted)} for {self.manifest.hr_size} px images, the file holds "
                f"{list(self.manifest.latent_shape[1:])} for x{made_with.scale}; use the generator "
                f"{shown(made_with.name)}"
            )


def _runs(numbers: Sequence[int]) -> Iterator[slice]:
    """Cut numbers into pieces that count up by one."""
    first = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield slice(numbers[first], numbers[place - 1] + 1)
            first = place


def read_latents(path: str | PathLike[str]) -> LatentSet:
    """Read and check a `.gsdd` file; all of it is then in memory.

    Args:
        path: a file in either container, or its URL.

    Returns:
        What the file holds.

    Raises:
        FormatError: the file is damaged, or of an unknown version.
        SourceError: there is no such file, or it cannot be fetched.
        MissingExtraError: the URL's protocol needs a package that is not installed.
    """
    return from_contents(path, container.read(path))


def read_files(files: Files | LatentSet) -> tuple[LatentSet, ...]:
    """Read one or several `.gsdd` files as one set of pairs.

    Args:
        files: a path or URL, a glob pattern, or a list of these; what was read already is taken as it is.

    Returns:
        What each file holds, in the order given; the files of a pattern are sorted.

    Raises:
        RecipeError: images of different sizes.
        SourceError: there is no such file.
        FormatError: a file is damaged, or of an unknown version.
    """
    if isinstance(files, LatentSet):
        return (files,)
    sets = [read_latents(path) for place in listed(files) for path in _matches(place)]
    if not sets:
        raise SourceError("files: got an empty list, wanted at least one .gsdd file")
    first = sets[0]
    for other in sets:
        if other.manifest.hr_size != first.manifest.hr_size:
            raise RecipeError(
                f"{other.path} holds images of {other.manifest.hr_size} px and {first.path} of "
                f"{first.manifest.hr_size} px; the files of one set have images of one size"
            )
    return tuple(sets)


def listed(files: Files) -> Sequence[str | PathLike[str]]:
    """Make a list of one file, or keep the list of several."""
    return [files] if isinstance(files, str | PathLike) else files


def joint_sha256(digests: Sequence[str]) -> str:
    """Make one digest of those of the files of a set; of one file it is its own."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _matches(place: str | PathLike[str]) -> Iterator[str | PathLike[str]]:
    """List the files of a pattern; what exists, or matches nothing, is taken as it is."""
    path = place_of(place)
    found = [] if isinstance(path, Url) or path.exists() else sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207
    yield from found or (path,)


def from_contents(path: str | PathLike[str], contents: container.Contents) -> LatentSet:
    """Decode the latents of a file that was read.

    Args:
        path: the file or its URL, for names and messages.
        contents: what it holds, checked.

    Returns:
        The same, as tensors.

    Raises:
        FormatError: a stream of latents that no encoder writes.
    """
    tensors, place = contents.tensors, place_of(path)
    latents = LatentSet(
        path=place,
        sha256=contents.sha256,
        manifest=contents.manifest,
        contents=contents,
        class_index=torch.from_numpy(tensors[container.CLASS_INDEX].astype(np.int64)),
        source_index=torch.from_numpy(tensors[container.SOURCE_INDEX].astype(np.int64)),
        signatures=torch.from_numpy(tensors[container.SIGNATURES].copy()) if container.SIGNATURES in tensors else None,
        weights=tensors[GENERATOR].tobytes() if contents.manifest.generator.embedded else None,
    )
    try:
        latents.check()
    except FormatError as error:
        raise FormatError(f"{place}: {error}") from error
    return latents
