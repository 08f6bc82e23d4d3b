"""`.gsdd` files -> HR and LR images on disk, in the shape that SR trainers read."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from math import lcm
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

from gsdd.data.degradation import SCALE, check_scale, cut, low_resolution, whole
from gsdd.data.images import ImageFormat
from gsdd.data.names import class_folders, image_stems
from gsdd.distilled.latent_set import Files, LatentSet, joint_sha256, read_files
from gsdd.errors import OutputError, RecipeError
from gsdd.formats.lock import working_on
from gsdd.monitor import SILENT, Monitor
from gsdd.pairs.decoder import Decoder, chunks
from gsdd.pairs.shards import Shards
from gsdd.pairs.trainers import configurations
from gsdd.pairs.tree import Marker, PairTree, is_free, read_marker, write_marker

To = Literal["folder", "webdataset", "imagefolder"]

# In the folder: what a run that works on it holds a lock beside.
WORK = "pairs"


@dataclass(frozen=True)
class ExpandReport:
    """What `expand` did.

    Args:
        folder: where the pairs are.
        pairs: how many pairs the files hold.
        written: pairs that this run wrote, or would write in a dry run.
        kept: pairs that were there already.
        hr_size: side of an HR image in pixels.
        scales: HR side / LR side, of each folder of LR images.
        lr_size: side of an LR image of the first of these in pixels.
        image_format: "png" or "webp".
        trainers: trainer -> configuration that reads the folder, as from `trainers.configurations`.
    """

    folder: Path
    pairs: int
    written: int
    kept: int
    hr_size: int
    scales: tuple[int, ...]
    lr_size: int
    image_format: str
    trainers: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON values."""
        return {**asdict(self), "folder": str(self.folder), "scales": list(self.scales)}


def expand(
    files: Files | LatentSet,
    output: str | PathLike[str] | None = None,
    *,
    to: To = "folder",
    scales: Sequence[int] = (SCALE,),
    generator: str | None = None,
    by_class: bool = False,
    image_format: ImageFormat = "png",
    device: str = "auto",
    force: bool = False,
    force_generator: bool = False,
    dry_run: bool = False,
    monitor: Monitor = SILENT,
) -> ExpandReport:
    """Write the pairs of files as images; existing ones are kept, missing ones are added.

    Args:
        files: a `.gsdd` file, its URL, a glob pattern, or a list of these: one tree, in which classes of one name are
            one; or what was read of one file already.
        output: the folder to write; None is `<stem of the first file>_expanded` in the current directory.
        to: "folder", as trainers read it; "imagefolder", the same with a list that `load_dataset("imagefolder")` of
            the package datasets reads; "webdataset", tar files.
        scales: of the LR images, each in a folder of its own: some of 1, 2, 3, 4 and 8. HR is cut to a multiple of all.
        generator: a named generator or a path of weights; None takes the one that each file holds or names.
        by_class: a sub-folder a class in `HR/` and `LR_x4/`.
        image_format: "png" or "webp" (lossless).
        device: where the generator runs; "auto" takes a GPU if there is one.
        force: write into a folder that holds other files, and replace every image of this or an earlier expansion.
        force_generator: use a generator whose weights are not those that a file was made with.
        dry_run: only count.
        monitor: told of the pairs, first of those that are there already, and of weights that are not exactly those of
            a file.

    Returns:
        How many pairs were written and kept, and where.

    Raises:
        FormatError: a file is damaged.
        GeneratorError: the generator is not installed, or not the one of the file.
        OutputError: the folder holds something else, or cannot be written.
        RecipeError: an option has no meaning, or the files hold images of different sizes.
        SourceError: there is no such file, or it cannot be fetched.
        Interrupted: the monitor said so; the same call completes what is missing.
    """
    sets = read_files(files)
    if to not in get_args(To):
        raise RecipeError(f"`to`: got {to!r}, wanted one of {', '.join(get_args(To))}")
    tree = _tree_of(sets, output, _checked(scales), by_class, image_format)
    classes = [latents.class_names[number] for latents in sets for number in latents.class_index.tolist()]
    target = Shards(tree, classes) if to == "webdataset" else tree
    kind = "webdataset" if to == "webdataset" else "folder"
    claim = Marker(
        joint_sha256([latents.sha256 for latents in sets]),
        "",
        by_class,
        image_format,
        ",".join(map(str, tree.scales)),
        kind,
    )
    found = read_marker(tree.root)
    _check_owner(tree.root, found, claim, force)
    missing = range(len(tree.stems)) if force else target.missing()
    report = _report(tree, len(missing), to)
    if dry_run:
        return report
    made_with = joint_sha256([latents.manifest.generator.fingerprint for latents in sets])
    needed = bool(missing or generator or found is None or found.generator != made_with)
    decoder = Decoder(generator, device, force_generator, monitor)
    # Before the folder is made: weights that are not here leave nothing behind.
    weights = joint_sha256([decoder.load(latents).fingerprint for latents in sets]) if needed else made_with
    claim = replace(claim, generator=weights)
    tree.make_root()
    # A run with nothing to do leaves the times of the folder as they are.
    with working_on(tree.root / WORK) if missing or found != claim else nullcontext():
        if needed:
            _take(tree.root, target, found, claim, force)
            _write_pairs(sets, decoder, tree.scales, target, missing)
        target.finish()
        if to == "imagefolder":
            tree.write_metadata(classes)
    return report


