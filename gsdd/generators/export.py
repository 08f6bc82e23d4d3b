"""A generator -> a .safetensors file that spandrel, and so most super-resolution tools, reads."""

from pathlib import Path

import torch

from gsdd.errors import OutputError
from gsdd.formats.atomic import write_atomically
from gsdd.generators.generator import Generator


def export(generator: Generator, path: Path, *, force: bool = False) -> None:
    """Write a generator's weights, float32, under the names that spandrel gives them.

    Args:
        generator: any generator.
        path: a .safetensors file to write.
        force: replace the file if it exists.

    Raises:
        OutputError: the file exists and force is not set, has another suffix, or cannot be written.
    """
    from safetensors.torch import save

    if path.suffix.lower() != ".safetensors":
        raise OutputError(f"{path}: weights are exported as .safetensors; got the suffix {path.suffix!r}")
    tensors = {name: _plain(value) for name, value in generator.network.state_dict().items()}
    write_atomically(path, save(tensors), force=force)


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    # safetensors refuses tensors that are not row-major, or that share memory.
    return tensor.detach().to("cpu", copy=True).contiguous()
