"""Colours by the profile in the file, against ICC profiles written here and the formulas of the standards."""

import itertools
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from gsdd.data.images import read_photo

# Columns: XYZ of red, green and blue, adapted to D50 (ICC.1:2022, Annex F; Adobe RGB (1998); SMPTE EG 432-1).
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
D50 = np.array([0.9642, 1.0, 0.8249])


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def xyz(values) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(fixed(value) for value in values)


def gamma(exponent: float) -> bytes:
    return struct.pack(">4s4xIH2x", b"curv", 1, round(exponent * 256))


def profile(space: bytes, connection: bytes, tags: dict[bytes, bytes], name: str, kind: bytes = b"mntr") -> bytes:
    """Write an ICC version 2.4 profile (ICC.1:2001-04, clause 6)."""
    description = struct.pack(">4s4xI", b"desc", len(name) + 1) + name.encode() + b"\0" + bytes(78)
    tags = {b"desc": description, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(D50), **tags}
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        padded = data + bytes(-len(data) % 4)
        table += signature + struct.pack(">II", offset + len(body), len(data))
        body += padded
    rest = struct.pack(">I", len(tags)) + table + body
    head = struct.pack(">I4sI4s4s4s12x4s", 128 + len(rest), b"lcms", 0x02400000, kind, space, connection, b"acsp")
    return head.ljust(68, b"\0") + b"".join(map(fixed, D50)) + bytes(48) + rest


def rgb_profile(primaries: np.ndarray, exponent: float, name: str) -> bytes:
    colorants = {
        signature: xyz(column) for signature, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries.T, strict=True)
    }
    curves = {signature: gamma(exponent) for signature in (b"rTRC", b"gTRC", b"bTRC")}
    return profile(b"RGB ", b"XYZ ", {**colorants, **curves}, name)


def srgb_from_linear(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def muted_colours() -> np.ndarray:
    """Colours that lie inside sRGB whichever of these profiles they have."""
    return np.random.default_rng(0).integers(96, 160, (16, 24, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("primaries", "exponent", "name"), [(ADOBE_RGB, 2.19921875, "Wide RGB"), (DISPLAY_P3, 2.2, "Display P3")]
)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_colours_of_a_wide_profile_are_brought_to_srgb(tmp_path, primaries, exponent, name, suffix):
    path = tmp_path / f"wide{suffix}"
    icc = rgb_profile(primaries, exponent, name)
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(muted_colours()).save(path, icc_profile=icc, **options)
    photo = read_photo(path)
    linear = (muted_colours() / 255) ** exponent @ primaries.T @ np.linalg.inv(SRGB).T
    np.testing.assert_allclose(photo.pixels, srgb_from_linear(linear), atol=1.5)
    assert photo.conversions == (f"RGB to sRGB by its ICC profile ({name})",)


def test_alpha_is_kept_apart_from_the_colours_of_a_profile(tmp_path):
    alpha = np.arange(16 * 24, dtype=np.uint16).reshape(16, 24).astype(np.uint8)
    image = Image.fromarray(np.dstack([muted_colours(), alpha]))
    image.save(tmp_path / "wide.png", icc_profile=rgb_profile(DISPLAY_P3, 2.2, "Display P3"))
    linear = (muted_colours() / 255) ** 2.2 @ DISPLAY_P3.T @ np.linalg.inv(SRGB).T
    opacity = alpha[..., None] / 255
    expected = srgb_from_linear(linear) * opacity + 255 * (1 - opacity)
    np.testing.assert_allclose(read_photo(tmp_path / "wide.png").pixels, expected, atol=1.5)


def test_a_photo_that_says_srgb_keeps_its_exact_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "plain.png", icc_profile=icc)
    photo = read_photo(tmp_path / "plain.png")
    np.testing.assert_array_equal(photo.pixels, pixels)
    assert photo.conversions == ()


def test_grey_is_brought_to_srgb_by_its_profile(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    icc = profile(b"GRAY", b"XYZ ", {b"kTRC": gamma(1.0)}, "Linear grey")
    Image.fromarray(levels).save(tmp_path / "grey.png", icc_profile=icc)
    photo = read_photo(tmp_path / "grey.png")
    np.testing.assert_allclose(photo.pixels[..., 1], srgb_from_linear(levels / 255), atol=1.5)
    assert photo.conversions == ("grey to RGB by its ICC profile (Linear grey)",)


def lab_from_srgb(levels: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, then CIE 15: L*a*b* under D50."""
    value = levels / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = linear @ SRGB.T / D50
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def ink_profile(corners: dict[tuple[int, ...], tuple[int, int, int]]) -> bytes:
    """Write a printer's profile by the sRGB colour of each full or missing ink (lut16Type, 2 grid points)."""
    ramp = struct.pack(">2H", 0, 65535)
    table = b""
    for inks in itertools.product((0, 1), repeat=4):
        lightness, a, b = lab_from_srgb(np.array(corners[inks]))
        table += struct.pack(">3H", round(lightness * 652.8), round((a + 128) * 256), round((b + 128) * 256))
    matrix = b"".join(fixed(value) for value in np.eye(3).reshape(-1))
    lut = struct.pack(">4s4x4B", b"mft2", 4, 3, 2, 0) + matrix + struct.pack(">2H", 2, 2) + ramp * 4 + table + ramp * 3
    return profile(b"CMYK", b"Lab ", {b"A2B0": lut, b"A2B1": lut}, "Odd inks", kind=b"prtr")


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_is_brought_to_srgb_by_its_profile(tmp_path, suffix):
    stream = np.random.default_rng(1)
    corners = {inks: tuple(stream.integers(60, 200, 3).tolist()) for inks in itertools.product((0, 1), repeat=4)}
    corners |= {inks: (0, 0, 0) for inks in corners if inks[3]} | {(0, 0, 0, 0): (255, 255, 255)}
    inks = np.array(list(corners), dtype=np.uint8)[None] * 255
    image = Image.fromarray(np.kron(inks, np.ones((16, 16, 1), np.uint8)), "CMYK")
    options = {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {}
    image.save(tmp_path / f"ink{suffix}", icc_profile=ink_profile(corners), **options)
    photo = read_photo(tmp_path / f"ink{suffix}")
    np.testing.assert_allclose(photo.pixels[8, 8::16], list(corners.values()), atol=3)
    assert photo.conversions == ("CMYK to RGB by its ICC profile (Odd inks)",)


def test_lab_is_brought_to_srgb(tmp_path):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    to_lab = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
    to_lab.apply(Image.fromarray(muted_colours())).save(tmp_path / "lab.tif")
    photo = read_photo(tmp_path / "lab.tif")
    np.testing.assert_allclose(photo.pixels, muted_colours(), atol=4)
    assert photo.conversions == ("LAB to RGB",)


@pytest.mark.parametrize(
    ("icc", "note"),
    [
        (b"no profile at all", "damaged ICC profile ignored"),
        (rgb_profile(DISPLAY_P3, 2.2, "cut")[:300], "damaged ICC profile ignored"),
        (profile(b"GRAY", b"XYZ ", {b"kTRC": gamma(1.0)}, "grey"), "ICC profile of another colour space ignored"),
    ],
    ids=["text", "cut short", "of grey"],
)
def test_a_profile_that_does_not_apply_is_ignored_and_said(tmp_path, icc, note):
    Image.fromarray(muted_colours()).save(tmp_path / "photo.tif", icc_profile=icc)
    photo = read_photo(tmp_path / "photo.tif")
    np.testing.assert_array_equal(photo.pixels, muted_colours())
    assert photo.conversions == (note,)
