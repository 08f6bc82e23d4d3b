"""What the commands and the code of a report are made of: how a file is called, and the recipe that made it."""

import json
import shlex
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
class Names:
    """What stands in code to be copied.

    Attributes:
        word: the file for a shell; a stand-in for a name that cannot be shown.
        literal: the file for Python.
        crop: side of the crops that a training takes.
    """

    word: Markup
    literal: Markup
    crop: int


def names_of(distilled: LatentSet) -> Names:
    """Write the name of a file for a shell and for Python, escaped.

    Args:
        distilled: the file.
    """
    name = distilled.path.name
    word = shlex.quote(name) if name.isprintable() else "FILE.gsdd"
    crop = max(distilled.manifest.hr_size * 3 // 4 // 8 * 8, 8)
    return Names(escape(word), escape(json.dumps(name)), crop)


def recipe_of(distilled: LatentSet) -> Markup | None:
    """Write the recipe of a file as TOML, escaped; None of a merged or a later version's file.

    Args:
        distilled: the file.
    """
    manifest = distilled.manifest
    if len(origins_of(manifest, distilled.path)) > 1:
        return None
    given = {"crops.hr_size": manifest.hr_size, "crops.ipc": count_of(manifest), "generator": manifest.generator.name}
    try:
        toml = to_toml(from_record(manifest.recipe).changed(given))
    except GsddError:
        return None
    return escape(harmless(toml.rstrip()))
