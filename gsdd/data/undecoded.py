"""Files that are photos to people, and that Pillow does not decode: by name, with what would help."""

from contextlib import suppress
from functools import cache

from PIL import Image

from gsdd.data.layout import VIDEO_SUFFIXES

HEIF, JXL, RAW, VIDEO = "HEIC", "JPEG XL", "camera raw", "video"
SUFFIXES = {
    **dict.fromkeys((".heic", ".heif", ".hif"), HEIF),
    ".jxl": JXL,
    **dict.fromkeys(
        (".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".iiq", ".kdc", ".mrw", ".nef", ".nrw", ".orf", ".pef",
         ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"), RAW,
    ),
}  # fmt: skip
HELP = {
    HEIF: "this Pillow cannot decode HEIC (pip install pillow-heif)",
    JXL: "this Pillow cannot decode JPEG XL (pip install pillow-jxl-plugin)",
    RAW: "is a camera's raw file; develop it first, to PNG or TIFF, such as with darktable-cli",
    VIDEO: "is a video; extract frames first, such as with ffmpeg -i FILE -vf fps=1 %06d.png",
}
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), HEIF),
    b"crx ": RAW,
    **dict.fromkeys((b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"3gp4", b"3gp5"), VIDEO),
}
_STARTS = {
    b"\xff\x0a": JXL,
    b"\0\0\0\x0cJXL \r\n\x87\n": JXL,
    b"FUJIFILMCCD-RAW": RAW,
    b"IIRO": RAW,
    b"IIU\0": RAW,
    b"\x1aE\xdf\xa3": VIDEO,
}


@cache
def load_plugins() -> None:
    """Have Pillow decode what packages that are installed add to it."""
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    with suppress(ImportError):
        import pillow_jxl  # noqa: F401 - it registers itself


def may_be_a_photo(suffix: str) -> bool:
    """Tell whether people call a file of this suffix, lower case and with the dot, a photo."""
    return suffix in SUFFIXES


def what_helps(head: bytes, suffix: str) -> str:
    """Say why a file is not decoded, and what would help; empty where Pillow may try.

    Args:
        head: its first bytes.
        suffix: of its name, in lower case.
    """
    load_plugins()
    # A raw file of most cameras is a TIFF file to Pillow, of which it gives the preview.
    by_name = VIDEO if suffix in VIDEO_SUFFIXES else SUFFIXES.get(suffix)
    kind = by_name if by_name in (RAW, VIDEO) else _kind(head) or by_name
    if kind in (HEIF, JXL) and {HEIF: "HEIF", JXL: "JXL"}[kind] in Image.OPEN:
        return ""
    return HELP.get(kind or "", "")


def _kind(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    return next((kind for start, kind in _STARTS.items() if head.startswith(start)), None)
