"""Which device a job computes on, and what arithmetic that is quick at."""

import torch


def pick_device(device: str) -> str:
    """Choose where to compute.

    Args:
        device: as torch names it; "auto" takes a GPU if this machine has one that torch can use, else the CPU.
    """
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def multiplies_bf16(device: torch.device) -> bool:
    """Tell whether a device has instructions for products of bfloat16; without them bf16 is slower than fp32.

    Args:
        device: a CPU or a GPU of this machine.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not hasattr(torch.cpu, "get_capabilities"):  # before torch 2.7
        return bool(torch.cpu._is_avx512_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
