"""A generator -> a .safetensors file that spandrel, and so most super-resolution tools, reads."""

from pathlib import Path

import torch

from gsdd.errors import OutputError
from gsdd.formats.atomic import check_output, write_atomically
from gsdd.generators.generator import Generator


def export(generator: Generator, path: Path, *, force: bool = False, dry_run: bool = False) -> int:
    """Write a generator's weights, float32, under the names that spandrel gives them.

    Args:
        generator: any generator.
        path: a .safetensors file to write.
        force: replace the file if it exists.
        dry_run: check, and write nothing.

    Returns:
        The size of the file in bytes.

    Raises:
        OutputError: the file exists and force is not set, has another suffix, or cannot be written.
    """
    from safetensors.torch import save

    if path.suffix.lower() != ".safetensors":
        raise OutputError(f"{path}: weights are exported as .safetensors; got the suffix {path.suffix!r}")
    check_output(path, force=force)
    data = save({name: plain(value) for name, value in generator.network.state_dict().items()})
    if not dry_run:
        write_atomically(path, data, force=force, follow=True)
    return len(data)


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a tensor as safetensors wants it, which refuses those that are not row-major, or that share memory.

    Args:
        tensor: any shape and dtype, on any device.

    Returns:
        The same values on the CPU, row-major, without a gradient.
    """
    return tensor.detach().to("cpu", copy=True).contiguous()
