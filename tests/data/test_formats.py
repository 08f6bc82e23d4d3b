"""What is read of a photo, from format, mode, sample type, photometric interpretation and colour tag: right, converted
with a note, or refused by name; against tifffile, numpy and formulas."""

import itertools
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from strange_photos import picture

from gsdd.data.catalog import scan
from gsdd.data.images import BadImage, read_photo
from gsdd.errors import SourceError

SIZE = (24, 40)


def levels(bits: int, samples: int = 1, seed: int = 3) -> np.ndarray:
    """Random levels with both ends among them, and slow ramps, which a decoder that mixes bytes up turns into noise."""
    shape = SIZE if samples == 1 else (*SIZE, samples)
    draw = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, SIZE[1])[None, :] if samples == 1 else np.linspace(0, 1, SIZE[1])[None, :, None]
    mixed = np.clip(ramp + 0.05 * draw.standard_normal(shape), 0, 1)
    return np.round(mixed * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def to_8_bits(found: np.ndarray, bits: int) -> np.ndarray:
    return np.round(found.astype(np.float64) * 255 / (2**bits - 1))


def outcome(path: Path) -> tuple[np.ndarray | None, tuple[str, ...] | str]:
    try:
        photo = read_photo(path)
    except BadImage as error:
        return None, error.reason
    return photo.pixels.astype(np.float64), photo.conversions


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["miniswhite", "minisblack", "rgb", "cmyk", "planar"])
def test_a_tiff_of_any_samples_is_right_or_refused_by_name(tmp_path, order, kind):
    """tifffile writes every combination, and reads it back: the stored samples, which the tags say what to make of."""
    for dtype in ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"):
        for compression in (None, "zlib"):
            path = tmp_path / f"{kind}{order == '<'}{dtype}{compression}.tif"
            samples = {"rgb": 3, "planar": 3, "cmyk": 4}.get(kind, 1)
            bits = min(np.dtype(dtype).itemsize * 8, 16)
            stored = levels(bits, samples).astype(dtype)
            given = np.moveaxis(stored, -1, 0) if kind == "planar" else stored
            how = {"photometric": "rgb", "planarconfig": "separate"} if kind == "planar" else {"photometric": kind}
            if kind == "cmyk":
                how = {"photometric": "separated"}
            tifffile.imwrite(path, given, byteorder=order, compression=compression, **how)
            if kind != "cmyk":
                assert np.array_equal(np.squeeze(tifffile.imread(path)), given)
            pixels, said = outcome(path)
            if not dtype.startswith("uint") or dtype == "uint32":
                assert pixels is None and said, (path.name, said)
                assert any(word in said for word in ("signed", "floating", "more than 16 bits", "does not read")), said
            elif pixels is None:
                assert said, path.name
            else:
                wanted = to_8_bits(stored, bits)
                if kind == "miniswhite":
                    wanted = 255 - wanted
                if kind == "cmyk":
                    ink = to_8_bits(stored, bits)
                    wanted = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
                wanted = wanted[..., None].repeat(3, -1) if samples == 1 else wanted
                assert np.abs(pixels - wanted).max() <= (3 if kind == "cmyk" else 1), path.name
                if dtype == "uint16" or (kind != "rgb" and kind != "planar"):
                    assert said, path.name


def test_plain_tiffs_are_read_and_not_refused(tmp_path):
    for dtype, kind in itertools.product(("uint8", "uint16"), ("miniswhite", "minisblack", "rgb")):
        stored = levels(np.dtype(dtype).itemsize * 8, 3 if kind == "rgb" else 1)
        tifffile.imwrite(tmp_path / "x.tif", stored, photometric=kind)
        assert outcome(tmp_path / "x.tif")[0] is not None


