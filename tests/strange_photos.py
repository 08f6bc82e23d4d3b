"""A folder as people have them: one class of good photos, odd ones, broken ones, and things that are no photos."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

LONG = "long" * 62 + ".png"
NOT_UTF8 = os.fsdecode(b"\xff\xfe.png")

USED_AS_THEY_ARE = {"good.jpg", "good.png", "line\\u000abreak.png", "\\xff\\xfe.png", LONG}
CONVERTED = {
    "16bit.png": "16-bit grey to 8-bit, grey to RGB",
    "cmyk.jpg": "CMYK to RGB without a profile",
    "film.apng": "first of several frames",
    "film.gif": "first of several frames, palette to RGB",
    "film.webp": "first of several frames",
    "glass.png": "grey to RGB, alpha over white",
    "palette.png": "palette to RGB, alpha over white",
    **{f"turned{n}.jpg": f"EXIF orientation {n} applied" for n in range(2, 9)},
}
SKIPPED = {
    "1x1.png": "too small: 1x1 pixels, wanted 32 a side",
    "20000x1.png": "too small: 20000x1 pixels, wanted 32 a side",
    "bomb.png": "Image size (400000000 pixels) exceeds limit of 178956970 pixels, "
    "could be decompression bomb DOS attack.",
    "clip.mpg": "is a video; extract frames first, such as with ffmpeg -i FILE -vf fps=1 %06d.png",
    "good_copy.png": "same bytes as strange/good.png",
    "float.tif": "floating-point pixels have no defined white; save it with 8 or 16 bits",
    "text.png": "not an image that Pillow can read",
    "truncated0.png": "the file is empty",
    **{f"truncated{tenth}.png": "image file is truncated" for tenth in range(1, 10)},
}
IGNORED = {
    ".hidden.png": "hidden",
    "Thumbs.db": "not an image",
    "broken.png": "broken symlink",
    "deeper": "a folder inside a class",
    "loop.png": "symlink loop",
    "pipe.png": "not a regular file",
    "up": "a folder inside a class",
}


def rgb_png(width: int, height: int, bits: int, rows: bytes) -> bytes:
    """A PNG of any header and any rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


BOMB = rgb_png(20000, 20000, 8, b"")


def picture(number: int, height: int = 40, width: int = 48) -> Image.Image:
    """Give a picture that no other number gives."""
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (height, width, 3)).astype(np.uint8))


def put(path: Path, number: int = 0, **size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(number, **size).save(path)
    return path


def strange_class(folder: Path) -> Path:
    """Fill the class folder `strange` with what the tables above list; every picture is another."""
    for number, name in enumerate(["good.jpg", "good.png", "line\nbreak.png", NOT_UTF8, LONG]):
        put(folder / name, number)
    _put_odd_pictures(folder)
    _put_broken_pictures(folder)
    _put_other_things(folder)
    return folder


def _put_odd_pictures(folder: Path) -> None:
    levels = np.random.default_rng(10).integers(0, 65536, (40, 48)).astype(np.uint16)
    Image.fromarray(levels).save(folder / "16bit.png")
    picture(11).convert("CMYK").save(folder / "cmyk.jpg")
    for number, suffix, kind in ((12, "apng", "png"), (13, "gif", "gif"), (14, "webp", "webp")):
        film = {"save_all": True, "append_images": [picture(number + 50)], "duration": 20}
        picture(number).save(folder / f"film.{suffix}", kind, **film)
    Image.merge("LA", picture(15).split()[:2]).save(folder / "glass.png")
    picture(16).quantize(64).save(folder / "palette.png", transparency=bytes(range(64)))
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        picture(20 + orientation).save(folder / f"turned{orientation}.jpg", exif=exif)


def _put_broken_pictures(folder: Path) -> None:
    put(folder / "1x1.png", 30, height=1, width=1)
    put(folder / "20000x1.png", 31, height=1, width=20000)
    (folder / "bomb.png").write_bytes(BOMB)
    (folder / "good_copy.png").write_bytes((folder / "good.png").read_bytes())
    Image.new("F", (40, 40), 0.5).save(folder / "float.tif")
    (folder / "text.png").write_text("a text file")
    whole = put(folder / "truncated0.png", 32).read_bytes()
    for tenth in range(10):
        (folder / f"truncated{tenth}.png").write_bytes(whole[: len(whole) * tenth // 10])


def _put_other_things(folder: Path) -> None:
    put(folder / ".hidden.png", 40)
    put(folder / "deeper" / "photo.png", 41)
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (folder / "clip.mpg").write_bytes(b"\0\0\1\xb3")
    (folder / "broken.png").symlink_to("gone.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "up").symlink_to("..")
    os.mkfifo(folder / "pipe.png")
