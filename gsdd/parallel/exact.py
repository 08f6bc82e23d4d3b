"""fp32 that is fp32, whatever the caller's trainer has switched on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from gsdd.parallel.while_used import WhileUsed

# What torch calls fp32 arithmetic that rounds nothing: no TF32 on a GPU, no bf16 in oneDNN.
EXACT = "ieee"


@contextmanager
def exact_fp32(device_type: str) -> Iterator[None]:
    """Compute in fp32 and in a fixed order: no autocast, no TF32 or bf16 in products, no kernels picked by timing.

    All settings are as they were once the block ends. They are torch's, of the whole process: other threads compute so
    too while it runs.

    Args:
        device_type: where the work runs, such as "cuda".
    """
    with ExitStack() as stack:
        stack.enter_context(torch.autocast(device_type, enabled=False))
        stack.enter_context(_FULL_PRODUCTS.used())
        if device_type == "cuda":
            stack.enter_context(_SAME_KERNELS.used())
        yield


@contextmanager
def _full_products() -> Iterator[None]:
    if not hasattr(torch.backends, "fp32_precision"):
        with _full_products_before_torch_2_9():
            yield
        return
    changed = [(place, before) for place in _places() if (before := _set_exact(place)) is not None]
    try:
        yield
    finally:
        for place, before in reversed(changed):
            place.fp32_precision = before


def _places() -> list[Any]:
    """List where torch keeps a precision, the general before the special, which follow it unless they were set."""
    backends: Any = torch.backends
    special = (backends.cudnn.conv, backends.cudnn.rnn, backends.cuda.matmul, backends.mkldnn.conv)
    return [backends, backends.cudnn, backends.mkldnn, *special, backends.mkldnn.rnn, backends.mkldnn.matmul]


def _set_exact(place: Any) -> str | None:  # noqa: ANN401
    """Make one exact and return what it was; None where it was, since one that is set follows no other again."""
    before = str(place.fp32_precision)
    if before == EXACT:
        return None
    place.fp32_precision = EXACT
    return before


@contextmanager
def _full_products_before_torch_2_9() -> Iterator[None]:
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


@contextmanager
def _same_kernels() -> Iterator[None]:
    cudnn = torch.backends.cudnn
    before = cudnn.enabled, cudnn.benchmark, cudnn.deterministic
    cudnn.enabled, cudnn.benchmark, cudnn.deterministic = True, False, True
    try:
        yield
    finally:
        cudnn.enabled, cudnn.benchmark, cudnn.deterministic = before


_FULL_PRODUCTS, _SAME_KERNELS = WhileUsed(_full_products), WhileUsed(_same_kernels)