def test_sixteen_bits_of_which_0_is_white_are_inverted_as_8_bits_are(tmp_path):
    grey = np.asarray(picture(1).convert("L"))
    Image.fromarray(grey).save(tmp_path / "8.tif")
    Image.fromarray((grey * np.uint16(257)).astype(np.uint16)).save(tmp_path / "w.tif", tiffinfo={262: 0})
    pixels, said = outcome(tmp_path / "w.tif")
    assert np.array_equal(pixels[..., 0], 255 - grey)
    assert said == ("16-bit grey to 8-bit", "grey to RGB")


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_few_bits_are_spread_over_the_range(tmp_path, bits, white_is_zero):
    stored = levels(bits)
    packed = np.packbits(np.unpackbits(stored[..., None], axis=-1)[..., 8 - bits :].reshape(SIZE[0], -1), axis=-1)
    (tmp_path / "x.tif").write_bytes(bare_tiff(packed.tobytes(), bits, 0 if white_is_zero else 1))
    pixels, _ = outcome(tmp_path / "x.tif")
    wanted = to_8_bits(stored, bits)
    assert np.abs(pixels[..., 0] - (255 - wanted if white_is_zero else wanted)).max() <= 1


def bare_tiff(data: bytes, bits: int, photometric: int, *more: tuple[int, int, int, int]) -> bytes:
    """One strip, no compression; TIFF 6.0, section 2."""
    entries = [
        (256, 3, 1, SIZE[1]), (257, 3, 1, SIZE[0]), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, photometric),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, SIZE[0]), (279, 4, 1, len(data)), *more,
    ]  # fmt: skip
    padded = data + b"\0" * (len(data) % 2)
    table = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHI", *entry[:3]) + struct.pack("<I", entry[3]) for entry in sorted(entries)
    )
    return b"II*\0" + struct.pack("<I", 8 + len(padded)) + padded + table + struct.pack("<I", 0)


@pytest.mark.parametrize(
    ("more", "said"),
    [([(339, 3, 1, 2)], "signed pixels"), ([(339, 3, 1, 3)], ""), ([(339, 3, 1, 6)], "")],
)
def test_eight_bits_that_are_no_plain_levels_are_refused(tmp_path, more, said):
    (tmp_path / "x.tif").write_bytes(bare_tiff(levels(8).tobytes(), 8, 1, *more))
    pixels, reason = outcome(tmp_path / "x.tif")
    assert pixels is None and said in reason


def test_ycbcr_whose_colours_have_fewer_samples_is_refused(tmp_path):
    from gsdd.data import tiff

    assert "subsampled" in tiff.refusal({262: 6, 259: 1, 258: (8, 8, 8)})
    assert tiff.refusal({262: 6, 259: 7, 258: (8, 8, 8)}) == tiff.refusal({262: 6, 259: 1, 530: (1, 1), 258: 8}) == ""


def with_chunk(path: Path, kind: bytes, data: bytes) -> None:
    png = path.read_bytes()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(png[:33] + chunk + png[33:])


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (b"cICP", bytes([9, 16, 0, 1]), ("cICP (primaries 9, transfer 16) ignored",)),
        (b"cICP", bytes([12, 13, 0, 1]), ("cICP (primaries 12, transfer 13) ignored",)),
        (b"cICP", bytes([1, 13, 0, 1]), ()),
        (b"gAMA", struct.pack(">I", 100_000), ("gAMA 1 ignored",)),
        (b"gAMA", struct.pack(">I", 45_455), ()),
        (b"sRGB", b"\0", ()),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600), ("cHRM ignored",)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000), ()),
    ],
)
def test_a_colour_tag_of_png_that_is_not_srgb_is_named(tmp_path, kind, data, said):
    picture(2).save(tmp_path / "x.png")
    with_chunk(tmp_path / "x.png", kind, data)
    assert outcome(tmp_path / "x.png")[1] == said


def test_a_jpeg_that_calls_itself_adobe_rgb_is_named(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA001: 65535, 0xA005: {1: "R03"}})
    picture(3).save(tmp_path / "x.jpg", exif=exif)
    assert outcome(tmp_path / "x.jpg")[1] == ("Adobe RGB, as its EXIF says, ignored",)


