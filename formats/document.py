"""The one JSON text of a .gsdd file: version, manifest, table of tensors, and its own digest."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gsdd.errors import FormatError
from gsdd.formats.canonical import dumps, loads, quote
from gsdd.formats.manifest import Manifest, check_object, from_json
from gsdd.formats.tensors import TensorEntry, parse_entry

MAJOR, MINOR = 1, 4
MAX_TEXT = 4 * 2**20
_OWN_FIELDS = ("version", "tensors", "digest")


@dataclass(frozen=True)
class Document:
    """A checked manifest text.

    Args:
        text: the JSON as it stands in the file.
        manifest: what it says.
        tensors: dtype, shape and sha256 of every tensor of the file.
        version: format version, such as "1.1"; of a new file the lowest that has what it holds.
        digest: sha256 of the text without its `digest` field.
    """

    text: str
    manifest: Manifest
    tensors: Mapping[str, TensorEntry]
    version: str
    digest: str

    @property
    def foreign(self) -> str | None:
        """Why no new file can be made of this one: it lacks what files of this gsdd have, or has what is unknown."""
        if 1 <= int(self.version.partition(".")[2]) <= MINOR:
            return None
        return (
            f"is of format {self.version}; wanted {MAJOR}.1 to {MAJOR}.{MINOR}: older files have no signatures, "
            "compress the photos again; newer ones need a newer gsdd"
        )


def seal(manifest: Manifest, tensors: Mapping[str, TensorEntry]) -> Document:
    """Write the text of a new file.

    Args:
        manifest: what the file is.
        tensors: its table of tensors.

    Returns:
        The document, which a reader would accept.

    Raises:
        FormatError: the tensors are not those that the manifest calls for, or the manifest is not plain JSON.
    """
    table = {name: entry.to_json() for name, entry in tensors.items()}
    fields = {**manifest.to_json(), "version": f"{MAJOR}.{manifest.minor}", "tensors": table}
    return parse(dumps({**fields, "digest": _digest(fields)}))


def parse(text: str) -> Document:
    """Check a text of unknown origin, the version before anything else.

    Args:
        text: the JSON as it stands in a file.

    Returns:
        The document; its shapes and dtypes are those that the manifest calls for.

    Raises:
        FormatError: an unknown major version, a changed byte, or content that no sound file has.
    """
    if len(text) > MAX_TEXT:
        raise FormatError(f"the manifest has {len(text)} bytes; at most {MAX_TEXT} are allowed")
    fields = loads(text)
    minor = _check_version(fields)
    if dumps(fields) != text:
        raise FormatError("the manifest is not spelled canonically: it was changed after it was written")
    digest = _check_digest(fields)
    said = {name: value for name, value in fields.items() if name not in _OWN_FIELDS}
    manifest = from_json(said, newer=minor > MINOR)
    if manifest.minor > max(minor, 1):
        raise FormatError(
            f"the file says version {fields['version']}, but has content of version {MAJOR}.{manifest.minor}"
        )
    return Document(text, manifest, _table(fields.get("tensors"), manifest, minor), fields["version"], digest)


def _check_version(fields: object) -> int:
    version = fields.get("version") if isinstance(fields, dict) else None
    match = re.fullmatch(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})", version) if isinstance(version, str) else None
    if not match:
        raise FormatError(f"the manifest has the version {quote(version)}; wanted one such as '{MAJOR}.{MINOR}'")
    if int(match[1]) != MAJOR:
        raise FormatError(
            f"format version {version} is unknown to this gsdd, which reads {MAJOR}.x: get a gsdd that reads it"
        )
    return int(match[2])


def _check_digest(fields: Mapping[str, Any]) -> str:
    digest = _digest({name: value for name, value in fields.items() if name != "digest"})
    if fields.get("digest") != digest:
        raise FormatError(f"the manifest is damaged: its sha256 is {digest}, it says {quote(fields.get('digest'))}")
    return digest


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(dumps(fields).encode()).hexdigest()


def _table(value: object, manifest: Manifest, minor: int) -> dict[str, TensorEntry]:
    wanted = manifest.layouts(minor)
    entries = check_object("tensors", value, wanted, newer=minor > MINOR)
    table = {name: parse_entry(name, entry) for name, entry in entries.items()}
    for name, layout in wanted.items():
        if not layout.admits(table[name].layout):
            raise FormatError(f"tensor {name}: is {table[name].layout}; the manifest calls for {layout}")
    return table
