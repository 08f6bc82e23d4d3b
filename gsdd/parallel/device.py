"""Which device a job computes on, and what arithmetic that is quick at."""

import warnings

import torch

from gsdd.errors import RecipeError
from gsdd.monitor import Monitor, NotingFirst
from gsdd.parallel.torchrun import local_rank, started_by_torchrun

AUTO = "auto"
WANTED = "auto, cpu, cuda, a numbered GPU such as cuda:1, or mps"


def pick_device(device: str | torch.device) -> str:
    """Choose where to compute.

    Args:
        device: of torch, or its name; "auto" takes a GPU of NVIDIA or AMD if torch can use it, else the CPU. Each
            process that torchrun started takes a GPU of its own for "auto" and "cuda".

    Returns:
        The name of a device that torch can use.

    Raises:
        RecipeError: torch cannot use the device; the text says why.
    """
    wanted = str(device)
    if wanted == AUTO:
        return "cpu" if _fault_of("cuda") else _own_gpu("cuda")
    _check_name(wanted)
    place = _own_gpu(wanted)
    if fault := _fault_of(place):
        raise RecipeError(f'`device`: got {place}, but {fault}; take `device="cpu"`, or auto')
    return place


def announcing(monitor: Monitor, device: str, place: str) -> Monitor:
    """Have a monitor told, with the first progress of a job, what "auto" took, and why.

    Args:
        monitor: of the job.
        device: as the user named it.
        place: what `pick_device` made of it.

    Returns:
        A monitor for the job; the same one where the user named a device.
    """
    return NotingFirst(monitor, f"computing on {place}: {_reason(place)}") if device == AUTO else monitor


def multiplies_bf16(device: torch.device) -> bool:
    """Tell whether a device has instructions for products of bfloat16; without them bf16 is slower than fp32.

    Args:
        device: a CPU or a GPU of this machine.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):  # torch asks the current one
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    if not hasattr(torch.cpu, "get_capabilities"):  # torch 2.8
        return bool(torch.cpu._is_avx512_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def place_of_float64(device: torch.device) -> torch.device:
    """Say where to compute in float64 what lies on a device: there, but for Apple's GPUs, which have none."""
    return torch.device("cpu") if device.type == "mps" else device


def _reason(place: str) -> str:
    if place == "cpu":
        return f"{_fault_of('cuda')}{_other_than_cuda()}"
    count = torch.cuda.device_count()
    return f"{torch.cuda.get_device_name(place)}{f', one of {count} GPUs' if count > 1 else ''}"


def _other_than_cuda() -> str:
    return ' (`device="mps"` takes the GPU of this Mac)' if torch.backends.mps.is_available() else ""


def _check_name(device: str) -> None:
    try:
        torch.device(device)
    except RuntimeError as error:
        hint = "; torch calls a GPU of NVIDIA or AMD cuda" if device.lower().startswith("gpu") else ""
        raise RecipeError(f"`device`: got {device!r}, wanted {WANTED}{hint}") from error


def _own_gpu(device: str) -> str:
    """Give each process of torchrun the GPU of its number."""
    if device != "cuda" or not started_by_torchrun():
        return device
    rank, count = local_rank(), torch.cuda.device_count()
    if rank >= count:
        raise RecipeError(
            f"`device`: torchrun started a process for GPU {rank}, but torch sees {_gpus(count)} on this machine; "
            f'start as many processes as there are GPUs, or take `device="cpu"`'
        )
    return f"cuda:{rank}"


def _fault_of(place: str) -> str | None:
    """Say why torch cannot compute on a device; None where it can."""
    if torch.device(place).type == "mps" and not torch.backends.mps.is_available():
        return "torch finds no GPU of Apple here"
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of what is said here in one line
            torch.ones(1, device=place).add(1).cpu()
    except (RuntimeError, AssertionError) as error:
        return _missing_gpu(place) or _first_sentence(error)
    return None


def _missing_gpu(place: str) -> str | None:
    number, count = torch.device(place).index, torch.cuda.device_count() if place.startswith("cuda") else 0
    return f"torch sees {_gpus(count)}, counted from cuda:0" if count and number and number >= count else None


def _gpus(count: int) -> str:
    return f"{count} GPU{'s' if count != 1 else ''}"


def _first_sentence(error: BaseException) -> str:
    text = str(error).partition("\n")[0].partition(". ")[0] or type(error).__name__
    return f"torch says: {text.rstrip('.')}"