@pytest.mark.parametrize("primaries", [1, 9])
def test_an_avif_of_wide_colours_is_named(tmp_path, primaries):
    picture(4).save(tmp_path / "x.avif", quality=90)
    data = (tmp_path / "x.avif").read_bytes()
    place = data.find(b"colrnclx")
    assert place > 0
    (tmp_path / "x.avif").write_bytes(data[: place + 8] + struct.pack(">HH", primaries, 13) + data[place + 12 :])
    assert bool(outcome(tmp_path / "x.avif")[1]) == (primaries == 9)


UNDECODED = {
    "a.heic": (b"\0\0\0\x18ftypheic" + bytes(100), "cannot decode HEIC (pip install pillow-heif)"),
    "b.jxl": (b"\xff\x0a" + bytes(60), "cannot decode JPEG XL (pip install pillow-jxl-plugin)"),
    "c.CR2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(50), "develop it first"),
    "d.mp4": (b"\0\0\0\x18ftypisom" + bytes(50), "extract frames first"),
    "e.jpg": (b"\0\0\0\x18ftypheic" + bytes(100), "cannot decode HEIC"),
    "f.png": (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\n", "git lfs pull"),
    "g.jpg": (b"<!DOCTYPE html><html>", "a page in HTML"),
}


@pytest.fixture
def undecoded(tmp_path) -> Path:
    (tmp_path / "p" / "x").mkdir(parents=True)
    picture(5).save(tmp_path / "p" / "x" / "good.png")
    for name, (data, _) in UNDECODED.items():
        (tmp_path / "p" / "x" / name).write_bytes(data)
    return tmp_path / "p"


def test_photos_that_cannot_be_decoded_are_skipped_by_name_with_what_would_help(undecoded):
    catalog = scan(undecoded, min_size=8)
    reasons = {Path(bad.path).name: bad.reason for bad in catalog.skipped}
    assert reasons.keys() == UNDECODED.keys()
    assert all(said in reasons[name] for name, (_, said) in UNDECODED.items())
    assert (catalog.images, catalog.ignored) == (1, 0)


def test_and_stop_a_run_that_shall_stop_at_bad_photos(undecoded):
    with pytest.raises(SourceError, match=r"x/a\.heic: this Pillow cannot decode HEIC"):
        scan(undecoded, min_size=8, on_bad_image="fail")


def test_a_folder_of_nothing_else_is_told_so(undecoded):
    (undecoded / "x" / "good.png").unlink()
    with pytest.raises(SourceError, match=r"has no usable image among its 7, such as x/a\.heic: this Pillow cannot"):
        scan(undecoded, min_size=8)


@pytest.mark.parametrize("name", ["lost+found", "@eaDir", "System Volume Information", "$RECYCLE.BIN"])
def test_what_systems_put_into_a_folder_is_passed_over(tmp_path, name):
    for folder in ("x", name):
        (tmp_path / folder).mkdir()
        picture(6).save(tmp_path / folder / "a.png")
    (tmp_path / name).chmod(0)
    try:
        catalog = scan(tmp_path, min_size=8)
    finally:
        (tmp_path / name).chmod(0o700)
    assert [(each.path, each.reason) for each in catalog.ignored_entries] == [(name, "a system folder")]


def test_a_picture_that_no_photo_is_so_small_as_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (9000, 9000)).save(tmp_path / "x.png")
    assert "may be a decompression bomb; no photo is so small" in outcome(tmp_path / "x.png")[1]


def test_large_photos_are_decoded_one_at_a_time(monkeypatch, tmp_path):
    import threading

    from gsdd.data import images, threads

    for number in range(6):
        picture(number, height=100, width=100).save(tmp_path / f"{number}.png")
    at_work, most, lock = [0], [0], threading.Lock()
    plain = images._decoded

    def counted(image, file):
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        threading.Event().wait(0.02)
        try:
            return plain(image, file)
        finally:
            with lock:
                at_work[0] -= 1

    monkeypatch.setattr(images, "_decoded", counted)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 4)
    for pixels, wanted in ((10_000, 1), (20_000, 2), (10**6, 4)):
        monkeypatch.setattr(images, "ROOM", threads.Room(pixels))
        most[0] = 0
        scan(tmp_path, min_size=8)
        assert most[0] == wanted
