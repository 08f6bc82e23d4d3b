"""Photos that studies of these tests are made of."""

from pathlib import Path

import pytest
from PIL import Image, ImageOps
from small_study import apart_from


@pytest.fixture(scope="session")
def few(photos, tmp_path_factory) -> Path:
    """Two classes of two photos to train on; beside them lie others to test on."""
    folder = tmp_path_factory.mktemp("few") / "train"
    classes = [each for each in sorted(photos.iterdir()) if each.is_dir() and len(list(each.iterdir())) > 1][:2]
    for photo_class in classes:
        (folder / photo_class.name).mkdir(parents=True)
        (apart_from(folder) / photo_class.name).mkdir(parents=True)
        for photo in sorted(photo_class.iterdir())[:2]:
            (folder / photo_class.name / photo.name).symlink_to(photo)
            with Image.open(photo) as image:
                ImageOps.mirror(image.convert("RGB")).save(apart_from(folder) / photo_class.name / f"{photo.stem}.png")
    return folder
