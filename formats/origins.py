"""Which runs the latents of a file come from: one, or several whose files were merged.

They are told in the manifest's `run`, so that a reader that does not care passes over them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from gsdd.errors import FormatError
from gsdd.formats.canonical import quote
from gsdd.formats.manifest import Manifest, ManifestSource, as_object, check_object, record_of

# Of each class, a digest of the places that its crops have in the photos.
CROPS = "crops_sha256"
ORIGINS = "origins"


@dataclass(frozen=True)
class Origin:
    """A run that some classes of a file come from.

    Attributes:
        classes: names, in file order.
        recipe: its options.
        run: what came of it.
        source: its photos.
    """

    classes: tuple[str, ...]
    recipe: Mapping[str, Any]
    run: Mapping[str, Any]
    source: ManifestSource

    def to_json(self) -> dict[str, Any]:
        """Give an entry of `run.origins`."""
        return {
            "classes": list(self.classes),
            "recipe": dict(self.recipe),
            "run": dict(self.run),
            "source": as_object(self.source),
        }


def crops_of(manifest: Manifest, path: object = "the manifest") -> Mapping[str, object]:
    """Read the digest of each class's crops, by class name.

    Args:
        manifest: of the file.
        path: the file, for the message.

    Returns:
        The digests; none where the file was written before there were any, or was merged from several runs.

    Raises:
        FormatError: `run.crops_sha256` is not what a run writes.
    """
    if CROPS not in manifest.run:
        return {}
    names = [each.name for each in manifest.classes]
    return check_object(f"{path}: run.{CROPS}", manifest.run[CROPS], names, newer=False)


def origins_of(manifest: Manifest, path: object = "the manifest") -> tuple[Origin, ...]:
    """Read which runs a file comes from.

    Args:
        manifest: of the file.
        path: the file, for the message.

    Returns:
        One origin, with what the manifest says of itself, unless the file was merged from several runs.

    Raises:
        FormatError: `run.origins` is not what a merge writes.
    """
    names = [each.name for each in manifest.classes]
    if ORIGINS not in manifest.run:
        return (Origin(tuple(names), manifest.recipe, manifest.run, manifest.source),)
    try:
        origins = tuple(map(_origin, _list(manifest.run[ORIGINS])))
    except FormatError as error:
        raise FormatError(f"{path}: run.{ORIGINS}: {error}") from error
    told = [name for origin in origins for name in origin.classes]
    if len(told) != len(names) or set(told) != set(names):
        raise FormatError(f"{path}: run.{ORIGINS} do not have each class of the file once")
    return origins


def _origin(value: object) -> Origin:
    said = check_object("Origin", value, [each.name for each in fields(Origin)], newer=False)
    classes = _list(said["classes"])
    if not all(isinstance(name, str) for name in classes):
        raise FormatError(f"classes are {quote(classes)}; wanted names")
    for name in ("recipe", "run"):
        if not isinstance(said[name], Mapping):
            raise FormatError(f"{name} is {quote(said[name])}; wanted a JSON object")
    source = record_of(ManifestSource, "source", said["source"], newer=False)
    return Origin(tuple(classes), said["recipe"], said["run"], source)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise FormatError(f"got {quote(value)}; wanted a list")
    return list(value)
