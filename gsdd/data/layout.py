"""What a folder was made for, by the names in it: videos, HR photos beside LR ones, splits of one data set, shards."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gsdd.data.naming import printable
from gsdd.errors import SourceError

VIDEO = "a video"
VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv"}
)
# Of a name's words; BSDS and DIV2K, BasicSR and KAIR, and `gsdd expand` call folders so.
_HIGH = re.compile(r"(hr|gt)(mod)?(x?\d+)?")
_LOW = re.compile(r"(lr|lq)(bic|bicubic)?(x?\d+)?")
_SCALE = re.compile(r"x[2348]", re.IGNORECASE)
SPLITS = {
    "train": "train", "training": "train", "val": "valid", "valid": "valid", "validation": "valid", "dev": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip
MOST_NAMED = 3
LOW, NOT_TRAINED_ON = "the LR side of pairs", "photos to test on"
# A name with a number, or a number with zeros before it: elsewhere 0 to 9 may be classes.
_SHARD = re.compile(r"(shard|part|chunk|batch)[-_ ]?\d+|\d{2,}", re.IGNORECASE)


@dataclass(frozen=True)
class Meant:
    """The one folder of a known layout that holds photos to learn from.

    Attributes:
        name: of the folder.
        passed_over: why each of the others is none, by name.
    """

    name: str
    passed_over: Mapping[str, str]


def only_videos(root: Path, videos: Sequence[Path]) -> SourceError:
    """Make the error of a folder that holds videos and no photos.

    Args:
        root: the folder.
        videos: in it, at least one.
    """
    names = [printable(video.relative_to(root)) for video in videos]
    listed = ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
    counted = "1 video" if len(names) == 1 else f"{len(names)} videos"
    return SourceError(
        f"{printable(root)}: holds {counted} ({listed}) and no photos; extract frames first, such as with "
        f"ffmpeg -i {names[0]} -vf fps=1 frames/%06d.png"
    )


def meant_folder(folders: Sequence[str], classes: Collection[str]) -> Meant | None:
    """Find the folder that a known layout means: the HR side of pairs, the split to train on.

    Args:
        folders: names of all folders beside each other, in order.
        classes: of those that hold photos.

    Returns:
        None where the names are no such layout, or leave open which folder it is.
    """
    high, low = _sides(folders, classes)
    candidates = high if low else [name for name in folders if _split(name)]
    if not low and not _are_splits(candidates, classes):
        return None
    found = candidates if low and len(candidates) == 1 else [name for name in candidates if _split(name) == "train"]
    if len(found) != 1:
        return None
    others = {**dict.fromkeys(low, LOW), **{name: NOT_TRAINED_ON for name in candidates if name != found[0]}}
    return Meant(found[0], others)


def are_shards(names: Sequence[str]) -> bool:
    """Tell whether names number the parts of one set, such as 0000 and 0001, or part-1 and part-2."""
    digits = {len(name) for name in names if name.isdigit()}
    return len(names) > 1 and len(digits) <= 1 and all(map(_SHARD.fullmatch, names))


def check_no_pairs(root: Path, folders: Sequence[str], classes: Collection[str]) -> None:
    """Refuse a folder whose classes would be the HR and the LR side of one data set.

    Args:
        root: the folder.
        folders: names of all folders in it, in order.
        classes: of those that hold photos.

    Raises:
        SourceError: it says which folder was probably meant.
    """
    high, low = _sides(folders, classes)
    if high and low:
        meant = printable(root / min(high, key=_of_training))
        raise SourceError(
            f"{printable(root)}: holds {_and(high)} beside {_and(low)}, which are no classes but the two sides of "
            f"pairs; LR is made from HR, so give {meant}"
        )
    # Elsewhere X3 and X4 may be classes of cars.
    if low and _has_word(root.resolve().name, _LOW) and all(map(_SCALE.fullmatch, low)):
        raise SourceError(
            f"{printable(root)}: holds {_and(low)}, which are no classes but LR photos at several scales; LR is made "
            "from HR, so give the folder of the HR photos"
        )


def _are_splits(names: Sequence[str], classes: Collection[str]) -> bool:
    """Tell whether names are of two splits or more, and no other folder holds photos."""
    return len({_split(name) for name in names}) > 1 and not set(classes) - set(names)


def _sides(folders: Sequence[str], classes: Collection[str]) -> tuple[list[str], list[str]]:
    """Name the HR and the LR folders; none where a folder of photos is neither, or nothing is LR."""
    high = [name for name in folders if _has_word(name, _HIGH)]
    low = [name for name in folders if name not in high and (_has_word(name, _LOW) or _SCALE.fullmatch(name))]
    return (high, low) if low and not set(classes) - {*high, *low} else ([], [])


def about_splits(root: Path, classes: Sequence[str]) -> str | None:
    """Warn of classes that are splits of one data set; None where they are none.

    Args:
        root: the folder.
        classes: by name. Where fewer than two splits, or half of the classes, have such names, it is by chance.
    """
    found = [name for name in classes if _split(name)]
    if len({_split(name) for name in found}) < 2 or 2 * len(found) <= len(classes):
        return None
    meant = printable(root / min(found, key=_of_training))
    return (
        f"{_and(found)} are named like splits of one data set: each becomes a class, photos to test on among "
        f"them; if that is not wanted, give {meant}"
    )


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", name.lower())


def _has_word(name: str, pattern: re.Pattern[str]) -> bool:
    return any(map(pattern.fullmatch, _words(name)))


def _split(name: str) -> str | None:
    return next((SPLITS[word] for word in _words(name) if word in SPLITS), None)


def _of_training(name: str) -> tuple[bool, str]:
    return _split(name) != "train", name


def _and(names: Sequence[str]) -> str:
    shown = [printable(name) for name in names]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
