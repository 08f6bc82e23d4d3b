import hashlib
import math
import struct

import numpy as np
import pytest
import torch

from gsdd.generators.fingerprint import fingerprint, fingerprint_fp16
from gsdd.generators.named import NAMED
from gsdd.generators.ncnn import read_ncnn
from gsdd.generators.places import find_weights

WEIGHTS = torch.tensor([[1.0, -2.5, 0.1], [1e-5, -0.0, 3.0]])
BIAS = torch.tensor([0.1, 1e-5])


def by_hand(*tensors: tuple[tuple[int, ...], list[float]]) -> str:
    data = b""
    for shape, values in tensors:
        data += struct.pack(f"<{1 + len(shape)}q", len(shape), *shape) + struct.pack(f"<{len(values)}f", *values)
    return hashlib.sha256(data).hexdigest()


def test_a_fingerprint_is_the_digest_of_shapes_and_little_endian_float32():
    expected = by_hand(((2, 3), [1.0, -2.5, 0.1, 1e-5, -0.0, 3.0]), ((2,), [0.1, 1e-5]), ((), [7.0]))
    assert fingerprint([WEIGHTS, BIAS, torch.tensor(7.0)]) == expected


def test_the_float16_fingerprint_cuts_matrices_towards_zero_and_leaves_vectors():
    # 0.1 is 0x1.99999ap-4: ten bits of mantissa are 0x1.998p-4, though 0x1.99cp-4 would be nearer to 0x1.9999ap-4.
    cut = float.fromhex("0x1.998p-4")
    expected = by_hand(((2, 3), [1.0, -2.5, cut, 0.0, 0.0, 3.0]), ((2,), [0.1, 1e-5]))
    assert fingerprint_fp16([WEIGHTS, BIAS]) == expected
    nearest_odd = torch.tensor([[1 + 3 * 2.0**-11]])
    assert fingerprint_fp16([nearest_odd]) == by_hand(((1, 1), [1 + 2.0**-10]))


def test_the_smallest_number_that_stays_is_two_to_the_minus_14():
    numbers = torch.tensor([[2.0**-14, 2.0**-14 - 2.0**-38, -(2.0**-14), -(2.0**-15)]])
    assert fingerprint_fp16([numbers]) == by_hand(((1, 4), [2.0**-14, 0.0, -(2.0**-14), 0.0]))


def test_cutting_agrees_with_cutting_every_number_by_arithmetic():
    numbers = torch.from_numpy(np.random.default_rng(0).standard_normal((40, 50)).astype(np.float32) * 0.01)
    expected = []
    for number in numbers.flatten().tolist():
        mantissa, exponent = math.frexp(number)
        cut = math.ldexp(math.trunc(mantissa * 2**11) / 2**11, exponent)
        expected.append(cut if abs(cut) >= 2**-14 else 0.0)
    assert fingerprint_fp16([numbers]) == by_hand(((40, 50), expected))


@pytest.mark.parametrize("digest", [fingerprint, fingerprint_fp16])
def test_a_fingerprint_does_not_depend_on_memory_layout_or_on_integer_buffers(digest):
    weights = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    expected = digest([weights])
    assert digest([weights.to(memory_format=torch.channels_last)]) == expected
    assert digest([weights.double(), torch.arange(4)]) == expected


@pytest.mark.parametrize(
    "other",
    [[WEIGHTS.T], [WEIGHTS.reshape(6)], [WEIGHTS, BIAS], [WEIGHTS + torch.tensor([[2.0**-8, 0, 0], [0, 0, 0]])]],
    ids=["other shape", "other rank", "one more", "one value"],
)
def test_other_weights_have_another_fingerprint(other):
    assert fingerprint(other) != fingerprint([WEIGHTS])
    assert fingerprint_fp16(other) != fingerprint_fp16([WEIGHTS])


@pytest.mark.parametrize("name", ["realesrgan-x4plus", "realsr-df2k"])
def test_packaged_weights_were_cut_and_not_rounded_to_float16(name):
    # Rounding to nearest gives a power of two 3/4 of its neighbours' share: half an interval below it is half as wide.
    state = read_ncnn(find_weights(NAMED[name]))
    weights = torch.cat([value.flatten() for value in state.values() if value.ndim == 4]).abs()
    powers = 2.0 ** torch.arange(-13, 0)
    at_power = int(torch.isin(weights, powers).sum())
    just_above = int(torch.isin(weights, powers * (1 + 2**-10)).sum())
    assert min(at_power, just_above) > 20_000
    assert at_power / just_above > 0.95