def _checked(scales: Sequence[int]) -> tuple[int, ...]:
    if not scales or len(set(scales)) != len(scales):
        raise RecipeError(f"`scale`: got {list(scales)}, wanted at least one scale, and each once")
    return tuple(map(check_scale, scales))


def _tree_of(
    sets: Sequence[LatentSet],
    output: str | PathLike[str] | None,
    scales: tuple[int, ...],
    by_class: bool,
    image_format: ImageFormat,
) -> PairTree:
    root = Path(f"{sets[0].path.stem}_expanded") if output is None else Path(output)
    names = dict.fromkeys(name for latents in sets for name in latents.class_names)
    places = {name: place for place, name in enumerate(names)}
    of_each = [[places[name] for name in latents.class_names] for latents in sets]
    classes = [own[k] for own, latents in zip(of_each, sets, strict=True) for k in latents.class_index.tolist()]
    stems = image_stems(class_folders(names), classes, by_class=by_class)
    return PairTree(root, stems, image_format, whole(sets[0].manifest.hr_size, lcm(*scales)), scales)


def _report(tree: PairTree, missing: int, to: To) -> ExpandReport:
    return ExpandReport(
        folder=tree.root,
        pairs=len(tree.stems),
        written=missing,
        kept=len(tree.stems) - missing,
        hr_size=tree.hr_size,
        scales=tree.scales,
        lr_size=tree.hr_size // tree.scales[0],
        image_format=tree.image_format,
        trainers={} if to == "webdataset" else configurations(tree),
    )


def _check_owner(root: Path, found: Marker | None, claim: Marker, force: bool) -> None:
    if root.exists() and not root.is_dir():
        raise OutputError(f"{root} is a file; give the name of a folder as `output=DIR`")
    if force:
        return
    if found is None and not is_free(root):
        raise OutputError(
            f"{root} exists and holds other files; give another `output=DIR`, or `force=True` to write into it"
        )
    if found is not None and replace(found, generator="") != claim:
        what = "another file's images" if found.file != claim.file else "this file's images in another form"
        raise OutputError(f"{root} holds {what}; give another `output=DIR`, or `force=True` to replace them")


def _take(root: Path, target: PairTree | Shards, found: Marker | None, claim: Marker, force: bool) -> None:
    if found is not None and found != claim and not force:
        raise OutputError(
            f"{root} holds images made with other weights (fingerprint {found.generator[:12]}, now "
            f"{claim.generator[:12]}); give another `output=DIR`, or `force=True` to replace them"
        )
    target.make_folders()
    if force:
        target.remove(earlier=found is not None)
    if found != claim:
        write_marker(root, claim)


def _write_pairs(
    sets: Sequence[LatentSet],
    decoder: Decoder,
    scales: tuple[int, ...],
    target: PairTree | Shards,
    missing: Sequence[int],
) -> None:
    total, wanted = sum(map(len, sets)), set(missing)
    done = total - len(wanted)
    decoder.tell("pairs", done, total)
    for latents, start in zip(sets, accumulate(map(len, sets), initial=0), strict=False):
        for members in chunks(latents):
            numbers = range(start + members.start, start + members.stop)
            if found := wanted.intersection(numbers):
                # All of the chunk is decoded, so a resumed run computes what the first one would have.
                hr = cut(decoder.images(latents, members), lcm(*scales))
                sides = [hr, *(low_resolution(hr, scale) for scale in scales)]
                for number, *images in zip(numbers, *(side.numpy() for side in sides), strict=True):
                    if number in found:
                        target.write(number, images)
                done += len(found)
                decoder.tell("pairs", done, total)
