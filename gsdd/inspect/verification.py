"""Whether a file is sound, and whether this machine decodes the images that its author had."""

from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any

from gsdd.errors import FormatError
from gsdd.formats.container import Contents, check_latents, read
from gsdd.formats.place import Place, place_of
from gsdd.formats.text import shown
from gsdd.monitor import SILENT, Monitor

if TYPE_CHECKING:
    from gsdd.distilled.signature import Comparison


@dataclass(frozen=True)
class Decoding:
    """What came of decoding a file.

    Args:
        generator: name of the generator that decoded.
        device: where it ran.
        note: what the user should know of the generator, if anything.
        comparison: of the images with the signatures in the file.
    """

    generator: str
    device: str
    note: str | None
    comparison: "Comparison"

    def to_dict(self) -> dict[str, Any]:
        """Give the values by name, as JSON has them."""
        return {"generator": self.generator, "device": self.device, "note": self.note, **asdict(self.comparison)}


@dataclass(frozen=True)
class Verification:
    """A file whose every byte is sound.

    Args:
        path: the file, or its URL.
        version: of the format, such as "1.1".
        digest: of its content, the same in either container.
        container: its name.
        bytes: size of the file.
        latents: how many it holds.
        decoding: what came of decoding it, if that was asked for.
    """

    path: Place
    version: str
    digest: str
    container: str
    bytes: int
    latents: int
    decoding: Decoding | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong, in one line: images that are not the author's."""
        if self.decoding is None or not self.decoding.comparison.differing:
            return None
        seen = self.decoding.comparison
        return (
            f"{self.path}: {len(seen.differing)} of {seen.images} images are not those of the file's author: the mean "
            f"of a block differs by up to {seen.largest_difference:.3f} grey levels (modulo 1), rounding explains "
            f"{seen.tolerance:.3f}; generator {shown(self.decoding.generator)} on {self.decoding.device} has other "
            "weights, or computes in less than float32 (bf16, fp16, TF32)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the values by name, as JSON has them."""
        decoding = self.decoding and self.decoding.to_dict()
        return {**vars(self), "path": str(self.path), "decoding": decoding}


def verify(
    path: str | PathLike[str],
    *,
    decode: bool = False,
    generator: str | None = None,
    device: str = "auto",
    force_generator: bool = False,
    monitor: Monitor = SILENT,
) -> Verification:
    """Check every byte of a file and, if asked, that its latents decode to the images that its author had.

    Args:
        path: a file in any container, or its URL.
        decode: compare decoded images with the signatures in the file: of each, or of one a class.
        generator: a named generator or a path of weights; None takes the one that the file names.
        device: where the generator runs.
        force_generator: use a generator whose weights are not those that the file was made with.
        monitor: told of the images decoded, and of a generator that is not exactly the file's.

    Returns:
        What the file is; its `problem` tells of images that differ.

    Raises:
        FormatError: the file is not sound.
        SourceError: there is no such file.
        GeneratorError: the generator is not installed, or not the one of the file.
        NoSignaturesError: the images of a file of format 1.0 cannot be compared.
        RecipeError: there is no such device.
    """
    place = place_of(path)
    contents = read(place)
    try:
        check_latents(contents)
    except FormatError as error:
        raise FormatError(f"{place}: {error}") from error
    decoding = _decode(place, contents, generator, device, force_generator, monitor) if decode else None
    return Verification(
        path=place,
        version=contents.document.version,
        digest=contents.document.digest,
        container=contents.container,
        bytes=contents.size,
        latents=contents.manifest.latents,
        decoding=decoding,
    )


def _decode(path: Place, contents: Contents, name: str | None, device: str, force: bool, monitor: Monitor) -> Decoding:
    from gsdd.distilled.latent_set import from_contents  # loads torch, which the bytes alone do not need
    from gsdd.parallel.device import announcing, pick_device

    distilled, place = from_contents(path, contents), pick_device(device)
    generator, note = distilled.load_generator(name, device=place, force=force)
    monitor = announcing(monitor, device, place)
    if note:
        monitor.note(note)
    return Decoding(
        generator.reference.name, place, note, distilled.compare(generator, partial(monitor.progress, "decode"))
    )
