"""A small `.gsdd` file of real photos: the latents are down-sampled crops, the generator is the compact one."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from gsdd.data.catalog import scan
from gsdd.data.crops import plan_crops, read_crops
from gsdd.data.degradation import downscale, to_float
from gsdd.distilled.signature import decode_signatures
from gsdd.formats import container
from gsdd.formats.codecs import CODECS
from gsdd.formats.manifest import Manifest, ManifestClass, ManifestGenerator, ManifestSource
from gsdd.generators.generator import Generator
from gsdd.generators.load import load_generator
from gsdd.recipe import Recipe, to_record

COMPACT = "realesr-animevideov3"
PHOTOS = {
    "animal": {"skimage": ["data/astronaut.png", "data/chelsea.png"]},
    "scene": {"skimage": ["data/rocket.jpg"], "sklearn": ["datasets/images/china.jpg"]},
    "thing": {"skimage": ["data/coffee.png", "data/motorcycle_left.png"], "sklearn": ["datasets/images/flower.jpg"]},
}


@cache
def compact_generator() -> Generator:
    return load_generator(COMPACT)


def copy_photos(root: Path) -> Path:
    """Lay out parts, 240x200 pixels, of photos that come with scikit-image and scikit-learn as class folders."""
    for name, packages in PHOTOS.items():
        (root / name).mkdir(parents=True)
        for package, files in packages.items():
            for file in (Path(find_spec(package).origin).parent / file for file in files):
                with Image.open(file) as photo:
                    pixels = np.asarray(photo.convert("RGB"))[100:300, 100:340]
                Image.fromarray(pixels).save(root / name / f"{file.stem}.png")
    return root


def write_small_file(
    path: Path,
    photos: Path,
    *,
    counts: Sequence[int] = (5, 3, 4),
    hr_size: int = 64,
    seed: int = 7,
    generator: Generator | None = None,
    class_names: Sequence[str] = (),
) -> Path:
    """Write a file whose crops are those that `compress` would have planned with this seed.

    With class names of your own the file has one latent of each.
    """
    catalog = scan(photos, min_size=hr_size)
    crops = plan_crops(catalog, counts, hr_size, seed)
    images = to_float(torch.from_numpy(read_crops(catalog, crops, hr_size)))
    classes = [(name, 1) for name in class_names] or [*zip([c.name for c in catalog.classes], counts, strict=True)]
    recipe = Recipe().changed({"crops.hr_size": hr_size, "crops.method": "random", "inversion.steps": 2, "seed": seed})
    manifest = Manifest(
        generator=ManifestGenerator(**asdict((generator or compact_generator()).reference)),
        hr_size=hr_size,
        codec="uint8",
        classes=tuple(ManifestClass(name, count) for name, count in classes),
        recipe=to_record(recipe),
        run={},
        source=ManifestSource(catalog.images, catalog.bytes, catalog.sha256, len(catalog.skipped), 0, "unknown"),
        training={},
    )
    source_index = np.array([crop.photo_index for crop in crops], dtype=np.int32)
    latents = downscale(images, 4).numpy()
    kept = torch.from_numpy(CODECS["uint8"].rounded(latents))
    signatures = decode_signatures(generator or compact_generator(), kept).numpy()
    container.write(path, manifest, container.Arrays(latents, source_index, signatures))
    return path


def write_pairs(path: Path, photos: Path, pairs: int, **options: Any) -> Path:
    """Write a file of so many pairs, shared out over the classes of the photos; options are those above."""
    classes = len(scan(photos, min_size=options.get("hr_size", 64)).classes)
    counts = [pairs // classes + (number < pairs % classes) for number in range(classes)]
    return write_small_file(path, photos, counts=counts, **options)
