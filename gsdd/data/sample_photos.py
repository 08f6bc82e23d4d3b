"""Real photos that installed packages carry, as class folders: for the demo and the tests, without a download."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from gsdd.data.installed import installed_file
from gsdd.errors import MissingExtraError


@dataclass(frozen=True)
class SamplePhoto:
    """A photo in an installed package: its class here, the package, the path in it, and its licence."""

    class_name: str
    package: str
    path: str
    licence: str


CC0 = "CC0"
PUBLIC_DOMAIN = "public domain"

# Licences as scikit-image's docstrings (skimage.data) and scikit-learn's datasets/images/README.txt state them.
SAMPLE_PHOTOS = (
    SamplePhoto("building", "skimage", "data/brick.png", CC0),
    SamplePhoto("building", "sklearn", "datasets/images/china.jpg", "CC BY 2.0, danielbuechele"),
    SamplePhoto("ground", "skimage", "data/grass.png", CC0),
    SamplePhoto("ground", "skimage", "data/gravel.png", CC0),
    SamplePhoto("nature", "skimage", "data/chelsea.png", CC0),
    SamplePhoto("nature", "sklearn", "datasets/images/flower.jpg", "CC BY 2.0, vultilion"),
    SamplePhoto("object", "skimage", "data/coffee.png", CC0),
    SamplePhoto("object", "skimage", "data/coins.png", "no known copyright restrictions"),
    SamplePhoto("people", "skimage", "data/astronaut.png", PUBLIC_DOMAIN),
    SamplePhoto("people", "skimage", "data/camera.png", CC0),
    SamplePhoto("sky", "skimage", "data/hubble_deep_field.jpg", PUBLIC_DOMAIN),
    SamplePhoto("sky", "skimage", "data/rocket.jpg", PUBLIC_DOMAIN),
)


def _find(photo: SamplePhoto) -> Path:
    file = installed_file(photo.package, photo.path)
    if file is None:
        raise MissingExtraError(
            f"the sample photo {photo.path} of {photo.package} is not installed; pip install scikit-image scikit-learn"
        )
    return file


def package_photos(target: Path) -> Path:
    """Copy the sample photos into class folders; files that are there already are left alone.

    Args:
        target: the folder to fill; made if need be.

    Returns:
        `target`: six classes of two whole photos, bytes as in their packages.

    Raises:
        MissingExtraError: if scikit-image or scikit-learn is not installed.
    """
    for photo, file in [(photo, _find(photo)) for photo in SAMPLE_PHOTOS]:
        copy = target / photo.class_name / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            part = copy.with_name(f"{copy.name}.part")
            shutil.copyfile(file, part)
            part.replace(copy)
    return target
