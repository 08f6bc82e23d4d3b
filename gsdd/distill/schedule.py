"""A learning rate that decays: constant, then down along a cosine."""

import math

# Of the learning rate, at the end of a run; and the share of the steps over which it goes there.
LAST_RATE, DECAY = 0.05, 2 / 3


def share_of_rate(number: int, steps: int) -> float:
    """Give what a step has of the learning rate.

    Args:
        number: of the step, from 0.
        steps: how many there are to be, at least 1.

    Returns:
        1 for the first third, then down along a cosine to a twentieth.
    """
    decayed = max(0.0, 1 - (1 - number / steps) / DECAY)
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * decayed)) / 2
