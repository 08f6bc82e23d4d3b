"""The real photos that tests use."""

import os
from pathlib import Path

from gsdd.data.sample_photos import package_photos

MINI_OST = Path(__file__).parents[2] / "shared" / "data" / "mini-ost" / "train"


def photo_root(cache: Path) -> Path:
    """Give a folder of class folders of real photos.

    Args:
        cache: where photos from installed packages are copied to when there are no others.

    Returns:
        $GSDD_TEST_PHOTOS if set; else mini-ost beside the repository; else the packages' photos, in `cache`.
    """
    given = os.environ.get("GSDD_TEST_PHOTOS")
    if given:
        return Path(given)
    return MINI_OST if MINI_OST.is_dir() else package_photos(cache / "photos")
