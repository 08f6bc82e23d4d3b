"""Which of the processes of a training run this one is."""

import torch


def rank_and_world_size() -> tuple[int, int]:
    """Ask torch.distributed; without it there is one process, of rank 0."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
