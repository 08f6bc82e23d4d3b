"""Files of weights -> a super-resolution network, without running anything that a file brings along."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gsdd.errors import GeneratorError, GeneratorNotFoundError
from gsdd.formats.place import Place
from gsdd.generators.generator import CHANNELS, SCALE
from gsdd.networks.own import recognise

SAFETENSORS = ".safetensors"
PICKLED = (".pth", ".pt", ".ckpt")
SUFFIXES = (SAFETENSORS, *PICKLED)
MAX_BYTES = 2 << 30
PROBE_SIDE = 16
MAX_REASON = 160


@dataclass(frozen=True)
class Identified:
    """A network that spandrel, or `gsdd.networks.own`, recognised by its tensors.

    Attributes:
        network: maps [N, 3, h, w] to [N, 3, 4h, 4w].
        architecture: name and tags, such as "ESRGAN 64nf 23nb".
        multiple_of: the input's sides must be multiples of this.
        minimum: and at least this, in pixels.
    """

    network: torch.nn.Module
    architecture: str
    multiple_of: int
    minimum: int


def read_state_dict(path: Path) -> dict[str, Any]:
    """Read the tensors of a weights file.

    Args:
        path: a .safetensors file, or a .pth, .pt or .ckpt file, of which only tensors and plain containers are read.

    Returns:
        The file's content as it is, still wrapped in "params_ema", "params" or the like if it came so.

    Raises:
        GeneratorNotFoundError: there is no such file.
        GeneratorError: the file is not of a kind that is read, too large, damaged, or holds code.
    """
    if not path.is_file():
        raise GeneratorNotFoundError(
            f"{path}: no such file of generator weights; give the right one with `generator=PATH`"
        )
    if path.suffix.lower() not in SUFFIXES:
        raise GeneratorError(f"{path}: weights have the suffix {path.suffix!r}; wanted one of {', '.join(SUFFIXES)}")
    size = _unpacked_bytes(path)
    if size > MAX_BYTES:
        raise GeneratorError(f"{path}: {size} bytes of weights; wanted at most {MAX_BYTES}")
    content = _read_safetensors(path) if path.suffix.lower() == SAFETENSORS else _read_pickled(path)
    if not isinstance(content, Mapping) or not content:
        raise GeneratorError(f"{path}: holds a {type(content).__name__}; wanted a dictionary of tensors")
    return dict(content)


def identify(state_dict: Mapping[str, Any], path: Place) -> Identified:
    """Find the network that a state dict belongs to, and load it.

    Args:
        state_dict: tensors by name, in any naming and wrapping that spandrel knows.
        path: the file it came from, for messages.

    Returns:
        The network, on the CPU in float32.

    Raises:
        GeneratorError: nothing recognises it, or it is not x4 super-resolution of RGB images.
    """
    found = _recognised(state_dict, path)
    if not all(bool(value.isfinite().all()) for value in found.network.state_dict().values()):
        raise GeneratorError(f"{path}: {found.architecture}: some weights are NaN or infinite; get the file again")
    _probe(found, path)
    return found


def quietly() -> AbstractContextManager[object]:
    """Keep the warnings of torch, torchvision and spandrel about their own insides from the user."""
    return warnings.catch_warnings(action="ignore")


def _recognised(state_dict: Mapping[str, Any], path: Place) -> Identified:
    # Constructors fill their layers with random numbers before the weights arrive: fork_rng keeps the global
    # generator as the caller had it.
    with quietly(), torch.random.fork_rng(devices=[]):
        from spandrel import ModelLoader, canonicalize_state_dict

        try:
            own = recognise(canonicalize_state_dict(dict(state_dict)))
            descriptor = None if own else ModelLoader().load_from_state_dict(dict(state_dict))
        except Exception as error:  # whatever a detector or a constructor of some forty architectures trips over
            raise GeneratorError(
                f"{path}: not a network that spandrel recognises ({type(error).__name__}: {_cause(error)}); "
                "wanted x4 super-resolution weights, such as those of https://openmodeldb.info"
            ) from error
    return Identified(*own, multiple_of=1, minimum=2) if own else _checked(descriptor, path)


def _checked(descriptor: Any, path: Place) -> Identified:  # noqa: ANN401 - spandrel is untyped for mypy
    kind = f"{descriptor.architecture.id} {' '.join(descriptor.tags)}".strip()
    purpose = getattr(descriptor, "purpose", "unknown")
    scale, channels_in, channels_out = descriptor.scale, descriptor.input_channels, descriptor.output_channels
    if (purpose, scale, channels_in, channels_out) != ("SR", SCALE, CHANNELS, CHANNELS):
        raise GeneratorError(
            f"{path}: {kind}: purpose {purpose}, x{scale}, {channels_in} channels in and {channels_out} out; "
            f"wanted super-resolution x{SCALE} with {CHANNELS} channels in and out"
        )
    sizes = descriptor.size_requirements
    return Identified(descriptor.model.float(), kind, sizes.multiple_of or 1, sizes.minimum or 1)


def _probe(found: Identified, path: Place) -> None:
    side = -(-max(PROBE_SIDE, found.minimum) // found.multiple_of) * found.multiple_of
    wanted = [1, CHANNELS, SCALE * side, SCALE * side]
    try:
        # Not inference_mode: some transformers keep masks of their first call, which autograd could not use later.
        with torch.no_grad():
            image = found.network.eval()(torch.zeros(1, CHANNELS, side, side, dtype=torch.float32, device="cpu"))
    except Exception as error:  # as in _recognised
        raise GeneratorError(f"{path}: {found.architecture} fails on a latent: {_cause(error)}") from error
    got = list(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
    if got != wanted:
        raise GeneratorError(f"{path}: {found.architecture} gave {got} for a latent; wanted {wanted}")
    if not bool(image.isfinite().all()):
        raise GeneratorError(f"{path}: {found.architecture} gave NaN or infinity for a latent; get the file again")


def _unpacked_bytes(path: Path) -> int:
    # A .pth file is a zip archive, and torch.load unpacks compressed entries: a small file can claim terabytes.
    size = path.stat().st_size
    if path.suffix.lower() == SAFETENSORS or not zipfile.is_zipfile(path):
        return size
    try:
        with zipfile.ZipFile(path) as archive:
            return max(size, sum(entry.file_size for entry in archive.infolist()))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise GeneratorError(f"{path}: damaged: {error}; get the file again") from error


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise GeneratorError(f"{path}: not a sound safetensors file: {error}") from error


def _read_pickled(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        with quietly():
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise GeneratorError(
            f"{path}: refused: it holds more than tensors, or is damaged ({_cause(error)}); "
            "wanted a plain state dict; ask its author for .safetensors"
        ) from error
    except Exception as error:  # the formats that torch still reads fail in a dozen ways
        raise GeneratorError(f"{path}: damaged, or not weights saved by torch ({_cause(error)})") from error


def _cause(error: Exception) -> str:
    # torch wraps the reason in advice on turning weights_only off, which is the last thing to do.
    reason = " ".join(str(error).split()).rpartition("WeightsUnpickler error: ")[2]
    for advice in (" Please ", " Check the documentation"):
        reason = reason.partition(advice)[0]
    return reason[:MAX_REASON] or type(error).__name__
