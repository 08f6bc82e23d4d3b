"""One file -> pixels as a person sees them, or the reason why not."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageFile
from strange_photos import BOMB, picture, put, rgb_png

from gsdd.data.images import BadImage, photo_suffixes, read_photo
from gsdd.errors import SourceError

# EXIF 2.32, tag 0x0112: the sides of the scene at which the stored row 0 and column 0 lie.
ROW_AND_COLUMN_0 = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def scene(height: int = 20, width: int = 32) -> np.ndarray:
    """No two pixels of it are the same, and no flip of it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 255 // height, columns * 255 // width, (rows * 7 + columns * 3) % 256], -1).astype(np.uint8)


def save(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


def as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    row_side, column_side = ROW_AND_COLUMN_0[orientation]
    pixels = upright if row_side in ("top", "bottom") else upright.transpose(1, 0, 2)
    if row_side in ("bottom", "right"):
        pixels = pixels[::-1]
    if column_side in ("bottom", "right"):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_upright_whatever_its_exif_orientation(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    stored = Image.fromarray(as_stored(scene(), orientation))
    photo = read_photo(save(stored, tmp_path / f"photo{suffix}", exif=exif, **options))
    np.testing.assert_array_equal(photo.pixels, scene())
    assert photo.conversions == (() if orientation == 1 else (f"EXIF orientation {orientation} applied",))


def test_a_jpeg_is_upright(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image = Image.fromarray(as_stored(scene(), 6))
    photo = read_photo(save(image, tmp_path / "photo.jpg", exif=exif, quality=98, subsampling=0))
    assert photo.pixels.shape == (20, 32, 3)
    assert np.abs(photo.pixels.astype(int) - scene()).mean() < 8


def test_damaged_exif_does_not_cost_the_photo(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Software] = "a long enough text to lie outside of its entry"
    whole = exif.tobytes()
    for end in range(8, len(whole), 3):
        pixels = read_photo(save(Image.fromarray(scene()), tmp_path / "photo.png", exif=whole[:end])).pixels
        assert sorted(pixels.shape) == [3, 20, 32]
        np.testing.assert_array_equal(np.sort(pixels.reshape(-1)), np.sort(scene().reshape(-1)))


def test_grey_becomes_three_equal_channels(tmp_path):
    photo = read_photo(save(Image.fromarray(scene()[..., 0]), tmp_path / "grey.png"))
    np.testing.assert_array_equal(photo.pixels, np.repeat(scene()[..., :1], 3, axis=2))
    assert photo.conversions == ("grey to RGB",)


@pytest.mark.parametrize(
    ("suffix", "mode", "dtype"),
    [(".png", "I;16", "<u2"), (".tif", "I;16", "<u2"), (".pgm", "I;16", "<u2"), (".tif", "I;16B", ">u2")],
)
def test_sixteen_bit_grey_keeps_its_whole_range_in_either_byte_order(tmp_path, suffix, mode, dtype):
    levels = np.linspace(0, 65535, 40 * 50).astype(dtype).reshape(40, 50)
    photo = read_photo(save(Image.frombytes(mode, (50, 40), levels.tobytes()), tmp_path / f"deep{suffix}"))
    np.testing.assert_array_equal(photo.pixels, np.rint(levels / 257).astype(np.uint8)[..., None].repeat(3, axis=2))
    assert photo.conversions == ("16-bit grey to 8-bit", "grey to RGB")


def test_sixteen_bit_grey_with_a_transparent_level_lies_on_white(tmp_path):
    levels = np.array([[0, 20000], [40000, 65535]], dtype=np.uint16)
    photo = read_photo(save(Image.fromarray(levels), tmp_path / "deep.png", transparency=20000))
    np.testing.assert_array_equal(photo.pixels[..., 0], [[0, 255], [156, 255]])
    assert photo.conversions[-1] == "alpha over white"


def test_sixteen_bit_colour_is_brought_to_eight_bits_and_said(tmp_path):
    levels = np.random.default_rng(0).integers(0, 65536, (5, 6, 3))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    (tmp_path / "deep.png").write_bytes(rgb_png(6, 5, 16, rows))
    photo = read_photo(tmp_path / "deep.png")
    np.testing.assert_allclose(photo.pixels, levels / 257, atol=1)
    assert photo.conversions == ("16-bit RGB to 8-bit",)


def test_twelve_bit_grey_keeps_its_whole_range(tmp_path):
    # TIFF 6.0, section 2: header, one directory of eight entries, then 2x2 packed samples of 12 bits at byte 110.
    tags = [(256, 2), (257, 2), (258, 12), (259, 1), (262, 1), (273, 110), (277, 1), (279, 6)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    (tmp_path / "twelve.tif").write_bytes(directory + bytes.fromhex("000fff800123"))
    photo = read_photo(tmp_path / "twelve.tif")
    assert photo.pixels[..., 0].tolist() == [[0, 255], [round(0x800 / 4095 * 255), round(0x123 / 4095 * 255)]]
    assert photo.conversions == ("12-bit grey to 8-bit", "grey to RGB")


@pytest.mark.parametrize(("mode", "conversions"), [("RGB", ()), ("L", ("grey to RGB",))])
def test_alpha_lies_over_white(tmp_path, mode, conversions):
    image, alpha = Image.fromarray(scene()).convert(mode), picture(0, 20, 32).convert("L")
    colour, opacity = np.asarray(image.convert("RGB")), np.asarray(alpha)[..., None] / 255
    image.putalpha(alpha)
    photo = read_photo(save(image, tmp_path / "alpha.png"))
    np.testing.assert_array_equal(photo.pixels, np.rint(colour * opacity + 255 * (1 - opacity)))
    assert photo.conversions == (*conversions, "alpha over white")


def test_an_opaque_alpha_channel_changes_nothing_and_is_not_mentioned(tmp_path):
    photo = read_photo(save(Image.fromarray(scene()).convert("RGBA"), tmp_path / "alpha.png"))
    np.testing.assert_array_equal(photo.pixels, scene())
    assert photo.conversions == ()


def test_a_palette_with_transparency_lies_over_white(tmp_path):
    image = Image.new("P", (3, 1))
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    image.putdata([0, 1, 2])
    photo = read_photo(save(image, tmp_path / "palette.png", transparency=bytes([255, 0, 51])))
    assert photo.pixels.tolist() == [[[200, 0, 0], [255, 255, 255], [204, 204, 244]]]
    assert photo.conversions == ("palette to RGB", "alpha over white")


def test_a_transparent_colour_lies_over_white(tmp_path):
    image = Image.fromarray(np.array([[[10, 20, 30], [11, 20, 30]]], dtype=np.uint8))
    photo = read_photo(save(image, tmp_path / "key.png", transparency=(10, 20, 30)))
    assert photo.pixels.tolist() == [[[255, 255, 255], [11, 20, 30]]]


def test_one_bit_is_black_and_white(tmp_path):
    photo = read_photo(save(Image.fromarray(np.array([[True, False]])), tmp_path / "fax.tif"))
    assert photo.pixels.tolist() == [[[255, 255, 255], [0, 0, 0]]]
    assert photo.conversions == ("1-bit to RGB",)


def test_cmyk_without_a_profile_is_ink_on_white_paper(tmp_path):
    ink = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 0, 0, 255]]], dtype=np.uint8)
    image = Image.fromarray(np.kron(ink, np.ones((16, 16, 1), np.uint8)), "CMYK")
    expected = [[255, 255, 255], [0, 255, 255], [255, 0, 255], [255, 255, 0], [0, 0, 0]]
    for name, options in (("ink.tif", {}), ("ink.jpg", {"quality": 98, "subsampling": 0})):
        photo = read_photo(save(image, tmp_path / name, **options))
        np.testing.assert_allclose(photo.pixels[8, 8::16], expected, atol=3)
        assert photo.conversions == ("CMYK to RGB without a profile",)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path, suffix):
    red, blue = (Image.new("RGB", (16, 12), colour) for colour in ("red", "blue"))
    options = {} if suffix == ".tif" else {"duration": 40}
    photo = read_photo(save(red, tmp_path / f"film{suffix}", save_all=True, append_images=[blue], **options))
    np.testing.assert_allclose(photo.pixels, np.broadcast_to([255, 0, 0], (12, 16, 3)), atol=3)
    assert photo.conversions[0] == "first of several frames"


