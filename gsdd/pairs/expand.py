"""A `.gsdd` file -> HR and LR images on disk, in the shape that SR trainers read."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from gsdd.data.degradation import low_resolution
from gsdd.data.images import ImageFormat
from gsdd.data.names import image_stems
from gsdd.distilled.decode import CHUNK
from gsdd.distilled.latent_set import LatentSet, read_latents
from gsdd.errors import OutputError, RecipeError, SourceError
from gsdd.formats.digest import file_digest
from gsdd.formats.manifest import DEGRADATION
from gsdd.formats.remote import is_url
from gsdd.generators.generator import Generator
from gsdd.pairs.trainers import configurations
from gsdd.pairs.tree import (
    Marker,
    PairTree,
    is_free,
    read_marker,
    remove_images,
    write_marker,
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ExpandReport:
    """What `expand` did.

    Args:
        folder: where the pairs are.
        pairs: how many pairs the file holds.
        written: pairs that this run wrote, or would write in a dry run.
        kept: pairs that were there already.
        hr_size: side of an HR image in pixels.
        lr_size: side of an LR image in pixels.
        image_format: "png" or "webp".
        trainers: trainer -> configuration that reads the folder, as from `trainers.configurations`.
        note: what the user should know of the generator, if anything.
    """

    folder: Path
    pairs: int
    written: int
    kept: int
    hr_size: int
    lr_size: int
    image_format: str
    trainers: dict[str, str]
    note: str | None

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


def expand(
    path: str | PathLike[str],
    output: str | PathLike[str] | None = None,
    *,
    generator: str | None = None,
    by_class: bool = False,
    image_format: ImageFormat = "png",
    batch_size: int = 32,
    device: str = "cpu",
    force: bool = False,
    force_generator: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ExpandReport:
    """Write the pairs of a distilled file as images; what is there already is kept, what is missing is completed.

    Args:
        path: the `.gsdd` file.
        output: the folder to write; None is `<stem>_expanded` in the current directory.
        generator: a named generator or a path of weights; None takes the one that the file names.
        by_class: a sub-folder a class in `HR/` and `LR_x4/`.
        image_format: "png" or "webp" (lossless).
        batch_size: latents between two calls of `progress`; the images do not depend on it.
        device: where the generator runs.
        force: write into a folder that holds other files, and replace every image of this or an earlier expansion.
        force_generator: use a generator whose weights are not those that the file was made with.
        dry_run: only count.
        progress: called with (pairs done, pairs in all), first with those that are there already.

    Returns:
        How many pairs were written and kept, and where.

    Raises:
        FormatError: the file is damaged.
        GeneratorError: the generator is not here, or not the file's.
        OutputError: the folder holds something else, or cannot be written.
        RecipeError: an option has no meaning.
        SourceError: there is no such file, or it is a URL.
    """
    if batch_size < 1:
        raise RecipeError(f"batch size: got {batch_size}, wanted at least 1")
    if is_url(path):
        raise SourceError(
            f"{path}: expand completes what an earlier run left, so it wants a file here; download it first"
        )
    distilled = read_latents(path)
    tree = _tree_of(distilled, output, by_class, image_format)
    claim = Marker(file_digest(distilled.path), "", by_class, image_format)
    found = read_marker(tree.root)
    _check_owner(tree.root, found, claim, force)
    missing = tuple(range(len(distilled))) if force else tree.missing()
    report = _report(distilled, tree, len(missing))
    if dry_run:
        return report
    if missing or generator or not _has_weights_of(distilled, found):
        model, note = distilled.load_generator(generator, device=device, force=force_generator)
        report = replace(report, note=note)
        _take(tree, found, replace(claim, generator=model.fingerprint), force)
        _write_pairs(distilled, model, tree, missing, batch_size, progress)
    tree.tidy()
    tree.write_meta_info()
    return report


def _tree_of(
    distilled: LatentSet, output: str | PathLike[str] | None, by_class: bool, image_format: ImageFormat
) -> PairTree:
    root = Path(f"{distilled.path.stem}_expanded") if output is None else Path(output)
    stems = image_stems(distilled.class_folders, distilled.class_index.tolist(), by_class=by_class)
    return PairTree(root, stems, image_format, distilled.manifest.hr_size, DEGRADATION["scale"])


def _report(distilled: LatentSet, tree: PairTree, missing: int) -> ExpandReport:
    return ExpandReport(
        folder=tree.root,
        pairs=len(distilled),
        written=missing,
        kept=len(distilled) - missing,
        hr_size=tree.hr_size,
        lr_size=tree.hr_size // tree.scale,
        image_format=tree.image_format,
        trainers=configurations(tree),
        note=None,
    )


def _check_owner(root: Path, found: Marker | None, claim: Marker, force: bool) -> None:
    if root.exists() and not root.is_dir():
        raise OutputError(f"{root} is a file; give the name of a folder with -o")
    if force:
        return
    if found is None and not is_free(root):
        raise OutputError(f"{root} exists and holds other files; choose another -o, or --force to write into it")
    if found is not None and replace(found, generator="") != claim:
        what = "another file's images" if found.file != claim.file else "this file's images in another form"
        raise OutputError(f"{root} holds {what}; choose another -o, or --force to replace them")


def _has_weights_of(distilled: LatentSet, found: Marker | None) -> bool:
    return found is not None and found.generator == distilled.manifest.generator.fingerprint


def _take(tree: PairTree, found: Marker | None, claim: Marker, force: bool) -> None:
    if found is not None and found != claim and not force:
        raise OutputError(
            f"{tree.root} holds images made with other weights (fingerprint {found.generator[:12]}, now "
            f"{claim.generator[:12]}); choose another -o, or --force to replace them"
        )
    tree.make_folders()
    if force:
        remove_images(tree, earlier=found is not None)
    if found != claim:
        write_marker(tree.root, claim)


def _write_pairs(
    distilled: LatentSet,
    generator: Generator,
    tree: PairTree,
    missing: Sequence[int],
    batch_size: int,
    progress: Progress | None,
) -> None:
    report, done = progress or (lambda done, total: None), len(distilled) - len(missing)
    report(done, len(distilled))
    chunks = Counter(number // CHUNK for number in missing)
    for position, (chunk, count) in enumerate(chunks.items(), start=1):
        _write_chunk(distilled, generator, tree, chunk)
        done += count
        if position % max(1, batch_size // CHUNK) == 0 or position == len(chunks):
            report(done, len(distilled))


def _write_chunk(distilled: LatentSet, generator: Generator, tree: PairTree, chunk: int) -> None:
    # A chunk has the same members whatever is missing of it, so a resumed run computes what the first one would have.
    members = range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(distilled)))
    hr = distilled.decode(generator, members)
    lr = low_resolution(hr, tree.scale)
    for number, hr_image, lr_image in zip(members, hr.numpy(), lr.numpy(), strict=True):
        tree.write_pair(number, hr_image, lr_image)
