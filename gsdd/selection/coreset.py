"""A folder of photos -> a coreset: some of its crops, as a folder of PNG files or as a list."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop, latents_per_class, read_crops
from gsdd.data.decisions import conversions, decisions, dropped, dropped_counts, ignored, skipped
from gsdd.data.degradation import SCALE
from gsdd.errors import OutputError, RecipeError
from gsdd.features.extractor import FeatureSpec
from gsdd.formats.atomic import check_output, check_outside, write_atomically
from gsdd.formats.lock import working_on
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import announcing, pick_device
from gsdd.parallel.exact import exact_fp32
from gsdd.recipe import LEAST_HR_SIZE, Crops, Family, OnBadImage
from gsdd.selection.choosing import CANDIDATES, candidates, choose_crops
from gsdd.selection.crop_folder import folder_files, is_of_a_coreset
from gsdd.selection.crop_list import listed, to_csv
from gsdd.selection.method import Method
from gsdd.selection.selector import LEAVE_OUT, Selector
from gsdd.selection.sorting import sorted_photos
from gsdd.selection.whole_folder import check_folder, write_folder


@dataclass(frozen=True)
class CoresetReport:
    """What `coreset` made.

    Attributes:
        path: the folder or the list.
        method: how the crops were chosen.
        seed: of every draw.
        hr_size: side of a crop in pixels.
        crops: how many there are.
        classes: crops by class name.
        candidates: crops that were chosen from, by class name.
        images: photos that could be used.
        source_bytes: of their files.
        bytes: of what was written; None in a dry run.
        skipped: photos that cannot be used, and why.
        dropped: photos that scores or drop_duplicates left out, and why.
        ignored: why other entries were passed over, by path.
        conversions: what was done to photos that are not plain 8-bit RGB.
    """

    path: Path
    method: Method
    seed: int
    hr_size: int
    crops: int
    classes: Mapping[str, int]
    candidates: Mapping[str, int]
    images: int
    source_bytes: int
    bytes: int | None
    skipped: tuple[str, ...]
    dropped: tuple[str, ...]
    ignored: Mapping[str, str]
    conversions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON has them."""
        return {**vars(self), "path": str(self.path)}


def coreset(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    ipc: int | Mapping[str, int],
    method: Method,
    hr_size: int = 128,
    seed: int = 0,
    features: Family = "local-fourier",
    max_candidates: int = CANDIDATES,
    leave_out: float = LEAVE_OUT,
    classes: str = "auto",
    scores: str = "",
    keep_above: float | None = None,
    drop_duplicates: bool = False,
    on_bad_image: OnBadImage = "skip",
    force: bool = False,
    dry_run: bool = False,
    device: str = "auto",
    monitor: Monitor = SILENT,
) -> CoresetReport:
    """Choose real crops of a folder of photos, as a baseline for a distilled set.

    Args:
        source: a folder with one folder of photos a class; it is only read.
        output: a list if its name ends in .csv, else a folder: class folders of PNG crops, such as
            `sky/2092_left0_top96.png`; `coreset.csv`, the list of them; `coreset.json`, how they were chosen.
        ipc: crops per class, or by class name with "*" for the rest.
        method: random; herding or kmeans, on features; gradient, CRAIG; loss, pruning by the error of bicubic.
        hr_size: side of a crop in pixels, a multiple of 4.
        seed: of every draw.
        features: family of psi, for herding and kmeans.
        max_candidates: maximum number of crops per class to choose from; random ignores it.
        leave_out: share of the hardest crops that method loss skips.
        classes: of photos: folders, none, clusters:K or auto; as in `Crops`, and so are the next three.
        scores: path of a CSV file of the photos' quality scores.
        keep_above: photos with a higher score are kept.
        drop_duplicates: whether photos that look like another one are dropped.
        on_bad_image: "skip" names photos that cannot be used and continues; "fail" stops at the first.
        force: replace a coreset that is there.
        dry_run: read the photos and report what would be made, but write nothing.
        device: where crops are embedded; "auto" takes a GPU if there is one.
        monitor: receives progress, and which photos are skipped or converted.

    Returns:
        What was made; the same bytes for the same photos, options and machine.

    Raises:
        SourceError: no usable photos.
        RecipeError: the options do not make a coreset.
        OutputError: the output exists or cannot be written.
    """
    selector, target = Selector(method, seed, leave_out, FeatureSpec(features)), Path(output)
    _check(hr_size, max_candidates, target, Path(source), force)
    crops = Crops(
        hr_size=hr_size, classes=classes, scores=scores, keep_above=keep_above, drop_duplicates=drop_duplicates,
        on_bad_image=on_bad_image,
    )  # fmt: skip
    with working_on(target, dry_run=dry_run):
        catalog = sorted_photos(Path(source), crops, seed, monitor)
        for line in decisions(catalog):
            monitor.note(line)
        counts = latents_per_class(catalog, ipc)
        pools = candidates(catalog, counts, hr_size, selector, max_candidates)
        _check_enough(catalog, pools, counts, hr_size)
        report = _report(target, selector, hr_size, catalog, counts, tuple(map(len, pools)))
        if dry_run:
            return report
        if method != "random":
            selector = replace(selector, device=pick_device(device))
            monitor = announcing(monitor, device, selector.device)
        with exact_fp32(torch.device(selector.device).type):
            chosen = choose_crops(catalog, pools, counts, hr_size, selector, monitor)
        facts = _facts(report, selector, catalog)
        return replace(report, bytes=_write(target, catalog, chosen, hr_size, facts, force))


