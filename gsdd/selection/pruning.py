"""Loss-based pruning: the crops that a simple upscaler restores worst, but for the very worst."""

from torch import Tensor


def hardest(errors: Tensor, count: int, leave_out: float) -> list[int]:
    """Take the rows with the largest errors after a share of the very largest.

    Args:
        errors: float64 `[N, 1]`, on any device.
        count: how many to take, at most N.
        leave_out: share of all rows, the worst of them, that is passed over as far as `count` allows, in [0, 1]; 0.5
            takes rows from the median down.

    Returns:
        Numbers of the rows from the largest error down, each once; of equal ones the first.

    Source:
        Moser, Raue and Dengel, "A Study in Dataset Pruning for Image Super-Resolution", arXiv 2403.17083: large losses
        of a simple SR model train best, once the top 5 % are left out.
    """
    # Read before they are sorted: the order would be as many numbers to read.
    order = errors[:, 0].cpu().argsort(descending=True, stable=True)
    first = min(int(leave_out * len(order)), len(order) - count)
    taken: list[int] = order[first : first + count].tolist()
    return taken
