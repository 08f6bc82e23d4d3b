"""What a file that is merged from others says of itself, or why they cannot be merged; of manifests alone."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gsdd.errors import MergeError
from gsdd.formats.canonical import quote
from gsdd.formats.document import Document
from gsdd.formats.manifest import GENERATOR, Manifest, ManifestSource
from gsdd.formats.origins import ORIGINS, Origin
from gsdd.formats.place import Place
from gsdd.formats.text import shown

# What runs did whose recipes do not tell: those of before there was the option, and those of after it.
ABSENT: Mapping[str, str] = {"crops": "random", "reduction": "sum"}
# How long a run went on, and from which draws: classes with other values of these had the same objective.
MAY_DIFFER = ("seed", "crops", "inversion_steps", "iterations", "precision")


@dataclass(frozen=True)
class Piece:
    """A file that is to be merged.

    Attributes:
        path: the file.
        document: its manifest, and the digests of its tensors.
        origins: runs that it comes from.
    """

    path: Place
    document: Document
    origins: tuple[Origin, ...]

    @property
    def manifest(self) -> Manifest:
        """What the file says of itself."""
        return self.document.manifest


def merged_manifest(pieces: Sequence[Piece]) -> Manifest:
    """Say of the merged file what the pieces say, and list their runs where there are several.

    Args:
        pieces: files that `notes_on` lets pass.

    Returns:
        The manifest; classes stand in the order of the files.
    """
    origins = [origin for piece in pieces for origin in piece.origins]
    said: dict[str, Any] = {}
    if len(origins) > 1:
        run = {ORIGINS: [origin.to_json() for origin in origins]}
        said = {"recipe": _shared_recipe(origins), "run": run, "source": _sum_of_sources(origins)}
    made_with = [piece.manifest.generator for piece in pieces]
    generator = next((each for each in made_with if each.embedded), made_with[0])
    classes = tuple(each for piece in pieces for each in piece.manifest.classes)
    return replace(pieces[0].manifest, generator=generator, classes=classes, **said)


def notes_on(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """Refuse files that do not belong together.

    Args:
        pieces: the files.

    Returns:
        How their runs differ, for the user.

    Raises:
        MergeError: no file, another generator, size, codec or objective, or a class in two files.
    """
    if not pieces:
        raise MergeError("got no files to merge; give at least one")
    for piece in pieces[1:]:
        _check_alike(pieces[0], piece)
    _check_weights(pieces)
    _check_colours(pieces)
    _check_disjoint(pieces)
    return tuple(_compared([(piece.path, origin) for piece in pieces for origin in piece.origins]))


def _check_alike(first: Piece, piece: Piece) -> None:
    there, here = _form(first.manifest), _form(piece.manifest)
    for what, got in here.items():
        if got != there[what]:
            raise MergeError(
                f"{piece.path}: {what}: got {got}, but {first.path} has {there[what]}; compress with the same {what}"
            )


def _form(manifest: Manifest) -> dict[str, object]:
    generator = f"{shown(manifest.generator.name)} ({manifest.generator.fingerprint[:16]})"
    return {"generator": generator, "hr_size": manifest.hr_size, "codec": manifest.codec}


def _check_weights(pieces: Sequence[Piece]) -> None:
    holding = [piece for piece in pieces if piece.manifest.generator.embedded]
    for piece in holding[1:]:
        if piece.document.tensors[GENERATOR].sha256 != holding[0].document.tensors[GENERATOR].sha256:
            raise MergeError(
                f"{piece.path}: the bytes of its generator are others than those in {holding[0].path}; put the same "
                "weights into each with `embed_generator`, or into none"
            )


def _check_colours(pieces: Sequence[Piece]) -> None:
    of = {piece.manifest.source.grey: piece.path for piece in pieces}
    if len(of) > 1:
        raise MergeError(
            f"{of[True]}: its photos are all grey, and so are its images, and those of {of[False]} are not; keep the "
            "files apart, and train on both as one set"
        )


def _check_disjoint(pieces: Sequence[Piece]) -> None:
    owners: dict[str, Place] = {}
    for piece in pieces:
        for name in (each.name for each in piece.manifest.classes):
            if name in owners:
                raise MergeError(f"class {name} is in {owners[name]} and in {piece.path}; leave out one of them")
            owners[name] = piece.path


def _compared(origins: Sequence[tuple[Place, Origin]]) -> Iterator[str]:
    first, before = origins[0]
    for path, origin in origins[1:]:
        for name in {**before.recipe, **origin.recipe}:
            there, here = (quote(each.recipe.get(name, ABSENT.get(name, "none"))) for each in (before, origin))
            if there == here:
                continue
            if name not in MAY_DIFFER:
                raise MergeError(
                    f"{path}: {name}: got {here}, but {first} has {there}: another objective; of a recipe only "
                    f"{', '.join(MAY_DIFFER)} may differ; compress with the same {name}"
                )
            yield f"{name}: {first} has {there}, {path} has {here}; the file tells which classes have which"


def _shared_recipe(origins: Sequence[Origin]) -> dict[str, Any]:
    return {
        name: value
        for name, value in origins[0].recipe.items()
        if all(name in origin.recipe and origin.recipe[name] == value for origin in origins)
    }


def _sum_of_sources(origins: Sequence[Origin]) -> ManifestSource:
    """Add sources up; one that several files hold classes of counts once."""
    sources = {origin.source.sha256: origin.source for origin in origins}
    counted = ("images", "bytes", "skipped", "ignored")
    sums = {name: sum(getattr(source, name) for source in sources.values()) for name in counted}
    together = hashlib.sha256("".join(f"{digest}\n" for digest in sources).encode()).hexdigest()
    return ManifestSource(
        **sums,
        grey=origins[0].source.grey,
        bits=max(source.bits for source in sources.values()),
        dropped=dict(sum((Counter(source.dropped) for source in sources.values()), Counter[str]())),
        sha256=together if len(sources) > 1 else origins[0].source.sha256,
        licence="; ".join(dict.fromkeys(origin.source.licence for origin in origins)),
    )