def test_floating_point_pixels_are_refused(tmp_path):
    with pytest.raises(BadImage, match="floating-point pixels have no defined white"):
        read_photo(save(Image.new("F", (8, 8), 0.5), tmp_path / "float.tif"))


def test_levels_beyond_sixteen_bits_are_refused(tmp_path):
    with pytest.raises(BadImage, match="signed pixels have no defined white"):
        read_photo(save(Image.new("I", (8, 8), 70000), tmp_path / "deep.tif"))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".tif", ".bmp", ".ppm", ".jp2", ".avif"])
def test_a_file_that_ends_too_early_is_refused(tmp_path, suffix):
    whole = put(tmp_path / f"whole{suffix}").read_bytes()
    for tenth in range(10):
        cut = tmp_path / f"cut{suffix}"
        cut.write_bytes(whole[: len(whole) * tenth // 10])
        with pytest.raises(BadImage) as caught:
            read_photo(cut)
        assert str(cut) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_damaged_bytes_give_a_photo_or_a_reason_and_nothing_else(tmp_path):
    stream = np.random.default_rng(0)
    for suffix in (".jpg", ".png", ".webp", ".gif", ".bmp", ".tga"):
        whole = put(tmp_path / f"whole{suffix}").read_bytes()
        for _ in range(40):
            damaged = np.frombuffer(whole, np.uint8).copy()
            damaged[stream.integers(0, min(300, len(whole)), 3)] = stream.integers(0, 256, 3)
            path = tmp_path / f"damaged{suffix}"
            path.write_bytes(damaged.tobytes())
            try:
                assert read_photo(path).pixels.dtype == np.uint8
            except BadImage as error:
                assert error.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"just some text\n", "not an image that Pillow can read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image that Pillow can read"),
        (BOMB, "decompression bomb"),
    ],
    ids=["empty", "text", "EPS, which would start Ghostscript", "bomb"],
)
def test_what_is_no_photo_is_refused_with_its_reason(tmp_path, content, reason):
    (tmp_path / "photo.png").write_bytes(content)
    with pytest.raises(BadImage, match=reason):
        read_photo(tmp_path / "photo.png")


def test_a_missing_file_is_a_bad_image_too(tmp_path):
    with pytest.raises(SourceError, match=r"gone\.png: No such file or directory"):
        read_photo(tmp_path / "gone.png")


def test_a_photo_so_large_that_pillow_warns_is_read_in_silence(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)
    np.testing.assert_array_equal(read_photo(save(Image.fromarray(scene()), tmp_path / "large.png")).pixels, scene())


def test_pillows_global_limits_stay_as_they_are(tmp_path):
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    read_photo(put(tmp_path / "photo.png"))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_suffixes_are_those_of_formats_that_are_decoded():
    assert {".jpg", ".jpeg", ".png", ".webp", ".tiff", ".gif", ".avif"} <= photo_suffixes()
    assert not {".h5", ".mpg", ".eps", ".wmf", ".pdf", ".txt"} & photo_suffixes()


def test_pixels_may_be_written_to(tmp_path):
    assert read_photo(put(tmp_path / "photo.png")).pixels.flags.writeable
