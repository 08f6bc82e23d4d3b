"""`.gsdd` files -> HR and LR images on disk, in the shape that SR trainers read."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from os import PathLike
from pathlib import Path
from typing import Any

from gsdd.data.images import ImageFormat
from gsdd.data.names import class_folders, image_stems
from gsdd.distilled.latent_set import Files, LatentSet, joint_sha256, read_files
from gsdd.errors import OutputError
from gsdd.formats.lock import working_on
from gsdd.monitor import SILENT, Monitor
from gsdd.pairs.decoder import SCALE, Decoder, chunks
from gsdd.pairs.trainers import configurations
from gsdd.pairs.tree import Marker, PairTree, is_free, read_marker, remove_images, write_marker

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
        lr_size: side of an LR image in pixels.
        image_format: "png" or "webp".
        trainers: trainer -> configuration that reads the folder, as from `trainers.configurations`.
    """

    folder: Path
    pairs: int
    written: int
    kept: int
    hr_size: int
    lr_size: int
    image_format: str
    trainers: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


def expand(
    files: Files | LatentSet,
    output: str | PathLike[str] | None = None,
    *,
    generator: str | None = None,
    by_class: bool = False,
    image_format: ImageFormat = "png",
    device: str = "auto",
    force: bool = False,
    force_generator: bool = False,
    dry_run: bool = False,
    monitor: Monitor = SILENT,
) -> ExpandReport:
    """Write the pairs of files as images; what is there already is kept, what is missing is completed.

    Args:
        files: a `.gsdd` file, its URL, a glob pattern, or a list of these: one tree, in which classes of one name are
            one; or what was read of one file already.
        output: the folder to write; None is `<stem of the first file>_expanded` in the current directory.
        generator: a named generator or a path of weights; None takes the one that each file holds or names.
        by_class: a sub-folder a class in `HR/` and `LR_x4/`.
        image_format: "png" or "webp" (lossless).
        device: where the generator runs; "auto" takes a GPU where there is one.
        force: write into a folder that holds other files, and replace every image of this or an earlier expansion.
        force_generator: use a generator whose weights are not those that a file was made with.
        dry_run: only count.
        monitor: told of the pairs, first of those that are there already, and of weights that are not exactly those of
            a file.

    Returns:
        How many pairs were written and kept, and where.

    Raises:
        FormatError: a file is damaged.
        GeneratorError: the generator is not here, or not the file's.
        OutputError: the folder holds something else, or cannot be written.
        RecipeError: an option has no meaning, or the files hold images of different sizes.
        SourceError: there is no such file, or it cannot be fetched.
        Interrupted: the monitor said so; the same call completes what is missing.
    """
    sets = read_files(files)
    tree = _tree_of(sets, output, by_class, image_format)
    claim = Marker(joint_sha256([latents.sha256 for latents in sets]), "", by_class, image_format)
    found = read_marker(tree.root)
    _check_owner(tree.root, found, claim, force)
    missing = range(len(tree.stems)) if force else tree.missing()
    report = _report(tree, len(missing))
    if dry_run:
        return report
    made_with = joint_sha256([latents.manifest.generator.fingerprint for latents in sets])
    needed = bool(missing or generator or found is None or found.generator != made_with)
    decoder = Decoder(generator, device, force_generator, monitor)
    # Before the folder is made: weights that are not here leave nothing behind.
    weights = joint_sha256([decoder.load(latents).fingerprint for latents in sets]) if needed else ""
    tree.make_root()
    with working_on(tree.root / WORK):
        if needed:
            _take(tree, found, replace(claim, generator=weights), force)
            _write_pairs(sets, decoder, tree, missing)
        tree.tidy()
        tree.write_meta_info()
    return report


def _tree_of(
    sets: Sequence[LatentSet], output: str | PathLike[str] | None, by_class: bool, image_format: ImageFormat
) -> PairTree:
    root = Path(f"{sets[0].path.stem}_expanded") if output is None else Path(output)
    names = dict.fromkeys(name for latents in sets for name in latents.class_names)
    places = {name: place for place, name in enumerate(names)}
    of_each = [[places[name] for name in latents.class_names] for latents in sets]
    classes = [own[k] for own, latents in zip(of_each, sets, strict=True) for k in latents.class_index.tolist()]
    stems = image_stems(class_folders(names), classes, by_class=by_class)
    return PairTree(root, stems, image_format, sets[0].manifest.hr_size, SCALE)


def _report(tree: PairTree, missing: int) -> ExpandReport:
    return ExpandReport(
        folder=tree.root,
        pairs=len(tree.stems),
        written=missing,
        kept=len(tree.stems) - missing,
        hr_size=tree.hr_size,
        lr_size=tree.hr_size // tree.scale,
        image_format=tree.image_format,
        trainers=configurations(tree),
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


def _take(tree: PairTree, found: Marker | None, claim: Marker, force: bool) -> None:
    if found is not None and found != claim and not force:
        raise OutputError(
            f"{tree.root} holds images made with other weights (fingerprint {found.generator[:12]}, now "
            f"{claim.generator[:12]}); give another `output=DIR`, or `force=True` to replace them"
        )
    tree.make_folders()
    if force:
        remove_images(tree, earlier=found is not None)
    if found != claim:
        write_marker(tree.root, claim)


def _write_pairs(sets: Sequence[LatentSet], decoder: Decoder, tree: PairTree, missing: Sequence[int]) -> None:
    total, wanted = len(tree.stems), set(missing)
    done = total - len(wanted)
    decoder.tell("pairs", done, total)
    for latents, start in zip(sets, accumulate(map(len, sets), initial=0), strict=False):
        for members in chunks(latents):
            numbers = range(start + members.start, start + members.stop)
            if found := wanted.intersection(numbers):
                # All of the chunk is decoded, so a resumed run computes what the first one would have.
                for number, hr, lr in zip(numbers, *decoder.pairs(latents, members), strict=True):
                    tree.write_pair(number, hr, lr)
                done += len(found)
                decoder.tell("pairs", done, total)
