"""What a .gsdd file says of itself: generator, classes, codec, recipe, source.

No clock, path or host stands in it, so equal runs give equal bytes.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, TypeVar, get_origin

from gsdd.errors import FormatError
from gsdd.formats.canonical import dumps, quote
from gsdd.formats.codecs import CODECS, GIVEN_UP
from gsdd.formats.tensors import FREE, MAX_INTEGER, Layout

Record = TypeVar("Record")

CHANNELS = 3
SIGNATURE = (8, 8)
# Codecs of few bytes a latent came with signatures of few bytes: every other row and column of one image a class.
CLASS_SIGNATURE = (4, 4)
CLASS_SIGNATURES_SINCE = 3
GENERATOR = "generator"
DEGRADATION: Mapping[str, Any] = MappingProxyType({"method": "bicubic", "antialias": True, "scale": 4})
# What holds for every file of this major version.
FIXED: Mapping[str, Any] = MappingProxyType({"colour": "RGB", "range": (0, 1), "degradation": dict(DEGRADATION)})
PRIVACY = "The latents reconstruct the source photos: whoever has this file and its generator can look at the photos."
_LONGEST_NAME = 4096
_SHA256 = {"pattern": "[0-9a-f]{64}"}
_ONE_LINE = {"one_line": True}
_FROM_ONE = {"least": 1}
# A field that a file has only where it is not empty, since a later minor version.
_OPTIONAL = {"optional": True}
EMBEDDINGS = ("", "safetensors")


@dataclass(frozen=True)
class GeneratorReference:
    """What a .gsdd file says of its generator: enough to find it again and to know it when found.

    Attributes:
        name: a name that `gsdd generators` lists, or the name of the file that was given.
        architecture: as spandrel names it, such as "ESRGAN 64nf 23nb".
        scale: output pixels an input pixel, along each side.
        parameters: number of trained values.
        fingerprint: of the weights, bit for bit (`gsdd.generators.fingerprint`).
        fingerprint_fp16: of the weights cut to float16, equal for the float32 and the packaged float16 form.
        origin: where to get the weights.
        licence: SPDX identifier of the weights' licence, or "unknown".
    """

    name: str = field(metadata=_ONE_LINE)
    architecture: str = field(metadata=_ONE_LINE)
    scale: int = field(metadata=_FROM_ONE)
    parameters: int = field(metadata=_FROM_ONE)
    fingerprint: str = field(metadata=_SHA256)
    fingerprint_fp16: str = field(metadata=_SHA256)
    origin: str = field(metadata=_ONE_LINE)
    licence: str


@dataclass(frozen=True)
class ManifestGenerator(GeneratorReference):
    """The generator that turns the latents into images, checked, and how the file holds its weights if it does."""

    embedded: str = field(default="", metadata=_OPTIONAL)

    def __post_init__(self) -> None:
        _check_fields("generator", self)
        if self.embedded not in EMBEDDINGS:
            raise FormatError(f"generator.embedded is {quote(self.embedded)}; wanted one of {quote(EMBEDDINGS)}")


@dataclass(frozen=True)
class ManifestClass:
    """A class and its number of latents."""

    name: str = field(metadata=_ONE_LINE)
    latents: int = field(metadata=_FROM_ONE)

    def __post_init__(self) -> None:
        _check_fields("class", self)
        if self.name in {"", ".", ".."} or "/" in self.name:
            raise FormatError(f"class {quote(self.name)}: a name must be that of a single folder")
        if len(self.name.encode()) > _LONGEST_NAME:
            raise FormatError(f"class {quote(self.name)}: a name has at most {_LONGEST_NAME} bytes")


@dataclass(frozen=True)
class ManifestSource:
    """Summary of the photos: images used, their bytes, a digest of their list, what was left out.

    `dropped` counts, by reason, photos that could be used and that the user chose to do without. Where all are `grey`,
    so is what readers decode. `bits` are 16 where the inversion saw so many of some photos, else 0.
    """

    images: int = field(metadata=_FROM_ONE)
    bytes: int
    sha256: str = field(metadata=_SHA256)
    skipped: int
    ignored: int
    licence: str
    dropped: Mapping[str, int] = field(default_factory=dict, metadata=_OPTIONAL)
    grey: bool = field(default=False, metadata=_OPTIONAL)
    bits: int = field(default=0, metadata=_OPTIONAL)

    def __post_init__(self) -> None:
        _check_fields("source", self)
        for reason, count in self.dropped.items():
            _check_text("source.dropped", reason, _ONE_LINE)
            _check_integer(f"source.dropped.{reason}", count, 1)

    @property
    def is_of_1_4(self) -> bool:
        """Whether it has a field that came with minor version 4."""
        return bool(self.dropped or self.grey or self.bits)


@dataclass(frozen=True)
class Manifest:
    """Everything that a .gsdd file says, except of the bytes of its tensors.

    Args:
        generator: the frozen G.
        hr_size: side of an HR image, pixels.
        codec: a name of `CODECS`.
        classes: in the order of `class_index`.
        recipe: every option of the run; JSON scalars and lists.
        run: what came out of the run; JSON.
        source: summary of the photos.
        training: how to train on the pairs; JSON.
        privacy: what a holder of the file must know.

    Raises:
        FormatError: a value that no sound file holds.
    """

    generator: ManifestGenerator
    hr_size: int = field(metadata=_FROM_ONE)
    codec: str
    classes: tuple[ManifestClass, ...]
    recipe: Mapping[str, Any]
    run: Mapping[str, Any]
    source: ManifestSource
    training: Mapping[str, Any]
    privacy: str = PRIVACY

    def __post_init__(self) -> None:
        _check_fields("manifest", self)
        if self.codec in GIVEN_UP:
            last = f"gsdd {GIVEN_UP[self.codec]} was the last version that reads it"
            raise FormatError(f"codec {quote(self.codec)} is no longer read; {last}")
        if self.codec not in CODECS:
            raise FormatError(f"codec {quote(self.codec)}; known are {', '.join(CODECS)}")
        for scale in (self.generator.scale, DEGRADATION["scale"]):
            if self.hr_size % scale:
                raise FormatError(f"hr_size {self.hr_size} is not a multiple of the scale {scale}")
        names = [each.name for each in self.classes]
        if not names or len(set(names)) != len(names):
            raise FormatError("classes: got none, or one name twice; wanted at least one class, each with its own name")

    @property
    def latents(self) -> int:
        """Number of latents, all classes together."""
        return sum(each.latents for each in self.classes)

    @property
    def minor(self) -> int:
        """The lowest minor version of a file with signatures that has its codec, and its optional fields."""
        return max(2 if self.generator.embedded else 1, CODECS[self.codec].since, 4 if self.source.is_of_1_4 else 1)

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """Shape `[N, C, h, w]` of all latents."""
        side = self.hr_size // self.generator.scale
        return (self.latents, CHANNELS, side, side)

    @property
    def signs_classes(self) -> bool:
        """Whether it has a short signature a class, of its first image, and not one of every image."""
        return CODECS[self.codec].since >= CLASS_SIGNATURES_SINCE

    @property
    def signature_shape(self) -> tuple[int, int, int]:
        """Shape of the signatures: `[N, 8, 8]` of all HR images, or `[classes, 4, 4]` of the first of each class."""
        return (len(self.classes), *CLASS_SIGNATURE) if self.signs_classes else (self.latents, *SIGNATURE)

    def layouts(self, minor: int) -> dict[str, Layout]:
        """Name the tensors of the file, with dtype and shape.

        Args:
            minor: the minor version of the file; 1 brought the signatures.

        Returns:
            Every tensor that a file of that version has, and no other.
        """
        index = Layout("I32", (self.latents,))
        first = {**CODECS[self.codec].layouts(self.latent_shape), "class_index": index, "source_index": index}
        signatures = {} if minor < 1 else {"signatures": Layout("U8", self.signature_shape)}
        generator = {GENERATOR: Layout("U8", (FREE,))} if self.generator.embedded else {}
        return {**first, **signatures, **generator}

    def to_json(self) -> dict[str, Any]:
        """Give the manifest as JSON objects, without the fields that `Document` adds."""
        own = {name: getattr(self, name) for name in ("codec", "hr_size", "privacy")}
        plain = {name: dict(getattr(self, name)) for name in ("recipe", "run", "training")}
        records = {name: as_object(getattr(self, name)) for name in ("generator", "source")}
        return {**FIXED, **own, **plain, **records, "classes": [asdict(each) for each in self.classes]}


def from_json(document: object, newer: bool) -> Manifest:
    """Build the manifest from parsed JSON of unknown origin.

    Args:
        document: the JSON object, without the fields that `Document` adds.
        newer: the file has a higher minor version than this reader; fields that it does not know are passed over.

    Returns:
        The checked manifest.

    Raises:
        FormatError: a field is missing, unknown, or has a value that no sound file holds.
    """
    names = [each.name for each in fields(Manifest)]
    known = check_object("manifest", document, [*names, *FIXED], newer)
    for name, wanted in FIXED.items():
        if dumps(known[name]) != dumps(wanted):
            raise FormatError(f"{name} is {quote(known[name])}; in version 1 it is {dumps(wanted)}")
    if not isinstance(known["classes"], list):
        raise FormatError(f"classes are {quote(known['classes'])}; wanted a list")
    records: dict[str, Any] = {
        "generator": record_of(ManifestGenerator, "generator", known["generator"], newer),
        "source": record_of(ManifestSource, "source", known["source"], newer),
        "classes": tuple(record_of(ManifestClass, "class", each, newer) for each in known["classes"]),
    }
    return Manifest(**{**{name: known[name] for name in names}, **records})


def check_object(where: str, value: object, names: Iterable[str], newer: bool) -> dict[str, Any]:
    """Refuse what is not a JSON object with the named fields.

    Args:
        where: what the object is, for the message.
        value: parsed JSON of unknown origin.
        names: the fields that it must have.
        newer: whether it may have others.

    Returns:
        The object.

    Raises:
        FormatError: not an object, a field is missing, or one is unknown.
    """
    if not isinstance(value, dict):
        raise FormatError(f"{where} is {quote(value)}; wanted a JSON object")
    wanted = set(names)
    missing, unknown = sorted(wanted - set(value)), sorted(set(value) - wanted)
    if missing or (unknown and not newer):
        raise FormatError(f"{where}: missing fields {quote(missing)}, unknown fields {quote(unknown)}")
    return value


def record_of(kind: type[Record], where: str, value: object, newer: bool) -> Record:
    """Build a part of a manifest from parsed JSON of unknown origin.

    Args:
        kind: of the part.
        where: what it is, for the message.
        value: the JSON object; a field that may be left out is not empty.
        newer: whether it may have fields that are unknown.

    Raises:
        FormatError: a field is missing, unknown, or has a value that no sound file holds.
    """
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    optional = _optional(kind)
    absent = {name for name in optional if not (isinstance(value, dict) and name in value)}
    known = check_object(where, value, set(names) - absent, newer)
    if empty := [name for name in optional - absent if not known[name]]:
        raise FormatError(f"{where}: fields {quote(empty)} are empty; wanted them left out")
    return kind(**{name: known[name] for name in names if name not in absent})


def as_object(record: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give a part of a manifest as a JSON object, without the optional fields that are empty."""
    optional = _optional(type(record))
    return {name: value for name, value in asdict(record).items() if value or name not in optional}


