"""Images as `data:` addresses of a page, all of them together within so many bytes."""

import math
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from itertools import accumulate, pairwise

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

# Largest side in pixels and quality of WebP, the best first; the last is taken whatever it gives.
SETTINGS = ((512, 90), (512, 75), (256, 85), (256, 70), (128, 80), (128, 50))

Images = NDArray[np.uint8]


def data_addresses(columns: Sequence[Images], most: int) -> list[list[Markup]]:
    """Encode images for a page.

    Args:
        columns: uint8 RGB `[N, 3, H, W]` each.
        most: bytes that they should take in all, as the page has them.

    Returns:
        The address of each image of each column, at the best setting that keeps within the bytes.
    """
    images = [image for column in columns for image in column]
    for limit, (side, quality) in zip([*[most] * (len(SETTINGS) - 1), math.inf], SETTINGS, strict=True):
        found = _within(images, side, quality, limit)
        if len(found) == len(images):
            break
    ends = accumulate(map(len, columns), initial=0)
    return [found[start:end] for start, end in pairwise(ends)]


def _within(images: Sequence[Images], side: int, quality: int, most: float) -> list[Markup]:
    """Encode images until there is no room for more."""
    found, size = list[Markup](), 0
    for image in images:
        found.append(_address(image, side, quality))
        size += len(found[-1])
        if size > most:
            return found[:-1]
    return found


def _address(image: Images, side: int, quality: int) -> Markup:
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=quality)
    return Markup(f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}")
