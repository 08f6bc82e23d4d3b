"""A generator's weights inside a .gsdd file: a safetensors file under the names that spandrel gives them."""

from collections.abc import Mapping
from dataclasses import asdict

import torch
from safetensors.torch import load, save

from gsdd.errors import FingerprintError, FormatError, GeneratorError
from gsdd.formats.manifest import GeneratorReference, ManifestGenerator
from gsdd.formats.place import Place
from gsdd.formats.text import shown
from gsdd.generators.export import plain
from gsdd.generators.generator import Generator
from gsdd.generators.load import assemble, reference_of
from gsdd.generators.named import NAMED
from gsdd.generators.weights import Identified, identify

FORM = "safetensors"
DTYPES = (torch.float16, torch.float32, torch.int64)


def pack(generator: Generator) -> bytes:
    """Write the weights, each tensor in float16 where that holds it bit for bit, else in float32.

    Args:
        generator: any generator.

    Returns:
        A safetensors file.
    """
    return save({name: _smaller(tensor) for name, tensor in generator.network.state_dict().items()})


def _smaller(tensor: torch.Tensor) -> torch.Tensor:
    whole = plain(tensor)
    half = whole.half() if whole.is_floating_point() else whole
    return half if torch.equal(half.to(whole.dtype), whole) else whole


def unpack(data: bytes, made_with: ManifestGenerator, path: Place) -> Generator:
    """Load the weights that a file holds, on the CPU.

    Args:
        data: of unknown origin; nothing in it is run.
        made_with: what the file says of its generator.
        path: the file, for messages.

    Returns:
        The generator, under the name that the file gives it.

    Raises:
        FormatError: the bytes are no weights of an x4 network, or of another one than the file says.
        FingerprintError: the file gives them the name of a generator that has other weights.
    """

    def check(found: Identified) -> None:
        _check_said(reference_of(found, made_with.name, made_with.origin, made_with.licence), made_with, path)

    try:
        found = identify(_tensors(data), path, check)
    except GeneratorError as error:
        raise FormatError(f"{path}: its generator cannot be used: {error}") from error
    _check_named(made_with, path)
    return assemble(found, (), made_with.name, made_with.origin, made_with.licence)


def _tensors(data: bytes) -> Mapping[str, torch.Tensor]:
    try:
        weights = load(data)
    except Exception as error:  # safetensors trips over hostile shapes and dtypes in half a dozen ways
        raise GeneratorError(f"not a valid safetensors file ({type(error).__name__})") from error
    if strange := [name for name, tensor in weights.items() if tensor.dtype not in DTYPES or not tensor.numel()]:
        raise GeneratorError(f"tensors of another dtype than float16, float32 and int64, or empty: {strange[:3]!r}")
    return weights


def _check_said(reference: GeneratorReference, made_with: ManifestGenerator, path: Place) -> None:
    said, is_ = asdict(made_with), asdict(reference)
    if wrong := [name for name, value in is_.items() if said[name] != value]:
        raise FormatError(f"{path}: the weights of its generator are not what it says of them: {', '.join(wrong)}")


def _check_named(made_with: ManifestGenerator, path: Place) -> None:
    named = NAMED.get(made_with.name)
    if named and made_with.fingerprint_fp16 != named.fingerprint_fp16:
        raise FingerprintError(
            f"{path}: calls its generator {shown(made_with.name)}, which has other weights; if you trust the file, "
            "give it a generator with `generator=PATH`"
        )
