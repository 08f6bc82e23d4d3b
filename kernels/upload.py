"""Small things that the host works out, on their way to a device."""

import torch
from torch import Tensor


def uploaded(values: Tensor, device: torch.device | str) -> Tensor:
    """Copy to a device; the host goes on at once, since pinned memory is read when the device gets to it.

    Args:
        values: on the host; or where they shall be, which is then left as it is.
        device: where to.

    Returns:
        The same values there; they themselves where that is the host.
    """
    device = torch.device(device)
    if values.device.type == "cpu" and device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)
