"""Tags of colour beside an ICC profile: none is applied, so that each that would change the picture is named."""

import struct
from typing import IO

from PIL import ExifTags, Image

from gsdd.data import tiff

# ITU-T H.273: BT.709 and unspecified; transfers that displays treat as sRGB's.
PRIMARIES = (1, 2)
TRANSFERS = (1, 2, 6, 13, 14, 15)
# PNG, third edition, 11.3.2.2: 1/2.2 in hundred-thousandths; and sRGB's chromaticities.
GAMMA = 0.45455
CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
NEAR = 0.01
HEAD = 1 << 16
_PNG = b"\x89PNG\r\n\x1a\n"
_BMP_COLOURS = {b"MBED": "an embedded profile", b"LINK": "a linked profile"}
_BMP_PLACE = 70


def ignored_tags(image: Image.Image, file: IO[bytes]) -> list[str]:
    """Name the tags that say of a picture that its colours are not sRGB, and are not applied.

    Args:
        image: opened; its format tells where to look.
        file: the same; where it stands is kept.
    """
    has_profile = bool(image.info.get("icc_profile"))
    place = file.tell()
    file.seek(0)
    head = file.read(HEAD)
    file.seek(place)
    if image.format == "PNG":
        return _of_png(image, head, has_profile)
    if image.format == "AVIF":
        return _of_boxes(head)
    if image.format == "BMP":
        kind = head[_BMP_PLACE : _BMP_PLACE + 4][::-1]
        return [f"{_BMP_COLOURS[kind]} ignored"] if head[14:15] in (b"\x6c", b"\x7c") and kind in _BMP_COLOURS else []
    if has_profile:
        return []
    if image.format == "TIFF":
        return tiff.ignored_tags(getattr(image, "tag_v2", {}))
    return _of_exif(image)


def _of_png(image: Image.Image, head: bytes, has_profile: bool) -> list[str]:
    if coding := _png_coding(head):
        return _coding("cICP", *coding)
    if has_profile or "srgb" in image.info:
        return []
    tags = []
    gamma = image.info.get("gamma")
    if gamma is not None and abs(gamma - GAMMA) > NEAR:
        tags.append(f"gAMA {gamma:g} ignored")
    found = image.info.get("chromaticity")
    if found is not None and max(abs(a - b) for a, b in zip(found, CHROMATICITIES, strict=False)) > NEAR:
        tags.append("cHRM ignored")
    return tags


def _png_coding(head: bytes) -> tuple[int, int] | None:
    """Read primaries and transfer of the chunk cICP, which Pillow passes over; it stands before the pixels."""
    place = len(_PNG)
    while place + 12 <= len(head):
        length, kind = struct.unpack_from(">I4s", head, place)
        if kind == b"cICP" and length == 4 and place + 10 <= len(head):
            return head[place + 8], head[place + 9]
        if kind == b"IDAT":
            return None
        place += 12 + length
    return None


def _of_boxes(head: bytes) -> list[str]:
    """Read the box colr of AVIF, in its form nclx."""
    place = head.find(b"colrnclx")
    if place < 0 or place + 12 > len(head):
        return []
    return _coding("colr", *struct.unpack_from(">HH", head, place + 8))


def _coding(name: str, primaries: int, transfer: int) -> list[str]:
    is_usual = primaries in PRIMARIES and transfer in TRANSFERS
    return [] if is_usual else [f"{name} (primaries {primaries}, transfer {transfer}) ignored"]


def _of_exif(image: Image.Image) -> list[str]:
    try:
        exif = image.getexif()
        index = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace), exif.get_ifd(ExifTags.IFD.Interop).get(1)
    # Pillow's EXIF parser raises whatever damaged bytes lead it to; the pixels are sound all the same.
    except Exception:
        return []
    return ["Adobe RGB, as its EXIF says, ignored"] if index[1] == "R03" or index[0] == 2 else []