def _optional(kind: type) -> set[str]:
    return {each.name for each in fields(kind) if "optional" in each.metadata}


def _check_fields(where: str, record: Any) -> None:  # noqa: ANN401
    for each in fields(record):
        value, name = getattr(record, each.name), f"{where}.{each.name}"
        if each.type is int:
            _check_integer(name, value, each.metadata.get("least", 0))
        elif each.type is str:
            _check_text(name, value, each.metadata)
        elif each.type is bool and type(value) is not bool:
            raise FormatError(f"{name} is {quote(value)}; wanted true or false")
        elif get_origin(each.type) is Mapping and not isinstance(value, Mapping):
            raise FormatError(f"{name} is {quote(value)}; wanted a JSON object")


def _check_integer(name: str, value: object, least: int) -> None:
    if type(value) is not int or not least <= value <= MAX_INTEGER:
        raise FormatError(f"{name} is {quote(value)}; wanted a whole number from {least} to 2^53 - 1")


def _check_text(name: str, value: object, wanted: Mapping[str, Any]) -> None:
    if type(value) is not str:
        raise FormatError(f"{name} is {quote(value)}; wanted text")
    # A terminal obeys control characters, and a lone surrogate has no bytes.
    if "one_line" in wanted and any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise FormatError(f"{name} is {quote(value)}; wanted one line of Unicode text without control characters")
    if "pattern" in wanted and not re.fullmatch(wanted["pattern"], value):
        raise FormatError(f"{name} is {quote(value)}; wanted 64 hexadecimal digits")
