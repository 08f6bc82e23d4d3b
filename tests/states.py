"""The global random states: what is drawn here has streams of its own, and moves none of them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def _states() -> tuple[object, ...]:
    return random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Check that what is done in this context leaves Python's, NumPy's and torch's generator as they were."""
    before = _states()
    yield
    assert _states() == before
