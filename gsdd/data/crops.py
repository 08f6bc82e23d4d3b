"""Which crop of which photo each latent stands for, and its pixels."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gsdd.data.catalog import Catalog, PhotoClass, PhotoRecord, decode_with_digest
from gsdd.data.images import decode_deep
from gsdd.data.naming import printable
from gsdd.data.threads import decoder_warnings_ignored, in_threads
from gsdd.errors import RecipeError, SourceError
from gsdd.formats.opening import opened
from gsdd.randomness import numpy_stream
from gsdd.recipe import THE_REST, positive

Integers: TypeAlias = npt.NDArray[np.int64]
Pixels: TypeAlias = npt.NDArray[Any]
Position: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Crop:
    """A square of a photo: indices into the catalog, and its upper left corner in pixels."""

    class_index: int
    photo_index: int
    top: int
    left: int


def latents_per_class(catalog: Catalog, ipc: int | Mapping[str, int]) -> tuple[int, ...]:
    """Give every class of a catalog its number of latents.

    Args:
        catalog: the source photos.
        ipc: one count for every class, or counts by class name with "*" for all classes that are not named.

    Returns:
        A count for each class, in the catalog's order.

    Raises:
        RecipeError: if a count is below 1, names a class that does not exist, or a class has none.
    """
    names = [photo_class.name for photo_class in catalog.classes]
    if isinstance(ipc, int):
        return (positive(str(ipc), "`ipc`"),) * len(names)
    unknown = sorted(set(ipc) - {*names, THE_REST})
    if unknown:
        raise RecipeError(f"`ipc` names {', '.join(unknown)}; the classes of the source are {', '.join(names)}")
    missing = [name for name in names if name not in ipc and THE_REST not in ipc]
    if missing:
        raise RecipeError(f"`ipc` has no count for {', '.join(missing)}; name each class, or add *=COUNT for the rest")
    return tuple(positive(str(ipc.get(name, ipc.get(THE_REST))), f"`ipc` of class {name}") for name in names)


def _class_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def _squares(photo: PhotoRecord, hr_size: int) -> int:
    return max(photo.height - hr_size + 1, 0) * max(photo.width - hr_size + 1, 0)


def _check_capacity(photo_class: PhotoClass, count: int, hr_size: int) -> None:
    most = sum(_squares(photo, hr_size) for photo in photo_class.photos)
    if count > most:
        raise RecipeError(
            f"class {photo_class.name}: {count} latents wanted, but its {len(photo_class.photos)} images have only"
            f" {most} different {hr_size}x{hr_size} crops; lower `ipc` for this class"
        )


def _share(count: int, rooms: Integers, weights: Integers) -> Integers:
    """Deal out `count`: to each the same multiple of its weight, up to its room; what is left, from the first on."""
    low, high = 0, count + 1
    while high - low > 1:
        level = (low + high) // 2
        low, high = (level, high) if np.minimum(rooms, level * weights).sum() <= count else (low, level)
    shares: Integers = np.minimum(rooms, low * weights)
    extra = np.minimum(rooms - shares, weights)
    shares += np.clip(count - shares.sum() - (np.cumsum(extra) - extra), 0, extra)
    return shares


def _crops_per_photo(photo_class: PhotoClass, order: Integers, count: int, hr_size: int) -> Integers:
    """Use every photo before any twice, then tiles that do not overlap, then any other squares."""
    photos = [photo_class.photos[place] for place in order]
    tiles = np.array([(photo.height // hr_size) * (photo.width // hr_size) for photo in photos], dtype=np.int64)
    squares = np.array([_squares(photo, hr_size) for photo in photos], dtype=np.int64)
    in_tiles = min(count, int(tiles.sum()))
    return _share(in_tiles, tiles, np.ones_like(tiles)) + _share(count - in_tiles, squares - tiles, tiles)


def _tile_corners(photo: PhotoRecord, hr_size: int, top: int, left: int) -> list[Position]:
    return [
        (top + row * hr_size, left + column * hr_size)
        for row in range(photo.height // hr_size)
        for column in range(photo.width // hr_size)
    ]


def _other_corners(
    stream: np.random.Generator, photo: PhotoRecord, count: int, taken: list[Position], hr_size: int
) -> list[Position]:
    """Draw distinct corners that are not taken, at the cost of their count, not of the photo's size."""
    if count == 0:
        return []
    across = photo.width - hr_size + 1
    free = across * (photo.height - hr_size + 1) - len(taken)
    drawn = stream.choice(free, count, replace=False)
    # The n-th free corner lies as many corners further on as there are taken ones before it.
    passed = np.sort([top * across + left for top, left in taken]) - np.arange(len(taken))
    corners = drawn + np.searchsorted(passed, drawn, side="right")
    return [(int(corner) // across, int(corner) % across) for corner in corners]


def _corners(stream: np.random.Generator, photo: PhotoRecord, count: int, hr_size: int) -> list[Position]:
    """Draw distinct corners in one photo; while they fit, several do not overlap."""
    if count <= 1:
        return _other_corners(stream, photo, count, [], hr_size)
    top, left = int(stream.integers(photo.height % hr_size + 1)), int(stream.integers(photo.width % hr_size + 1))
    tiles = _tile_corners(photo, hr_size, top, left)
    chosen = [tiles[k] for k in stream.permutation(len(tiles))[:count]]
    if count <= len(tiles):
        return chosen
    return chosen + _other_corners(stream, photo, count - len(tiles), tiles, hr_size)


def _plan_class(photo_class: PhotoClass, class_index: int, count: int, hr_size: int, seed: int) -> list[Crop]:
    stream = numpy_stream(seed, "crop", _class_key(photo_class.name))
    order = stream.permutation(len(photo_class.photos))
    shares = _crops_per_photo(photo_class, order, count, hr_size)
    corners = [
        _corners(stream, photo_class.photos[photo], share, hr_size)
        for photo, share in zip(order.tolist(), shares.tolist(), strict=True)
    ]
    dealt = [
        (turn, place, Crop(class_index, int(order[place]), top, left))
        for place, positions in enumerate(corners)
        for turn, (top, left) in enumerate(positions)
    ]
    return [crop for _, _, crop in sorted(dealt, key=lambda item: item[:2])]


def plan_crops(catalog: Catalog, counts: Sequence[int], hr_size: int, seed: int) -> tuple[Crop, ...]:
    """Choose the crops that a run's latents stand for.

    As many different photos as possible; then tiles of a photo that do not overlap; then other squares. A class's
    crops depend on its name, its photos, its count and the seed, not on the other classes.

    Args:
        catalog: the source photos.
        counts: how many crops of each class, in the catalog's order.
        hr_size: side of a crop in pixels.
        seed: the run's seed.

    Returns:
        Crops class by class, within a class one of each photo before a second of any; no two are the same.

    Raises:
        RecipeError: if a class has fewer different crops than its count.
    """
    plan: list[Crop] = []
    for index, (photo_class, count) in enumerate(zip(catalog.classes, counts, strict=True)):
        _check_capacity(photo_class, count, hr_size)
        plan += _plan_class(photo_class, index, count, hr_size, seed)
    return tuple(plan)


def crops_digest(crops: Sequence[Crop]) -> str:
    """Tell choices of crops of one class apart: 16 hexadecimal digits of the sha256 of their places, in order."""
    text = "".join(f"{crop.photo_index} {crop.top} {crop.left}\n" for crop in crops)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def grid_crops(
    catalog: Catalog, class_index: int, hr_size: int, *, limit: int | None = None, seed: int = 0
) -> tuple[Crop, ...]:
    """Cut every photo of a class into tiles that do not overlap, centred.

    Args:
        catalog: the source photos.
        class_index: which class.
        hr_size: side of a tile in pixels.
        limit: at most so many, chosen with the seed; None for all.
        seed: the run's seed.

    Returns:
        Tiles in the order of photos, rows, columns.
    """
    photo_class = catalog.classes[class_index]
    tiles = [
        Crop(class_index, photo_index, top, left)
        for photo_index, photo in enumerate(photo_class.photos)
        for top, left in _tile_corners(photo, hr_size, photo.height % hr_size // 2, photo.width % hr_size // 2)
    ]
    if limit is None or limit >= len(tiles):
        return tuple(tiles)
    stream = numpy_stream(seed, "grid crop", _class_key(photo_class.name))
    return tuple(tiles[k] for k in np.sort(stream.choice(len(tiles), limit, replace=False)))


def _cut(
    photo_id: tuple[int, int],
    catalog: Catalog,
    rows: Mapping[tuple[int, int], list[tuple[int, Crop]]],
    crops: Pixels,
) -> None:
    record = catalog.classes[photo_id[0]].photos[photo_id[1]]
    name = printable(record.file)
    found = decode_with_digest(record.file, name)
    if found.sha256 != record.sha256:
        raise SourceError(f"{name}: the file has changed since this run began; start again")
    size, pixels = crops.shape[-1], found.photo.pixels
    if crops.dtype == np.float32:
        pixels = _in_full(record, name, pixels)
    for row, crop in rows[photo_id]:
        square = pixels[crop.top : crop.top + size, crop.left : crop.left + size]
        crops[row] = square.transpose(2, 0, 1)


def _in_full(record: PhotoRecord, name: str, pixels: Pixels) -> Pixels:
    if record.bits == 8:
        return pixels.astype(np.float32) / np.float32(255)
    with opened(record.file) as file:
        return decode_deep(file, name)


def read_crops(catalog: Catalog, crops: Sequence[Crop], hr_size: int, *, in_full: bool = False) -> Pixels:
    """Read the pixels of crops; every photo is decoded once, however the crops are ordered.

    Args:
        catalog: the source photos.
        crops: any crops of these photos.
        hr_size: side of a crop in pixels.
        in_full: whether to give all bits that photos have, where any has more than 8.

    Returns:
        uint8 RGB `[N, 3, hr_size, hr_size]`, in the order given; in full perhaps float32 in [0, 1].

    Raises:
        SourceError: if a photo is gone or has changed since the catalog was made.
    """
    dtype = np.float32 if in_full and catalog.bits > 8 else np.uint8
    pixels: Pixels = np.empty((len(crops), 3, hr_size, hr_size), dtype=dtype)
    rows: dict[tuple[int, int], list[tuple[int, Crop]]] = {}
    for row, crop in enumerate(crops):
        rows.setdefault((crop.class_index, crop.photo_index), []).append((row, crop))
    with decoder_warnings_ignored():
        for _ in in_threads(partial(_cut, catalog=catalog, rows=rows, crops=pixels), rows):
            pass
    return pixels


def read_tiles(
    catalog: Catalog, hr_size: int, *, limit: int | None = None, seed: int = 0
) -> list[npt.NDArray[np.uint8]]:
    """Read the tiles of every class.

    Args:
        catalog: the source photos.
        hr_size: side of a tile in pixels.
        limit: at most so many a class, chosen with the seed; None for all.
        seed: the run's seed.

    Returns:
        uint8 RGB `[M_c, 3, hr_size, hr_size]` a class.

    Raises:
        SourceError: if a photo is gone or has changed since the catalog was made.
    """
    plans = [grid_crops(catalog, c, hr_size, limit=limit, seed=seed) for c in range(len(catalog.classes))]
    return [read_crops(catalog, tiles, hr_size) for tiles in plans]
