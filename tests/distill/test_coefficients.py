"""Codecs of the search, where latents lie, against those that make files, on latents of real photos."""

import math

import numpy as np
import pytest
import torch

from gsdd.data.catalog import scan
from gsdd.data.crops import read_tiles
from gsdd.data.degradation import downscale, to_float
from gsdd.distill.budget import OCTAVE, near
from gsdd.distill.coefficients import Coefficients
from gsdd.distill.stored import _in_eight_bits, as_stored
from gsdd.errors import DivergedError
from gsdd.formats.codecs import CODECS
from gsdd.formats.dct_codec import STEPS, DctCodec


@pytest.fixture(scope="module")
def z(photos) -> torch.Tensor:
    """Down-sampled crops, and the same with noise: 18 of 20x20, whose last blocks are padded."""
    small = downscale(to_float(torch.from_numpy(read_tiles(scan(photos, min_size=80), 80, limit=9)[0])), 4)
    return torch.cat([small, small + 0.03 * torch.randn(small.shape, generator=torch.Generator().manual_seed(0))])


def of_the_file(codec: DctCodec, z: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales as they are written."""
    [(_, codes, scale)] = codec._quantised(z.numpy())
    return codes, scale


@pytest.mark.parametrize("step", [STEPS[0], 1 / 128, 0.05, 1 / 16, 0.3, STEPS[1]])
class TestAtOneStep:
    def test_codes_are_those_of_the_file_but_where_the_last_bit_decides(self, z, step):
        coded = Coefficients.of(z).at(step)
        codes, scale = of_the_file(DctCodec(step), z)
        assert np.array_equal(coded.scale, scale)
        assert np.mean(coded.codes.numpy() != codes) < 1e-5

    def test_heads_and_bytes_are_those_of_the_file(self, z, step):
        coded, codec = Coefficients.of(z).at(step), DctCodec(step)
        assert np.array_equal(coded.heads, codec.heads(z.numpy()))
        assert coded.bytes.numpy() == pytest.approx(codec.bytes_of(z.numpy()), rel=1e-6)

    def test_the_same_codes_are_restored_to_the_same_bits(self, z, step):
        coded = Coefficients.of(z).at(step)
        codes, _ = of_the_file(DctCodec(step), z)
        same = (coded.codes.numpy() == codes).all((1, 2, 3, 4))
        assert same.mean() > 0.9
        assert np.array_equal(coded.restored().numpy()[same], DctCodec(step).rounded(z.numpy())[same])


def test_a_latent_beyond_the_largest_code_has_a_larger_scale(z):
    far = 40 * z
    coded, codec = Coefficients.of(far).at(STEPS[0]), DctCodec(STEPS[0])
    assert (coded.scale > STEPS[0]).all() and coded.codes.abs().max() == 2047
    assert np.array_equal(coded.restored().numpy(), codec.rounded(far.numpy()))


def nearest_by_trying_all(z: torch.Tensor, share: float) -> float:
    """The step whose bytes are nearest to a share: the finest at which they fit, or the one before."""
    octaves = range(-5 * OCTAVE, -2 * OCTAVE + 1)
    taken = [DctCodec(2.0 ** (each / OCTAVE)).bytes_of(z.numpy())[0] for each in octaves]
    first = next(number for number, size in enumerate(taken) if size <= share)
    return 2.0 ** (octaves[min((first - 1, first), key=lambda number: abs(taken[number] - share))] / OCTAVE)


def test_the_steps_of_a_budget_are_those_of_a_search_by_the_file(z):
    """Bytes may go up by one from a step to the next, so that a search by halves finds a neighbour."""
    shares = DctCodec(0.07).bytes_of(z.numpy())
    found = near(1 / 16, Coefficients.of(z[:4]), torch.from_numpy(shares[:4])).steps
    for number, step in enumerate(found.tolist()):
        wanted = nearest_by_trying_all(z[number : number + 1], shares[number])
        assert abs(math.log2(step / wanted)) < 2.5 / OCTAVE


def test_latents_that_diverged_are_refused_on_a_cpu_and_no_number_elsewhere(z):
    diverged = z[:3].clone()
    diverged[1, 0, 0, 0], diverged[2, 0, 0, 0] = math.nan, math.inf
    with pytest.raises(DivergedError, match="latent 1 of 3 holds NaN or infinity"):
        Coefficients.of(diverged)
    values = Coefficients.of(z[:3]).values.clone()
    values[1, 0, 0, 0, 0], values[2, 0, 0, 0, 0] = math.nan, math.inf
    restored = Coefficients(values, z[:3].shape).at(0.05).restored()
    assert torch.equal(restored[0], Coefficients.of(z).at(0.05).restored()[0])
    assert restored[1:].isnan().all()


@pytest.mark.parametrize("name", CODECS)
def test_latents_of_the_last_steps_are_those_that_a_reader_decodes(z, name):
    assert np.array_equal(as_stored(z, CODECS[name]), CODECS[name].rounded(z.numpy()))


def test_eight_bits_are_those_of_the_file_on_a_device_too(z):
    flat = torch.cat([z, torch.full_like(z[:1], 0.3)])
    assert np.array_equal(_in_eight_bits(flat), CODECS["uint8"].rounded(flat.numpy()))
