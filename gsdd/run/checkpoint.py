"""The checkpoint of a run as a file: safetensors with one JSON text, whole or refused."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import load
from torch import Tensor

from gsdd.distill.curves import Curves
from gsdd.distill.inversion import InversionState
from gsdd.distill.matching import Distillation
from gsdd.distill.run import State
from gsdd.errors import FormatError
from gsdd.formats.canonical import dumps, loads, quote
from gsdd.formats.manifest import Manifest
from gsdd.formats.opening import read_whole
from gsdd.formats.origins import crops_of
from gsdd.formats.safetensors_header import Placed, read_header, render, text_of

FORMAT = 3
KEY = "gsdd_checkpoint"
MAX_HEADER = 16 << 20
MAX_BYTES = 1 << 36
# By their names in safetensors.
_DTYPES = {
    torch.float64: "F64",
    torch.int64: "I64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint8: "U8",
}

Kinds = Mapping[str, type[State]]
STAGES: Kinds = {"inversion": InversionState, "matching": Distillation}


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands.

    Attributes:
        identity: what decides the result, from `identity_of`.
        state: of the stage under way.
        digest: of all of it, where it was read from a file.
        curves: losses until there, from `Curves.to_json`; none of a job that has others, or of an earlier version.
    """

    identity: Mapping[str, Any]
    state: State
    digest: str = ""
    curves: Mapping[str, Any] = field(default_factory=dict)


def identity_of(manifest: Manifest) -> dict[str, Any]:
    """List what decides the latents of a file: two runs with equal lists make equal ones.

    Args:
        manifest: of the file, made or to be made.

    Returns:
        JSON values by a name that a user knows: the recipe's options, latents of each class, photos, generator.
    """
    counts = {f"latents of class {entry.name}": entry.latents for entry in manifest.classes}
    inputs = {"photos (sha256)": manifest.source.sha256, "generator (sha256)": manifest.generator.fingerprint}
    crops = {f"crops of class {name}": digest for name, digest in crops_of(manifest).items()}
    return {**manifest.recipe, **counts, **inputs, **crops}


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[str, ...]:
    """Compare two identities.

    Args:
        there: of the checkpoint.
        here: of the run that would go on from it.

    Returns:
        "name: there value, here value" for each name that differs.
    """

    def shown(identity: Mapping[str, Any], name: str) -> str:
        return quote(identity[name]) if name in identity else "none"

    names = [name for name in {**here, **there} if there.get(name) != here.get(name)]
    return tuple(f"{name}: there {shown(there, name)}, here {shown(here, name)}" for name in names)


def write(file: IO[bytes], checkpoint: Checkpoint, kinds: Kinds = STAGES) -> None:
    """Write a checkpoint as safetensors, tensor after tensor: the library's own writers hold all bytes once more.

    Args:
        file: empty, open for writing.
        checkpoint: where the run stands; its tensors may be of any size, and on any device.
        kinds: of state, by the name that a file tells them by.
    """
    tensors, facts = checkpoint.state.parts()
    kind = next(name for name, kind in kinds.items() if isinstance(checkpoint.state, kind))
    fields = {"format": FORMAT, "identity": {**checkpoint.identity}, "kind": kind, "facts": facts}
    if checkpoint.curves:
        fields["curves"] = {**checkpoint.curves}
    # The widest first: then each starts at a multiple of its width.
    tensors = dict(sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])))
    file.write(_header(dumps({**fields, "digest": _digest(fields, tensors)}), tensors))
    for tensor in tensors.values():
        file.write(_bytes(tensor))


def read(path: Path, kinds: Kinds = STAGES) -> Checkpoint:
    """Read a checkpoint.

    Args:
        path: a file that may be anything. It is read, not mapped: being cut short meanwhile would end the process.
        kinds: as for `write`.

    Returns:
        Exactly what was written.

    Raises:
        FormatError: damaged, no checkpoint, one of another version, or of a state that no run has.
        OSError: it cannot be read.
    """
    fields, tensors = _parts(read_whole(path, MAX_BYTES))
    if fields.get("format") != FORMAT:
        raise FormatError(f"it has format {quote(fields.get('format'))}; this gsdd continues format {FORMAT}")
    digest = fields.pop("digest", None)
    if digest != _digest(fields, tensors):
        raise FormatError("it is damaged: its digest does not match")
    kind, identity, facts = (fields.get(name) for name in ("kind", "identity", "facts"))
    if not isinstance(kind, str) or kind not in kinds:
        raise FormatError(f"it is of another kind of job, {quote(kind)}")
    if not isinstance(identity, dict) or not isinstance(facts, dict):
        raise FormatError("it does not say whose it is, or where that stands")
    try:
        Curves().begin(fields.get("curves", {}))
        return Checkpoint(identity, kinds[kind].of(tensors, facts), digest, fields.get("curves", {}))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"it holds no state of a job ({type(error).__name__}: {quote(str(error))})") from error


def _parts(data: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        text = text_of(read_header(io.BytesIO(data), len(data), MAX_HEADER), KEY)
        return {**loads(text or "")}, load(data)
    except Exception as error:  # the library trips over hostile shapes and dtypes in half a dozen ways
        raise FormatError(f"it is damaged, or no checkpoint ({quote(str(error))})") from error


def _header(text: str, tensors: Mapping[str, Tensor]) -> bytes:
    placed = (Placed(name, _DTYPES[each.dtype], each.shape, each.nbytes) for name, each in tensors.items())
    header = render(KEY, text, placed)
    return len(header).to_bytes(8, "little") + header


def _digest(fields: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(dumps(fields).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
