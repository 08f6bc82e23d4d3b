"""Commands and code of a report, to be copied: how to train from a file, and how it was made."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from gsdd.configuration import to_toml
from gsdd.distilled.latent_set import LatentSet
from gsdd.errors import GsddError
from gsdd.formats.origins import origins_of
from gsdd.formats.text import harmless
from gsdd.inspect.facts import count_of
from gsdd.recipe import from_record


@dataclass(frozen=True)
class Snippet:
    """Something to copy: what it is for, and the text, escaped."""

    about: str
    code: Markup


def training(distilled: LatentSet) -> list[Snippet]:
    """Say how to train from a file.

    Args:
        distilled: the file.
    """
    name, side = _word(distilled.path.name), distilled.manifest.hr_size
    crop = max(side * 3 // 4 // 8 * 8, 8)
    loading = (
        f"import gsdd\nimport torch\n\npairs = gsdd.open({json.dumps(distilled.path.name)}).pairs(gt_size={crop}, "
        "repeat=20)\nloader = torch.utils.data.DataLoader(\n    pairs, batch_size=8, shuffle=True, "
        'collate_fn=pairs.collate\n)\nfor batch in loader:\n    lq, gt = batch["lq"], batch["gt"]  # RGB, [0, 1]'
    )
    return [
        _snippet("A student network, with no code", f"gsdd train {name} --student small -o student.safetensors"),
        _snippet("Your own loop in PyTorch", loading),
        _snippet("BasicSR, traiNNer-redux, neosr or KAIR: the pairs as images", f"gsdd expand {name} -o pairs/"),
        _snippet("First of all: is the file sound, and does this machine see the same images?",
                 f"gsdd verify --decode {name}"),
    ]  # fmt: skip


def making(distilled: LatentSet) -> list[Snippet]:
    """Say how to make a file again: the command, and its recipe. Of a merged or a later version's file, nothing.

    Args:
        distilled: the file.
    """
    return [*_making(distilled)]


def _making(distilled: LatentSet) -> Iterator[Snippet]:
    manifest = distilled.manifest
    if len(origins_of(manifest, distilled.path)) > 1:
        return
    given = {"crops.hr_size": manifest.hr_size, "crops.ipc": count_of(manifest), "generator": manifest.generator.name}
    try:
        toml = to_toml(from_record(manifest.recipe).changed(given))
    except GsddError:
        return
    command = f"gsdd compress PHOTOS/ --config recipe.toml -o {_word(distilled.path.name)}"
    yield _snippet("The command, with the same photos", command)
    yield _snippet("recipe.toml", toml.rstrip())


def _snippet(about: str, code: str) -> Snippet:
    return Snippet(about, escape(harmless(code)))


def _word(name: str) -> str:
    """Write a file's name for a shell; of one that cannot be shown, a stand-in."""
    return shlex.quote(name) if name.isprintable() else "FILE.gsdd"
