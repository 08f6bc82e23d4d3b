"""A `.gsdd` file -> the card of a data set, as the Hugging Face Hub shows it: README.md and a few pictures."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from gsdd.data.images import encode
from gsdd.distilled.latent_set import LatentSet, read_latents
from gsdd.errors import OutputError
from gsdd.formats.atomic import check_output, write_atomically
from gsdd.formats.manifest import Manifest
from gsdd.monitor import SILENT, Monitor
from gsdd.pairs.decoder import Decoder

PREVIEWS = 4
FOLDER = "previews"
# https://huggingface.co/docs/hub/repositories-licenses: others are "other", with a name.
LICENCES = frozenset(
    {
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0"),
        *("cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
        *("cc-by-nc-nd-4.0", "cc-by-nd-4.0", "odbl", "odc-by", "pddl", "unlicense", "unknown"),
    }
)
# Sizes of sets as the Hub sorts them: at least so many, and what that is called.
SIZES = ((100_000, "100K<n<1M"), (10_000, "10K<n<100K"), (1_000, "1K<n<10K"), (0, "n<1K"))


@dataclass(frozen=True)
class CardReport:
    """What was written.

    Attributes:
        path: the card.
        previews: pictures beside it.
    """

    path: Path
    previews: tuple[Path, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON values."""
        return {"path": str(self.path), "previews": list(map(str, self.previews))}


def card(
    file: str | PathLike[str],
    output: str | PathLike[str] = "README.md",
    *,
    previews: int = PREVIEWS,
    generator: str | None = None,
    device: str = "auto",
    force_generator: bool = False,
    force: bool = False,
    monitor: Monitor = SILENT,
) -> CardReport:
    """Write the card of a file, and pictures of its first images, one a class, into `previews/` beside it.

    Args:
        file: a `.gsdd` file, or its URL.
        output: the card to write, a .md file.
        previews: how many pictures at most; 0 needs no generator.
        generator: a named generator or a path of weights; None takes the one that the file holds or names.
        device: where it runs.
        force_generator: accept weights other than those the file was made with.
        force: replace the card and pictures that exist.
        monitor: told of weights that are not exactly those of the file.

    Returns:
        What was written.

    Raises:
        FormatError: the file is damaged.
        GeneratorError: no usable generator.
        OutputError: an output exists, or cannot be written.
    """
    target, latents = Path(output), read_latents(file)
    if target.suffix.lower() != ".md":
        raise OutputError(f"{target}: a card is a .md file; give `output=README.md`")
    shown = dict(list(_first_of_each_class(latents))[:previews])
    pictures = {
        target.parent / FOLDER / f"{latents.class_folders[index]}.png": number for index, number in shown.items()
    }
    for path in (target, *pictures):
        if path.exists() and not force:
            raise OutputError(f"{path}: exists already; `force=True` replaces it")
    check_output(target, force=force)
    _draw(latents, pictures, Decoder(generator, device, force_generator, monitor))
    write_atomically(target, _text(latents, [path.name for path in pictures]).encode(), force=True)
    return CardReport(target, tuple(pictures))


def _first_of_each_class(latents: LatentSet) -> Iterator[tuple[int, int]]:
    classes = latents.class_index.tolist()
    yield from ((index, classes.index(index)) for index in range(len(latents.class_names)) if index in classes)


def _draw(latents: LatentSet, pictures: Mapping[Path, int], decoder: Decoder) -> None:
    for path, number in pictures.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        image = latents.decode(decoder.load(latents), [number])[0]
        write_atomically(path, encode(image.numpy(), "png"), force=True)


def front_matter(manifest: Manifest, name: str) -> dict[str, Any]:
    """Give the facts of a card that the Hub reads.

    Args:
        manifest: of the file.
        name: of the data set.

    Returns:
        Values by the names of huggingface_hub's DatasetCardData.
    """
    licence = manifest.source.licence
    known = licence.lower() if licence.lower() in LICENCES else "other"
    return {
        "pretty_name": name,
        "license": known,
        **({"license_name": licence} if known == "other" else {}),
        "task_categories": ["image-to-image"],
        "size_categories": [next(label for least, label in SIZES if manifest.latents >= least)],
        "tags": ["super-resolution", "dataset-distillation", "gsdd", "image"],
    }


