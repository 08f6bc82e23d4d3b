"""A generator's weights inside a .gsdd file: a safetensors file under the names that spandrel gives them."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from gsdd.errors import FingerprintError, GeneratorError
from gsdd.formats.manifest import ManifestGenerator
from gsdd.generators.generator import Generator
from gsdd.generators.load import assemble
from gsdd.generators.weights import identify


def pack(generator: Generator) -> bytes:
    """Write the weights, each tensor in float16 where that holds it bit for bit, else in float32.

    Args:
        generator: any generator.

    Returns:
        A safetensors file.
    """
    return save({name: _smaller(tensor) for name, tensor in generator.network.state_dict().items()})


def _smaller(tensor: torch.Tensor) -> torch.Tensor:
    # safetensors refuses tensors that are not row-major, or that share memory.
    plain = tensor.detach().to("cpu", copy=True).contiguous()
    half = plain.half() if plain.is_floating_point() else plain
    return half if torch.equal(half.to(plain.dtype), plain) else plain


def unpack(data: bytes, made_with: ManifestGenerator, path: Path) -> Generator:
    """Load the weights that a file holds, on the CPU.

    Args:
        data: of unknown origin; nothing in it is run.
        made_with: what the file says of its generator.
        path: the file, for messages.

    Returns:
        The generator, under the name that the file gives it.

    Raises:
        GeneratorError: the bytes are no weights of an x4 network.
        FingerprintError: they are not the weights that the file says it was made with.
    """
    try:
        found = identify(load(data), path)
    except SafetensorError as error:
        raise GeneratorError(f"{path}: its generator is no sound safetensors file: {error}") from error
    generator = assemble(found, (path,), made_with.name, made_with.origin, made_with.licence)
    if generator.fingerprint != made_with.fingerprint:
        raise FingerprintError(
            f"{path}: holds a generator of fingerprint {generator.fingerprint[:16]} and was made with "
            f"{made_with.fingerprint[:16]}; give the right one with --generator"
        )
    return generator
