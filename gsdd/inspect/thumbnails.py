"""Images as `data:` addresses of a page, all of them together within so many bytes."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

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
    for side, quality in SETTINGS:
        found = [[_address(image, side, quality) for image in images] for images in columns]
        if sum(len(address) for column in found for address in column) <= most:
            break
    return found


def _address(image: Images, side: int, quality: int) -> Markup:
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=quality)
    return Markup(f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}")
