"""Which implementation of an op runs: the PyTorch reference or the Triton kernel."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, get_args

from gsdd.errors import KernelInputError

if TYPE_CHECKING:  # the command line lists the backends without paying for torch
    from torch import Tensor

Backend = Literal["auto", "reference", "triton"]
BACKENDS: tuple[str, ...] = get_args(Backend)
TRITON_DTYPES = ("torch.uint8", "torch.float32", "torch.bfloat16", "torch.float16")


def choose(backend: str, tensor: "Tensor") -> Literal["reference", "triton"]:
    """Decide between the reference and the kernel.

    Args:
        backend: `auto` takes the kernel for tensors on a GPU of a dtype that it loads, else the reference.
        tensor: what the op works on.

    Returns:
        Which of the two runs.

    Raises:
        KernelInputError: an unknown backend, or the kernel was asked for and cannot run on this tensor.
    """
    if backend not in BACKENDS:
        raise KernelInputError(f"backend: got {backend!r}, wanted one of {BACKENDS}")
    if backend == "reference":
        return "reference"
    if backend == "auto":
        suits = tensor.is_cuda and str(tensor.dtype) in TRITON_DTYPES and find_spec("triton") is not None
        return "triton" if suits else "reference"
    _check_triton(tensor)
    return "triton"


def _check_triton(tensor: "Tensor") -> None:
    if find_spec("triton") is None:
        raise KernelInputError(
            '`backend="triton"`: triton is not installed; pip install triton, or take `backend="reference"`'
        )
    if str(tensor.dtype) not in TRITON_DTYPES:
        raise KernelInputError(
            f'`backend="triton"`: got {tensor.dtype}, wanted one of {TRITON_DTYPES}; cast it, or take '
            '`backend="reference"`'
        )
    if not tensor.is_cuda and not interpreted():
        raise KernelInputError(
            f'`backend="triton"`: got a tensor on {tensor.device}, wanted one on a GPU; move it, take '
            '`backend="auto"`, or set TRITON_INTERPRET=1 before Python starts to interpret the kernels'
        )


def interpreted() -> bool:
    """Tell whether kernels are interpreted on the CPU; a kernel's INTERPRETED constant is this."""
    import triton  # only who asks for kernels pays for the import

    return bool(triton.knobs.runtime.interpret)