def _is_list(target: Path) -> bool:
    return target.suffix.lower() == ".csv"


def _check(hr_size: int, max_candidates: int, target: Path, source: Path, force: bool) -> None:
    if hr_size < LEAST_HR_SIZE or hr_size % SCALE:
        raise RecipeError(f"`hr_size`: got {hr_size}, wanted a multiple of {SCALE} of at least {LEAST_HR_SIZE}")
    if max_candidates < 1:
        raise RecipeError(f"`max_candidates`: got {max_candidates}, wanted at least 1 crop a class to choose from")
    check_outside(target, source)
    if source.resolve().is_relative_to(target.resolve()):
        raise OutputError(f"{target}: is or holds the source, which is only read from; choose another `output`")
    if _is_list(target):
        check_output(target, force=force)
    else:
        check_folder(target, is_of_a_coreset, force=force)


def _check_enough(catalog: Catalog, pools: Sequence[Sequence[Crop]], counts: Sequence[int], hr_size: int) -> None:
    for photo_class, pool, count in zip(catalog.classes, pools, counts, strict=True):
        if count > len(pool):
            raise RecipeError(
                f"class {photo_class.name}: {count} crops wanted, but its {len(photo_class.photos)} photos have only"
                f" {len(pool)} of {hr_size}x{hr_size} that do not overlap; lower `ipc` for this class"
            )


def _report(
    target: Path, selector: Selector, hr_size: int, catalog: Catalog, counts: Sequence[int], pools: Sequence[int]
) -> CoresetReport:
    names = [photo_class.name for photo_class in catalog.classes]
    return CoresetReport(
        path=target,
        method=selector.method,
        seed=selector.seed,
        hr_size=hr_size,
        crops=sum(counts),
        classes=dict(zip(names, counts, strict=True)),
        candidates=dict(zip(names, pools, strict=True)),
        images=catalog.images,
        source_bytes=catalog.bytes,
        bytes=None,
        skipped=skipped(catalog),
        dropped=dropped(catalog),
        ignored=ignored(catalog),
        conversions=conversions(catalog),
    )


def _facts(report: CoresetReport, selector: Selector, catalog: Catalog) -> dict[str, Any]:
    """Tell how crops were chosen, without what depends on the machine: clock, paths, host."""
    return {
        "method": report.method,
        "seed": report.seed,
        "features": selector.features.family if selector.needs_features else None,
        "leave_out": selector.leave_out if report.method == "loss" else None,
        "hr_size": report.hr_size,
        "classes": report.classes,
        "candidates": report.candidates,
        "source": {"images": catalog.images, "bytes": catalog.bytes, "sha256": catalog.sha256, **_choice(catalog)},
    }


def _choice(catalog: Catalog) -> dict[str, Any]:
    """Tell which photos were dropped, and what classes are if they are not the folders."""
    dropped = {"dropped": dropped_counts(catalog)} if catalog.dropped else {}
    by = catalog.sorting
    return {**dropped, **({} if by.by == "folders" else {"classes": by.by, "classes_why": by.why})}


def _write(
    target: Path, catalog: Catalog, chosen: tuple[Crop, ...], hr_size: int, facts: Mapping[str, Any], force: bool
) -> int:
    if _is_list(target):
        data = to_csv(listed(catalog, chosen, hr_size))
        write_atomically(target, data, force=force, follow=True)
        return len(data)
    pixels = read_crops(catalog, chosen, hr_size)
    return write_folder(target, folder_files(catalog, chosen, pixels, facts), is_of_a_coreset, force=force)
