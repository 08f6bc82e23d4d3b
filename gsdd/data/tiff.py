"""What the samples of a TIFF file mean: right as Pillow reads them, to be inverted, or of no defined black and white.

Pillow tells modes by these tags, and passes over what its modes have no room for.
"""

from typing import Any

from PIL.TiffTags import TAGS_V2

PHOTOMETRIC, BITS, FORMAT, COMPRESSION, SUBSAMPLING, PLANES = 262, 258, 339, 259, 530, 284
WHITE_IS_ZERO, YCBCR = 0, 6
RAW, JPEG = 1, 7
# Uncompressed, and PackBits: what Pillow reads without libtiff, and takes planes of 16 bits for such of 8.
READ_BY_PILLOW = (RAW, 32773)
STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
UNSIGNED, UNDEFINED = 1, 4
FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
# Pillow's raw modes end in this where it inverts by itself.
INVERTED = ("I", "IR")
COLOUR_TAGS = (301, 318, 319)


def refusal(tags: Any) -> str:  # noqa: ANN401 - Pillow's directory has no type
    """Say why a file's samples are no photo; empty where they are.

    Args:
        tags: of its first image, by number.
    """
    for kind in _several(tags.get(FORMAT, UNSIGNED)):
        if kind not in (UNSIGNED, UNDEFINED):
            name = FORMATS.get(kind, "strange")
            return f"{name} pixels have no defined white; save it with 8 or 16 bits"
    bits = max(_several(tags.get(BITS, 1)))
    if bits > 16:
        return "levels of more than 16 bits have no defined white; save it with 8 or 16 bits"
    by_pillow = tags.get(COMPRESSION, RAW) in READ_BY_PILLOW
    if tags.get(PLANES, 1) != 1 and by_pillow and bits > 8:
        return "planes of 16 bits are not read; save it with the colours of a pixel side by side"
    subsampled = tuple(_several(tags.get(SUBSAMPLING, (2, 2)))) != (1, 1)
    if tags.get(PHOTOMETRIC) == YCBCR and tags.get(COMPRESSION, RAW) != JPEG and subsampled:
        return "YCbCr with subsampled colours is read from JPEG alone; save it as RGB"
    return ""


def is_negative(tags: Any, raw_mode: str) -> bool:  # noqa: ANN401
    """Tell whether 0 is white in a file whose samples Pillow leaves as they are.

    Args:
        tags: of its first image, by number.
        raw_mode: how Pillow reads its samples, such as "L;I" or "I;16".
    """
    return tags.get(PHOTOMETRIC) == WHITE_IS_ZERO and not _is_inverted(raw_mode)


def ignored_tags(tags: Any) -> list[str]:  # noqa: ANN401
    """Name the tags of colour that are not looked at."""
    return [f"TIFF tag {TAGS_V2[number].name} ignored" for number in COLOUR_TAGS if number in tags]


def _is_inverted(raw_mode: str) -> bool:
    kind, _, how = raw_mode.partition(";")
    return kind in ("1", "L") and how.lstrip("0123456789") in INVERTED


def _several(value: Any) -> tuple[int, ...]:  # noqa: ANN401
    return tuple(value) if isinstance(value, tuple | list) else (int(value),)
