"""Names of the images of a distilled set, safe on every file system whatever the classes are called."""

import re
from collections.abc import Iterable, Sequence

MAX_SLUG = 64
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: reserved with any extension, in any case.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def slug(class_name: str) -> str:
    """Turn a class name, which may be hostile, into one folder name.

    Args:
        class_name: any text, as it stands in a file's manifest.

    Returns:
        1 to 64 characters of `A-Za-z0-9._-`, with no leading dot or dash, no trailing dot, not a name that Windows
        reserves.
    """
    safe = _UNSAFE.sub("_", class_name).lstrip(".-")
    if _RESERVED.fullmatch(safe):
        safe = f"_{safe}"
    return safe[:MAX_SLUG].rstrip(".") or "_"


def class_folders(class_names: Iterable[str]) -> tuple[str, ...]:
    """Give every class a folder name of its own, also where case is ignored.

    Args:
        class_names: in the file's order; two may have the same slug.

    Returns:
        A slug a class; from the second one of a name on with a number (`a_b`, `a_b_2`).
    """
    folders: list[str] = []
    taken: set[str] = set()
    # Of each base, the last number that was given: to count from 1 each time would be quadratic.
    numbers: dict[str, int] = {}
    for name in class_names:
        folder = _unused(slug(name), taken, numbers)
        taken.add(folder.casefold())
        folders.append(folder)
    return tuple(folders)


def _unused(base: str, taken: set[str], numbers: dict[str, int]) -> str:
    candidate, number = base, numbers.get(base.casefold(), 1)
    while candidate.casefold() in taken:
        number += 1
        suffix = f"_{number}"
        candidate = base[: MAX_SLUG - len(suffix)] + suffix
    numbers[base.casefold()] = number
    return candidate


def image_stems(folders: Sequence[str], class_index: Sequence[int], *, by_class: bool) -> tuple[str, ...]:
    """Name every pair; HR and LR share the name.

    Args:
        folders: from `class_folders`.
        class_index: the class of each latent.
        by_class: put each class into a folder of its own.

    Returns:
        `sky_000012`, or `sky/sky_000012` by class, where 12 counts through all latents of the file.
    """
    stems = (f"{folders[index]}_{number:06d}" for number, index in enumerate(class_index))
    if not by_class:
        return tuple(stems)
    return tuple(f"{folders[index]}/{stem}" for index, stem in zip(class_index, stems, strict=True))
