"""One photo: a file of any format that Pillow decodes -> upright sRGB pixels of 8 bits, or all 16, or why not."""

import io
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Literal

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from gsdd.data import tiff
from gsdd.data.colour import to_srgb
from gsdd.data.colour_tags import ignored_tags
from gsdd.data.naming import printable
from gsdd.data.threads import ROOM, decoder_warnings_ignored
from gsdd.data.undecoded import load_plugins, what_helps
from gsdd.errors import SourceError
from gsdd.formats.opening import HEAD, not_the_file, opened

ImageFormat = Literal["png", "webp"]

# Twice the size at which Pillow warns of a decompression bomb: the size at which it refuses one.
MAX_PIXELS = 2 * (1024**3 // 4 // 3)
# Pixels that a file of any size may have, and further ones for each of its bytes: a quarter of a bit, as no photo has.
FREE_PIXELS = 24 * 10**6
PIXELS_A_BYTE = 32

# Pillow knows these by their first bytes and does not decode them itself (EPS would start Ghostscript).
NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})

DEEP_GREY = {"16-bit grey to 8-bit", "grey to RGB"}
DEEP_COLOUR = {"16-bit RGB to 8-bit"}
# Of samples whose high byte comes first Pillow takes that one; as if it came last, it takes the other.
LOW_BYTES = "RGB;16L"

# EXIF 2.3, tag 0x0112. ImageOps.exif_transpose also rewrites the EXIF block, and raises on a damaged one.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadImage(SourceError):
    """A photo that cannot be used; `reason` is one line without the file's name."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Photo:
    """Pixels as a person sees them: uint8 sRGB `[H, W, 3]`, upright; and the conversions that this took.

    `bits` are those of a sample that `decode_deep` gives: 16 where the cut to 8 bits is all that was done, else 8.
    """

    pixels: npt.NDArray[np.uint8]
    conversions: tuple[str, ...]
    bits: int = 8


def readable_formats() -> list[str]:
    """Name the formats that this Pillow decodes, in the order in which it tries them."""
    load_plugins()
    Image.init()
    return [name for name in Image.ID if name not in NOT_DECODED]


def photo_suffixes() -> frozenset[str]:
    """Name the file suffixes, lower case and with the dot, of the formats that this Pillow decodes."""
    formats = readable_formats()
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in formats)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    # Pillow's EXIF parser raises whatever damaged bytes lead it to; the pixels are sound all the same.
    except Exception:
        return 1


def _upright(image: Image.Image, turned: int) -> tuple[Image.Image, list[str]]:
    """Apply the EXIF orientation; `turned` is one that the decoder has applied already (it does for TIFF)."""
    orientation = _orientation(image)
    if orientation in UPRIGHT:
        return image.transpose(UPRIGHT[orientation]), [f"EXIF orientation {orientation} applied"]
    return image, [f"EXIF orientation {turned} applied"] if turned in UPRIGHT else []


def _raw_mode(tiles: Iterable[tuple[object, ...]]) -> str:
    for tile in tiles:
        arguments = tile[3]
        first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
        return first if isinstance(first, str) else ""
    return ""


def _convert(file: IO[bytes]) -> Photo:
    with Image.open(file, formats=readable_formats()) as image:
        _check_size(image, file)
        with ROOM.taken(image.width * image.height):
            return _decoded(image, file)


def _decoded(image: Image.Image, file: IO[bytes]) -> Photo:
    names = ["first of several frames"] if getattr(image, "is_animated", False) else []
    turned = _orientation(image) if image.format == "TIFF" else 1
    raw_mode = _raw_mode(getattr(image, "tile", ()))
    negative = _is_negative(image, raw_mode)
    tags = ignored_tags(image, file)
    image.load()
    upright, turn_names = _upright(_positive(image) if negative else image, turned)
    rgb, colour_names = to_srgb(upright, raw_mode)
    is_deep = not negative and _is_deep(image, (*names, *turn_names, *colour_names))
    return Photo(np.array(rgb), (*names, *turn_names, *tags, *colour_names), 16 if is_deep else 8)


def _is_deep(image: Image.Image, conversions: Collection[str]) -> bool:
    """Tell whether a picture has 16 bits that `decode_deep` reads: grey, or PNG in colour, and otherwise plain."""
    if image.mode.startswith("I"):
        return set(conversions) == DEEP_GREY
    return set(conversions) == DEEP_COLOUR and image.format == "PNG"


def _positive(image: Image.Image) -> Image.Image:
    """Turn levels around; Pillow itself does where it has 8 bits or fewer."""
    if not image.mode.startswith("I;16"):
        raise ValueError("photometric 0 (0 is white) is read only if the photo is grey; save it as RGB")
    positive = Image.fromarray(65535 - np.asarray(image).astype(np.uint16))
    positive.info = image.info
    return positive


def _check_size(image: Image.Image, file: IO[bytes]) -> None:
    pixels, size = image.width * image.height, f"{image.width}x{image.height}"
    if pixels > MAX_PIXELS:
        raise ValueError(f"{size} pixels may be a decompression bomb; at most {MAX_PIXELS} pixels are read")
    place = file.tell()
    length = file.seek(0, os.SEEK_END)
    file.seek(place)
    if pixels > FREE_PIXELS + PIXELS_A_BYTE * length:
        raise ValueError(f"{size} pixels in {length} bytes may be a decompression bomb; no photo is so small")


def _is_negative(image: Image.Image, raw_mode: str) -> bool:
    """Look at what Pillow's modes have no room for; ValueError where that makes no photo."""
    if image.format == "FITS" and image.mode != "L":
        raise ValueError("levels of FITS have no defined white; save it as PNG or TIFF")
    if raw_mode.endswith("S"):
        raise ValueError("signed pixels have no defined white; save it with 8 or 16 bits")
    tags = getattr(image, "tag_v2", None)
    if image.format != "TIFF" or tags is None:
        return False
    if reason := tiff.refusal(tags):
        raise ValueError(reason)
    return tiff.is_negative(tags, raw_mode)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image that Pillow can read"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(" ".join(text.split())) or type(error).__name__


