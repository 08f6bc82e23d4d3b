"""Files of weights -> tensors by name, without running anything that a file brings along, and in bounds."""

import io
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from gsdd.errors import FormatError, GeneratorError, GeneratorNotFoundError
from gsdd.formats.opening import HEAD, bytes_in, not_the_file, opened, rest_of
from gsdd.formats.safetensors_header import read_header

SAFETENSORS = ".safetensors"
PICKLED = (".pth", ".pt", ".ckpt")
SUFFIXES = (SAFETENSORS, *PICKLED)
MAX_BYTES = 2 << 30
MAX_HEADER = 16 << 20
MAX_REASON = 160
# Tensors may share their bytes, as tied weights do; beyond that a file of tensors is as large as they.
SHARED = 2
# What a file holds beside the bytes of its tensors.
ROOM = 1 << 20
# "params_ema" and the like in a dictionary, which may be in another.
DEEPEST = 4


def read_state_dict(path: Path) -> dict[str, Any]:
    """Read the tensors of a weights file.

    Args:
        path: a .safetensors file, or a .pth, .pt or .ckpt file, of which only tensors and plain containers are read.

    Returns:
        The file's content as it is, still wrapped in "params_ema", "params" or the like if it came so; its tensors
        take twice the bytes of the file at most.

    Raises:
        GeneratorNotFoundError: there is no such file.
        GeneratorError: the file is not of a kind that is read, too large, damaged, holds code, or claims more tensors
            than it holds.
    """
    if not path.exists():
        raise GeneratorNotFoundError(
            f"{path}: no such file of generator weights; give the right one with `generator=PATH`"
        )
    if path.suffix.lower() not in SUFFIXES:
        raise GeneratorError(f"{path}: weights have the suffix {path.suffix!r}; wanted one of {', '.join(SUFFIXES)}")
    try:
        with opened(path) as file:
            return _read(file, path)
    except OSError as error:
        raise GeneratorError(f"{path}: cannot be read: {error.strerror or error}") from error


def quietly() -> AbstractContextManager[object]:
    """Keep the warnings of torch, torchvision and spandrel about their own insides from the user."""
    return warnings.catch_warnings(action="ignore")


def cause_of(error: Exception) -> str:
    """Say why something failed; torch wraps the reason in advice to turn weights_only off, the last thing to do."""
    reason = " ".join(str(error).split()).rpartition("WeightsUnpickler error: ")[2]
    for advice in (" Please ", " Check the documentation"):
        reason = reason.partition(advice)[0]
    return reason[:MAX_REASON] or type(error).__name__


def tensors_in(content: object, depth: int = DEEPEST) -> Iterator[Tensor]:
    """Give the tensors of dictionaries and lists, those in others among them."""
    if isinstance(content, Tensor):
        yield content
    elif depth and isinstance(content, Mapping | list | tuple):
        for value in content.values() if isinstance(content, Mapping) else content:
            yield from tensors_in(value, depth - 1)


def _read(file: IO[bytes], path: Path) -> dict[str, Any]:
    size, head = bytes_in(file), file.read(HEAD)
    file.seek(0)
    if size > MAX_BYTES:
        raise GeneratorError(f"{path}: {size} bytes of weights; wanted at most {MAX_BYTES}")
    if reason := not_the_file(head):
        raise GeneratorError(f"{path}: {reason}")
    content = _read_safetensors(file, path) if path.suffix.lower() == SAFETENSORS else _read_pickled(file, path)
    if not isinstance(content, Mapping) or not content:
        raise GeneratorError(f"{path}: holds a {type(content).__name__}; wanted a dictionary of tensors")
    if strange := [name for name in content if not isinstance(name, str)]:
        raise GeneratorError(f"{path}: calls a tensor {strange[0]!r:.40}; wanted names that are text")
    _check_tensors(list(tensors_in(content)), size, path)
    return dict(content)


def _check_tensors(tensors: list[Tensor], size: int, path: Path) -> None:
    """Refuse tensors that claim more than the file holds: each by its storage, and all by their sum."""
    for tensor in tensors:
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        if not plain or tensor.nbytes > tensor.untyped_storage().nbytes():
            raise GeneratorError(f"{path}: a tensor {list(tensor.shape)} is not stored whole; wanted plain weights")
    if (total := sum(tensor.nbytes for tensor in tensors)) > SHARED * size + ROOM:
        raise GeneratorError(f"{path}: {total} bytes of tensors in a file of {size}; wanted each of them stored whole")


def _read_safetensors(file: IO[bytes], path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        read_header(file, bytes_in(file), MAX_HEADER)
        file.seek(0)
        return load(rest_of(file))
    except (SafetensorError, FormatError) as error:
        raise GeneratorError(f"{path}: not a sound safetensors file: {error}") from error
    except Exception as error:  # the library trips over hostile shapes and dtypes in half a dozen ways
        raise GeneratorError(f"{path}: not a sound safetensors file ({cause_of(error)})") from error


def _read_pickled(file: IO[bytes], path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        with quietly():
            return torch.load(_with_checked_entries(file), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise GeneratorError(
            f"{path}: refused: it holds more than tensors, or is damaged ({cause_of(error)}); "
            "wanted a plain state dict; ask its author for .safetensors"
        ) from error
    except GeneratorError as error:
        raise GeneratorError(f"{path}: {error}") from error
    except Exception as error:  # the formats that torch still reads fail in a dozen ways
        raise GeneratorError(f"{path}: damaged, or not weights saved by torch ({cause_of(error)})") from error


def _with_checked_entries(file: IO[bytes]) -> IO[bytes]:
    """Give torch an archive of the entries that were checked; what is no archive, as torch wrote until 2020, as it is.

    torch and Python find different entries in a file that has two lists of them, and torch unpacks whatever an entry
    claims. So the entries are taken out once, and an archive of them alone is made.
    """
    if not zipfile.is_zipfile(file):
        file.seek(0)
        return file
    checked = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(checked, "w") as kept:
        entries = archive.infolist()
        if len({entry.filename for entry in entries}) < len(entries):
            raise GeneratorError("its archive has two entries of one name")
        if (total := sum(entry.file_size for entry in entries)) > SHARED * bytes_in(file) + ROOM:
            raise GeneratorError(f"its archive claims to unpack to {total} bytes; wanted one that is not compressed")
        for entry in entries:
            kept.writestr(zipfile.ZipInfo(entry.filename), archive.read(entry))
    checked.seek(0)
    return checked
