"""The checkpoint of a run as bytes: safetensors with one JSON text, whole or refused."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from gsdd.distill.adam import AdamState
from gsdd.distill.distiller import Distillation
from gsdd.distill.inversion import InversionState, Inverted
from gsdd.errors import FormatError
from gsdd.formats.canonical import dumps, loads, quote
from gsdd.formats.manifest import Manifest

FORMAT = 1
KEY = "gsdd_checkpoint"

State = InversionState | Distillation


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands.

    Attributes:
        identity: what decides the result, from `identity_of`.
        state: of the stage under way.
        facts: what the inversion told of itself for the file's manifest; empty until it is finished.
    """

    identity: Mapping[str, Any]
    state: State
    facts: Mapping[str, float]


def identity_of(manifest: Manifest) -> dict[str, Any]:
    """List what decides the latents of a file: two runs with equal lists make equal ones.

    Args:
        manifest: of the file, made or to be made.

    Returns:
        JSON values by a name that a user knows: the recipe's options, latents of each class, photos, generator.
    """
    counts = {f"latents of class {entry.name}": entry.latents for entry in manifest.classes}
    inputs = {"photos (sha256)": manifest.source.sha256, "generator (sha256)": manifest.generator.fingerprint}
    return {**manifest.recipe, **counts, **inputs}


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


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """Lay out a checkpoint.

    Args:
        checkpoint: where the run stands.

    Returns:
        A safetensors file; its JSON text holds a digest of everything else.
    """
    tensors, numbers = _taken_apart(checkpoint.state)
    fields = {"format": FORMAT, "identity": {**checkpoint.identity}, "facts": {**checkpoint.facts}, "state": numbers}
    return safetensors.torch.save(tensors, {KEY: dumps({**fields, "digest": _digest(fields, tensors)})})


def from_bytes(data: bytes) -> Checkpoint:
    """Read a checkpoint.

    Args:
        data: all bytes of a file that may be anything.

    Returns:
        Exactly what was laid out.

    Raises:
        FormatError: damaged, no checkpoint, or one of another version.
    """
    fields = _fields(data)
    if fields.get("format") != FORMAT:
        raise FormatError(f"it has format {quote(fields.get('format'))}; this gsdd continues format {FORMAT}")
    try:
        tensors = safetensors.torch.load(data)
        if fields.pop("digest") != _digest(fields, tensors):
            raise FormatError("it is damaged: its digest does not hold")
        return Checkpoint(fields["identity"], _put_together(tensors, fields["state"]), fields["facts"])
    except (SafetensorError, LookupError, TypeError) as error:
        raise FormatError(f"it is damaged: {quote(str(error))}") from error


def _fields(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        fields = loads(header["__metadata__"][KEY])
        return {**fields}
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise FormatError("it is damaged, or no checkpoint") from error


def _digest(fields: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(dumps(fields).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


def _taken_apart(state: State) -> tuple[dict[str, Tensor], dict[str, int]]:
    tensors = {f"adam.{name}": tensor for name, tensor in vars(state.adam).items()}
    if isinstance(state, Distillation):
        return tensors, {"iterations": state.iterations}
    tensors["error_start"], numbers = state.error_start, {"wanted": state.wanted}
    if state.done:
        done = vars(state.done).copy()
        numbers["done.steps"] = done.pop("steps")
        tensors |= {f"done.{name}": tensor for name, tensor in done.items()}
    return tensors, numbers


def _put_together(tensors: Mapping[str, Tensor], numbers: Mapping[str, int]) -> State:
    adam = AdamState(**_below("adam.", tensors))
    if "iterations" in numbers:
        return Distillation(adam, numbers["iterations"])
    done = _below("done.", {**tensors, **numbers})
    return InversionState(Inverted(**done) if done else None, numbers["wanted"], adam, tensors["error_start"])


def _below(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