def decode(file: IO[bytes], name: str) -> Photo:
    """Decode an open image file. For threads: they start inside `decoder_warnings_ignored`.

    Args:
        file: open for reading, at its start.
        name: the file's name in an error.

    Returns:
        The photo; the first frame of an animation.

    Raises:
        BadImage: whatever is wrong with the file.
    """
    head = file.read(HEAD)
    file.seek(0)
    if not head:
        raise BadImage(name, "the file is empty")
    if reason := not_the_file(head) or what_helps(head, PurePath(name).suffix.lower()):
        raise BadImage(name, reason)
    try:
        return _convert(file)
    # Decoders raise anything on damaged bytes: OSError, SyntaxError, ValueError, struct.error, zlib.error, MemoryError.
    except Exception as error:
        if isinstance(error, UnidentifiedImageError) and head.startswith(tiff.STARTS):
            raise BadImage(name, "is a TIFF of samples that Pillow does not read; save it with 8 or 16 bits") from error
        raise BadImage(name, _reason(error)) from error


def decode_deep(file: IO[bytes], name: str) -> npt.NDArray[np.float32]:
    """Decode all bits of a photo whose `bits` are 16. For threads, as `decode`.

    Args:
        file: open for reading, at its start.
        name: the file's name in an error.

    Returns:
        RGB `[H, W, 3]` in [0, 1].

    Raises:
        BadImage: whatever is wrong with the file.
    """
    try:
        with Image.open(file, formats=readable_formats()) as image, ROOM.taken(image.width * image.height):
            first = np.asarray(image)
            levels = first[..., None].repeat(3, axis=2) if first.ndim == 2 else _both_bytes(file, first)
    # As in `decode`.
    except Exception as error:
        raise BadImage(name, _reason(error)) from error
    return levels.astype(np.float32) / np.float32(65535)


def _both_bytes(file: IO[bytes], high: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    file.seek(0)
    with Image.open(file, formats=readable_formats()) as image:
        image.tile = [tile._replace(args=LOW_BYTES) for tile in image.tile]
        low = np.asarray(image)
    both: npt.NDArray[np.uint16] = high.astype(np.uint16) << 8 | low
    return both


def read_photo(path: Path) -> Photo:
    """Read one photo. Not for threads: `scan` and `read_crops` read many photos in threads of their own.

    Args:
        path: an image file of any format that Pillow decodes.

    Returns:
        The photo; the first frame of an animation.

    Raises:
        BadImage: when it cannot be read, with the reason.
    """
    name = printable(path)
    try:
        with decoder_warnings_ignored(), opened(path) as file:
            return decode(file, name)
    except OSError as error:
        raise BadImage(name, _reason(error)) from error


def is_grey(pixels: npt.NDArray[np.uint8]) -> bool:
    """Tell whether every pixel has three equal channels.

    Args:
        pixels: RGB `[H, W, 3]`.
    """
    # Of a photo in colour some lines tell.
    return all(bool((part == part[..., :1]).all()) for part in (pixels[::64], pixels))


def encode(image: npt.NDArray[np.uint8], image_format: ImageFormat) -> bytes:
    """Encode one image without loss.

    Args:
        image: uint8 RGB `[3, H, W]`.
        image_format: "png" or "webp".
    """
    buffer = io.BytesIO()
    pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
    Image.fromarray(pixels).save(buffer, image_format, lossless=True)  # PNG knows no other way and passes over it
    return buffer.getvalue()
