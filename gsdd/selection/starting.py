"""The real crops that latents begin from, and are paired with."""

from collections import defaultdict
from collections.abc import Sequence

import torch

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop, plan_crops
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.exact import exact_fp32
from gsdd.recipe import StartingCrops
from gsdd.selection.choosing import candidates, choose_crops
from gsdd.selection.selector import Selector


def starting_crops(
    catalog: Catalog,
    counts: Sequence[int],
    hr_size: int,
    seed: int,
    method: StartingCrops,
    monitor: Monitor = SILENT,
    device: str | torch.device = "cpu",
) -> tuple[Crop, ...]:
    """Choose the crop x_k of every latent.

    Args:
        catalog: the source photos.
        counts: how many crops of each class, in the catalog's order.
        hr_size: side of a crop in pixels.
        seed: the run's seed.
        method: "random"; or "herding" among tiles that do not overlap, on local Fourier features, and random for what
            they are too few for.
        monitor: hears of crops looked at.
        device: where herding looks at crops; another kind of device rounds otherwise, and may choose others.

    Returns:
        Crops class by class, no two the same; those of a class do not depend on the others.

    Raises:
        RecipeError: a class has fewer different crops than its count.
        SourceError: a photo is gone or has changed since the catalog was made.
    """
    drawn = plan_crops(catalog, counts, hr_size, seed)
    if method == "random":
        return drawn
    herded = _herded(catalog, counts, hr_size, Selector("herding", seed, device=str(device)), monitor)
    taken = set(herded)
    chosen = _by_class([*herded, *(crop for crop in drawn if crop not in taken)])
    return tuple(crop for number, count in enumerate(counts) for crop in chosen[number][:count])


def _herded(
    catalog: Catalog, counts: Sequence[int], hr_size: int, selector: Selector, monitor: Monitor
) -> tuple[Crop, ...]:
    pools = candidates(catalog, counts, hr_size, selector)
    most = [min(count, len(pool)) for count, pool in zip(counts, pools, strict=True)]
    # Theta of local Fourier features needs no crops, so that those of a class do not depend on the other classes.
    with exact_fp32(torch.device(selector.device).type):
        return choose_crops(catalog, pools, most, hr_size, selector, monitor)


def _by_class(crops: Sequence[Crop]) -> dict[int, list[Crop]]:
    found: dict[int, list[Crop]] = defaultdict(list)
    for crop in crops:
        found[crop.class_index].append(crop)
    return found
