"""Photos that are repeated smaller, in another folder or beside them: the LR side of pairs, whatever it is called."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from gsdd.data.images import read_photo
from gsdd.data.naming import printable
from gsdd.errors import SourceError

SCALES = (2, 3, 4, 8)
# Of DIV2K's LR photos, 0001x4.png, and of both sides of SelfExSR's, img_001_SRF_4_HR.png.
_ENDING = re.compile(r"[-_]?x[2348]$|[-_](HR|LR|GT|LQ|HQ)$", re.IGNORECASE)
# BasicSR cuts HR to multiples of 12 at the right and the bottom.
_CUT = 12
# Photos of one name at such sizes may be of other things: so many are looked at, at so many pixels a side.
_LOOKED_AT = 3
_SIDE = 16
_ALIKE = 0.9


class Sized(NamedTuple):
    """A photo, and its shorter side in pixels."""

    file: Path
    side: int


_Folder = Mapping[str, Sized]


def check_not_repeated(root: Path, photos: Iterable[Sized]) -> None:
    """Refuse photos that are there at 1/2 to 1/8 of their size too, in another folder or under another ending.

    Args:
        root: the folder that a user gave.
        photos: in the folders that would be classes.

    Raises:
        SourceError: it says which folder was probably meant.
    """
    for pairs, scale in _suspects(_by_folder(photos)):
        if all(_likeness(*map(_thumbnail, pair)) > _ALIKE for pair in pairs[:_LOOKED_AT]):
            raise SourceError(f"{printable(root)}: {_told(*pairs[0], scale)}")


def _told(small: Sized, large: Sized, scale: int) -> str:
    low, high = small.file.parent, large.file.parent
    if low == high:
        return (
            f"{printable(small.file.name)} in {printable(low.name)} is {printable(large.file.name)} at 1/{scale} of "
            "its size, and so are others; LR is made from HR, so move the HR photos into a folder of their own and "
            "give that"
        )
    return (
        f"{printable(low.name)} repeats the photos of {printable(high.name)} at 1/{scale} of their size, which are no "
        f"classes but the two sides of pairs; LR is made from HR, so give {printable(high)}"
    )


def _by_folder(photos: Iterable[Sized]) -> list[_Folder]:
    """Sort photos into folders, and in each by the side or scale that their names end in; the largest come first."""
    found: dict[tuple[Path, str], dict[str, Sized]] = {}
    for photo in photos:
        ending = _ENDING.search(photo.file.stem)
        name = photo.file.stem[: ending.start()] if ending else photo.file.stem
        found.setdefault((photo.file.parent, ending[0].upper() if ending else ""), {})[name] = photo
    return sorted(found.values(), key=lambda folder: -max(photo.side for photo in folder.values()))


def _suspects(folders: Sequence[_Folder]) -> Iterator[tuple[list[tuple[Sized, Sized]], int]]:
    """List folders, most of whose photos have names and sizes of LR photos of another one, as pairs with a scale."""
    for place, small in enumerate(folders):
        name, first = next(iter(small.items()))
        for large in folders[:place]:
            scale = _scale(first, large[name]) if name in large else 0
            pairs = [(each, large[name]) for name, each in small.items() if scale and name in large]
            pairs = [pair for pair in pairs if _scale(*pair) == scale]
            if 2 * len(pairs) > len(small):
                yield pairs, scale


def _scale(small: Sized, large: Sized) -> int:
    """Tell how many times larger a photo is; 0 where that is no scale of pairs."""
    scale = round(large.side / small.side)
    return scale if scale in SCALES and -scale < large.side - scale * small.side < _CUT else 0


def _thumbnail(photo: Sized) -> npt.NDArray[np.float64]:
    grey = Image.fromarray(read_photo(photo.file).pixels).convert("L")
    return np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float64)


def _likeness(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Correlate two pictures; a flat one is like none."""
    one, other = one - one.mean(), other - other.mean()
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / length if length else 0.0
