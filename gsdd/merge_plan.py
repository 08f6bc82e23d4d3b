"""What a file that is merged from others says of itself, or why they cannot be merged; of manifests alone."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gsdd.errors import MergeError
from gsdd.formats.canonical import quote
from gsdd.formats.manifest import Manifest, ManifestClass, ManifestSource
from gsdd.formats.origins import ORIGINS, PART, ManifestPart, Origin

# What a recipe that is older than an option did.
ABSENT = {"crops": "random"}
# How long a run went on, and from which draws: classes with other values of these had the same objective.
MAY_DIFFER = ("seed", "crops", "inversion_steps", "iterations", "precision")


@dataclass(frozen=True)
class Piece:
    """A file that is to be merged.

    Attributes:
        path: the file.
        manifest: what it says.
        part: of its source; None if it holds all of it.
        origins: runs that it comes from.
        digest: of its content.
    """

    path: Path
    manifest: Manifest
    part: ManifestPart | None
    origins: tuple[Origin, ...]
    digest: str

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return its classes, in file order."""
        return tuple(each.name for each in self.manifest.classes)


@dataclass(frozen=True)
class MergePlan:
    """A merged file before its tensors.

    Attributes:
        manifest: what it says.
        pieces: where its classes come from.
        origins: runs that it comes from.
        notes: how these differ, for the user.
    """

    manifest: Manifest
    pieces: tuple[Piece, ...]
    origins: tuple[Origin, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """All parts of a source, or a whole file."""

    path: Path
    manifest: Manifest
    classes: tuple[ManifestClass, ...]
    origins: tuple[Origin, ...]


def plan_merge(pieces: Sequence[Piece]) -> MergePlan:
    """Decide what the merged file says.

    Sources stand in the order of their first file; the classes of one source, in its own order.

    Args:
        pieces: the files, at least one.

    Returns:
        The plan; parts of one run give the manifest that the run gives without parts.

    Raises:
        MergeError: the files do not belong together.
    """
    if not pieces:
        raise MergeError("got no files to merge; give at least one")
    _check_alike(pieces)
    _check_disjoint(pieces)
    sources = [_source(group) for group in _grouped(pieces)]
    notes = tuple(_compared([(source.path, origin) for source in sources for origin in source.origins]))
    origins = tuple(origin for source in sources for origin in source.origins)
    classes = tuple(each for source in sources for each in source.classes)
    said = origins[0] if len(origins) == 1 else _together(origins)
    made_with = next((piece.manifest.generator for piece in pieces if piece.manifest.generator.embedded), None)
    manifest = replace(
        sources[0].manifest,
        generator=made_with or sources[0].manifest.generator,
        classes=classes,
        recipe=said.recipe,
        run=said.run,
        source=said.source,
    )
    return MergePlan(manifest, tuple(pieces), origins, notes)


def _check_alike(pieces: Sequence[Piece]) -> None:
    first = pieces[0]
    for piece in pieces[1:]:
        for what, wanted, got in zip(
            ("generator", "hr_size", "codec"), _form(first.manifest), _form(piece.manifest), strict=True
        ):
            if got != wanted:
                raise MergeError(
                    f"{piece.path}: {what}: got {got}, but {first.path} has {wanted}; compress with the same {what}"
                )


def _form(manifest: Manifest) -> tuple[str, str, str]:
    generator = manifest.generator
    return f"{generator.name} ({generator.fingerprint[:16]})", str(manifest.hr_size), manifest.codec


def _check_disjoint(pieces: Sequence[Piece]) -> None:
    owners: dict[str, Path] = {}
    for piece in pieces:
        for name in piece.class_names:
            if name in owners:
                raise MergeError(f"class {name} is in {owners[name]} and in {piece.path}; leave out one of them")
            owners[name] = piece.path


def _grouped(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Put the parts of a source together."""
    groups: dict[str, list[Piece]] = {}
    for number, piece in enumerate(pieces):
        key = piece.manifest.source.sha256 if piece.part else str(number)
        groups.setdefault(key, []).append(piece)
    return list(groups.values())


def _source(group: Sequence[Piece]) -> _Source:
    first = min(group, key=lambda piece: piece.part.number if piece.part else 0)
    if first.part is None:
        return _Source(first.path, first.manifest, first.manifest.classes, first.origins)
    parts = sorted(group, key=lambda piece: piece.part.number if piece.part else 0)
    for piece in parts[1:]:
        _check_same_run(first, piece)
    _check_complete(first.part, parts)
    return _Source(first.path, first.manifest, first.part.classes, _origins(parts, first.part))


def _check_same_run(first: Piece, piece: Piece) -> None:
    there, here = _dealt(first), _dealt(piece)
    found = [f"{name}: there {quote(there.get(name))}, here {quote(here.get(name))}" for name in {**there, **here}
             if there.get(name) != here.get(name)]  # fmt: skip
    if found:
        raise MergeError(
            f"{piece.path} and {first.path} are parts of one source, but not of one run ({'; '.join(found)}); "
            "make the parts with the same options"
        )


def _dealt(piece: Piece) -> dict[str, Any]:
    """List what the parts of a run have in common."""
    part, source = piece.part, replace(piece.manifest.source, licence="")
    counts = {f"latents of class {each.name}": each.latents for each in part.classes} if part else {}
    return {"parts": part and part.of, **counts, **vars(source), **piece.manifest.recipe}


def _check_complete(whole: ManifestPart, parts: Sequence[Piece]) -> None:
    there = {name for piece in parts for name in piece.class_names}
    missing = [each.name for each in whole.classes if each.name not in there]
    if missing:
        numbers = {piece.part.number for piece in parts if piece.part}
        absent = [f"{number}/{whole.of}" for number in range(1, whole.of + 1) if number not in numbers]
        raise MergeError(
            f"{', '.join(str(piece.path) for piece in parts)}: classes {', '.join(missing)} of the source are missing; "
            f"add what --part {', '.join(absent)} made"
        )


def _origins(parts: Sequence[Piece], whole: ManifestPart) -> tuple[Origin, ...]:
    """Join the parts of a run; those that a time budget cut short stay runs of their own."""
    licence = _licences([piece.manifest.source for piece in parts])
    source = replace(parts[0].manifest.source, licence=licence)
    facts = [_facts(piece) for piece in parts]
    if any(plain != facts[0][0] or by_class.keys() != facts[0][1].keys() for plain, by_class in facts):
        return tuple(replace(origin, source=source) for piece in parts for origin in piece.origins)
    united = {
        name: {class_name: value for _, by_class in facts for class_name, value in by_class[name].items()}
        for name in facts[0][1]
    }
    names = tuple(each.name for each in whole.classes)
    return (Origin(names, parts[0].manifest.recipe, {**facts[0][0], **united}, source),)


def _facts(piece: Piece) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """Divide what came of a run into what holds for all of it, and what is told class by class."""
    plain, by_class = {}, {}
    for name, value in piece.manifest.run.items():
        if isinstance(value, Mapping) and set(value) == set(piece.class_names):
            by_class[name] = value
        elif name != PART:
            plain[name] = value
    return plain, by_class


def _compared(origins: Sequence[tuple[Path, Origin]]) -> Iterator[str]:
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


def _together(origins: Sequence[Origin]) -> Origin:
    """Say of several runs what they have in common, and list them."""
    names = tuple(name for origin in origins for name in origin.classes)
    recipe = {
        name: value
        for name, value in origins[0].recipe.items()
        if all(name in origin.recipe and origin.recipe[name] == value for origin in origins)
    }
    return Origin(names, recipe, {ORIGINS: [origin.to_json() for origin in origins]}, _sum_of_sources(origins))


def _sum_of_sources(origins: Sequence[Origin]) -> ManifestSource:
    sources = list({origin.source.sha256: origin.source for origin in origins}.values())
    if len(sources) == 1:
        return sources[0]
    return ManifestSource(
        images=sum(source.images for source in sources),
        bytes=sum(source.bytes for source in sources),
        sha256=hashlib.sha256("".join(f"{source.sha256}\n" for source in sources).encode()).hexdigest(),
        skipped=sum(source.skipped for source in sources),
        ignored=sum(source.ignored for source in sources),
        licence=_licences(sources),
    )


def _licences(sources: Sequence[ManifestSource]) -> str:
    return "; ".join(dict.fromkeys(source.licence for source in sources))
