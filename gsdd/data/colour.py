"""Any picture that Pillow decodes -> 8-bit sRGB as a person sees it on a white page, and what that took."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from gsdd.data.naming import printable

COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
MODE_NAMES = {"1": "1-bit", "L": "grey", "LA": "grey", "P": "palette", "PA": "palette", "YCbCr": "YCbCr"}

# Profiles that say sRGB differ from each other by rounding; up to this many levels the pixels are left as they are.
SRGB_TOLERANCE = 2
# The longest part of a profile's own name that a conversion quotes.
PROFILE_NAME_LENGTH = 60


class Layers(NamedTuple):
    """A picture taken apart: colour in mode L, RGB, CMYK or LAB, and alpha in mode L or None."""

    colour: Image.Image
    alpha: Image.Image | None


def _split_deep_grey(image: Image.Image, bits: int) -> Layers:
    """Scale grey levels of 12 or 16 bits to 8: Pillow's own conversion clips everything above 255 to white."""
    levels = np.asarray(image).astype(np.int64)
    top = 2**bits - 1
    if levels.min() < 0 or levels.max() > top:
        raise ValueError(f"grey levels from {levels.min()} to {levels.max()}; wanted 0 to {top}")
    grey = Image.fromarray(((levels * 255 + top // 2) // top).astype(np.uint8))
    hole = image.info.get("transparency")
    if not isinstance(hole, int):
        return Layers(grey, None)
    return Layers(grey, Image.fromarray(np.where(levels == hole, 0, 255).astype(np.uint8)))


def _split(image: Image.Image) -> Layers:
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no defined white; save it with 8 or 16 bits")
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        whole = image.convert("LA" if grey else "RGBA")
        return Layers(whole.convert("L" if grey else "RGB"), whole.getchannel("A"))
    if image.mode in (*COLOUR_SPACES, "LAB"):
        return Layers(image, None)
    return Layers(image.convert("L" if grey else "RGB"), None)


def _transform(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        # For one channel LittleCMS's optimiser has 33 grid points, 10 levels wrong in the darks of linear grey.
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | (ImageCms.Flags.NOOPTIMIZE if mode == "L" else 0),
    )


def _probe(mode: str) -> Image.Image:
    """Make a picture of colours all over the cube, to see what a transform does."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    axis = np.linspace(0, 255, 9).astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(27, 27, 3))


def _changes_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode == "CMYK":
        return True
    probe = _probe(mode)
    before = np.asarray(probe.convert("RGB")).astype(int)
    return bool(np.abs(np.asarray(transform.apply(probe)).astype(int) - before).max() > SRGB_TOLERANCE)


def _apply(transform: ImageCms.ImageCmsTransform, colour: Image.Image) -> Image.Image:
    if colour.mode != "L":
        return transform.apply(colour)
    # Without its optimiser LittleCMS takes 0.3 s a megapixel: have it do each level once.
    table = np.asarray(transform.apply(_probe("L")))[0]
    return Image.fromarray(table[np.asarray(colour)])


def _by_profile(colour: Image.Image, icc: bytes, source: str) -> tuple[Image.Image | None, list[str]]:
    """Bring colours to sRGB by the profile in the file; None when that profile does not apply."""
    if colour.mode not in COLOUR_SPACES:
        return None, []
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != COLOUR_SPACES[colour.mode]:
            return None, ["ICC profile of another colour space ignored"]
        transform = _transform(profile, colour.mode)
        if not _changes_colours(transform, colour.mode):
            return None, []
        name = printable(profile.profile.profile_description or "")[:PROFILE_NAME_LENGTH].strip()
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None, ["damaged ICC profile ignored"]
    quoted = f" ({name})" if name else ""
    return _apply(transform, colour), [f"{source} to {'sRGB' if source == 'RGB' else 'RGB'} by its ICC profile{quoted}"]


def _without_profile(colour: Image.Image, source: str) -> tuple[Image.Image, list[str]]:
    if colour.mode == "LAB":
        return _transform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB").apply(colour), ["LAB to RGB"]
    if colour.mode == "CMYK":
        return colour.convert("RGB"), ["CMYK to RGB without a profile"]
    return colour.convert("RGB"), [] if source == "RGB" else [f"{source} to RGB"]


def _over_white(colour: Image.Image, alpha: Image.Image | None) -> tuple[Image.Image, list[str]]:
    if alpha is None or alpha.getextrema() == (255, 255):
        return colour, []
    return Image.composite(colour, Image.new("RGB", colour.size, "white"), alpha), ["alpha over white"]


def to_srgb(image: Image.Image, raw_mode: str) -> tuple[Image.Image, list[str]]:
    """Convert a decoded picture to 8-bit sRGB.

    Args:
        image: decoded, of any mode.
        raw_mode: how the file stored its samples, as Pillow's decoder names it, such as "I;16B"; "" if unknown.

    Returns:
        The picture in mode RGB, and the conversions in the order in which they were done.

    Raises:
        ValueError: for pixels whose range is not defined (floating point, 32-bit or signed levels).
    """
    deep_grey = image.mode.startswith("I")
    bits = 12 if ";12" in raw_mode else 16 if ";16" in raw_mode or deep_grey else 8
    layers = _split_deep_grey(image, bits) if deep_grey else _split(image)
    source = "grey" if deep_grey else MODE_NAMES.get(image.mode, layers.colour.mode)
    names = [f"{bits}-bit {source} to 8-bit"] if bits > 8 else []
    icc = image.info.get("icc_profile")
    flat, profile_names = _by_profile(layers.colour, icc, source) if icc else (None, [])
    names += profile_names
    if flat is None:
        flat, plain_names = _without_profile(layers.colour, source)
        names += plain_names
    result, alpha_names = _over_white(flat, layers.alpha)
    return result, names + alpha_names