def _text(latents: LatentSet, pictures: list[str]) -> str:
    manifest, name = latents.manifest, latents.path.name
    facts = front_matter(manifest, Path(name).stem)
    # JSON is YAML, whatever names there are in it.
    head = "\n".join(f"{key}: {json.dumps(value)}" for key, value in facts.items())
    parts = [f"---\n{head}\n---", f"# {_plain(Path(name).stem)}", _about(manifest), *_previews(pictures)]
    parts += [_classes(manifest), _loading(manifest, name), _costs(manifest), _rights(manifest)]
    return "\n\n".join(parts) + "\n"


def _about(manifest: Manifest) -> str:
    generator, side = manifest.generator, manifest.hr_size
    return (
        f"{manifest.latents} images of {side}x{side} for training super-resolution, distilled from "
        f"{manifest.source.images:,} photos: latents of the frozen generator {_plain(generator.name)} "
        f"({_plain(generator.architecture)}, x{generator.scale}, {generator.parameters:,} parameters), which makes HR "
        "of them. LR is made of HR at any of the scales 1, 2, 3, 4 and 8 by gsdd."
    )


def _previews(pictures: list[str]) -> Iterator[str]:
    if pictures:
        yield " ".join(f"![{Path(name).stem}]({FOLDER}/{name})" for name in pictures)


def _classes(manifest: Manifest) -> str:
    rows = "\n".join(f"| {_plain(each.name)} | {each.latents} |" for each in manifest.classes)
    return f"| class | images |\n|---|---|\n{rows}"


def _loading(manifest: Manifest, name: str) -> str:
    crop = max(manifest.hr_size * 3 // 4 // 8 * 8, 8)
    inside = "are in the file" if manifest.generator.embedded else f"are had by: {_plain(manifest.generator.origin)}"
    items = "# items: lq, gt, lq_path, gt_path"
    return (
        f"## How to load\n\n```python\nimport gsdd\n\n{items}\n"
        f"pairs = gsdd.DistilledPairs({json.dumps(name)}, scale=4, gt_size={crop})\n```\n\n"
        "`gsdd expand` writes the pairs as images for BasicSR, traiNNer-redux, neosr and KAIR. The generator's "
        f"weights {inside}. Their fingerprint is `{manifest.generator.fingerprint}`."
    )


def _costs(manifest: Manifest) -> str:
    source, values = manifest.source, manifest.latent_shape
    saved = 1 - manifest.latents / source.images
    return (
        "## What it cost and saves\n\n"
        f"- The photos: {source.images:,} files, {source.bytes:,} bytes; by count {saved:.1%} of the images are saved\n"
        f"- A latent: {values[1]}x{values[2]}x{values[3]}, codec {manifest.codec}; its image: "
        f"3x{manifest.hr_size}x{manifest.hr_size}.\n"
        f"- The recipe: {_options(manifest.recipe)}.\n- The run: {_options(manifest.run)}."
    )


def _rights(manifest: Manifest) -> str:
    return (
        "## Licences and privacy\n\n"
        f"- Photos: {_plain(manifest.source.licence)}\n- Generator: {_plain(manifest.generator.licence)}\n"
        f"- {_plain(manifest.privacy)}"
    )


def _options(options: Mapping[str, Any]) -> str:
    told = {name: value for name, value in options.items() if isinstance(value, int | float | str | bool)}
    return ", ".join(f"{_plain(name)}={_plain(json.dumps(value))}" for name, value in told.items()) or "nothing told"


def _plain(text: str) -> str:
    """Keep a file's text from being markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#|!" else letter for letter in text if letter.isprintable())
