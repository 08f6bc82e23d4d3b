"""Draws are a function of what they are for, and of nothing else."""

import random

import numpy as np
import torch

from gsdd.randomness import numpy_stream, torch_stream


def test_the_same_purpose_draws_the_same_numbers():
    assert numpy_stream(1, "omega", 5, 2).random() == numpy_stream(1, "omega", 5, 2).random()
    first = torch.rand(3, generator=torch_stream(1, "theta", 4))
    assert torch.equal(first, torch.rand(3, generator=torch_stream(1, "theta", 4)))


def test_seed_purpose_and_ids_each_change_the_numbers():
    streams = [(1, "omega", 5), (2, "omega", 5), (1, "theta", 5), (1, "omega", 6), (1, "omega", 5, 0), (15, "omega")]
    assert len({numpy_stream(*key).integers(2**62) for key in streams}) == len(streams)
    draws = {torch.randint(2**62, (1,), generator=torch_stream(*key)).item() for key in streams}
    assert len(draws) == len(streams)


def test_neither_reads_nor_sets_a_global_generator():
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state())
    numpy_stream(3, "x").random()
    torch.rand(3, generator=torch_stream(3, "x"))
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state())
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


def test_a_stream_is_uniform():
    draws = np.array([numpy_stream(0, "uniform", k).random() for k in range(2000)])
    assert abs(draws.mean() - 0.5) < 4 / np.sqrt(12 * 2000)
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 4 / np.sqrt(2000)
