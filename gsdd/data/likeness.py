"""Photos that look alike, by a perceptual hash: the same picture encoded, resized or lightened again."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from gsdd.data.catalog import PhotoRecord, decode_with_digest
from gsdd.data.threads import decoder_warnings_ignored, in_threads
from gsdd.monitor import SILENT, Monitor

# Of the side of the square of frequencies whose signs are the bits.
HASH_SIDE = 16
WORDS = HASH_SIDE**2 // 64
# Of 256 bits. 283 photos of BSDS are 90 and more apart; encoded, resized or lightened again, or trimmed by a fiftieth,
# each is up to 34 from itself (docs/sources.md).
MOST_BITS = 40

Hashes: TypeAlias = npt.NDArray[np.uint64]


def perceptual_hash(pixels: npt.NDArray[np.uint8]) -> Hashes:
    """Hash a picture by the signs of its low frequencies.

    Args:
        pixels: uint8 RGB `[H, W, 3]`.

    Returns:
        256 bits, `[4]`.

    Source: pHash, as in imagehash; Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
    """
    from imagehash import phash  # SciPy's and PyWavelets' imports take half a second

    bits = phash(Image.fromarray(pixels), hash_size=HASH_SIDE).hash
    hashed: Hashes = np.packbits(bits).view(np.uint64)
    return hashed


def stacked(hashes: Sequence[Hashes]) -> Hashes:
    """Put hashes into one array `[N, 4]`; N may be 0."""
    rows: Hashes = np.array(hashes, np.uint64).reshape(-1, WORDS)
    return rows


def hash_photos(records: Sequence[PhotoRecord], monitor: Monitor = SILENT) -> Hashes:
    """Hash photos, each decoded once.

    Args:
        records: at least one.
        monitor: told of the photos.

    Returns:
        `[N, 4]`.
    """
    hashes: list[Hashes] = []
    with decoder_warnings_ignored():
        for found in in_threads(_hash_of, records):
            hashes.append(found)
            monitor.progress("hashes", len(hashes), len(records))
    return stacked(hashes)


def _hash_of(record: PhotoRecord) -> Hashes:
    return perceptual_hash(decode_with_digest(record.file, record.path).photo.pixels)


def near_duplicates(records: Sequence[PhotoRecord], hashes: Hashes) -> dict[int, int]:
    """Find photos that look like another one, of which the largest stays.

    Args:
        records: of the photos.
        hashes: of the same, from `hash_photos`.

    Returns:
        Number of the photo that stays, by that of each photo that looks like it and could go; of equal ones the first
        stays. No two photos that stay look alike.
    """
    order = sorted(range(len(records)), key=lambda number: (-records[number].width * records[number].height, number))
    kept: list[int] = []
    like: dict[int, int] = {}
    staying = np.empty_like(hashes)
    for number in order:
        apart = np.bitwise_count(staying[: len(kept)] ^ hashes[number]).sum(axis=1)
        nearest = int(apart.argmin()) if kept else 0
        if kept and apart[nearest] <= MOST_BITS:
            like[number] = kept[nearest]
        else:
            staying[len(kept)] = hashes[number]
            kept.append(number)
    return like
