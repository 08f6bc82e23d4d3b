"""What each codec keeps of a latent, and what it refuses."""

import numpy as np
import pytest

from gsdd.errors import DivergedError, RecipeError
from gsdd.formats.codecs import CODECS

ULP = np.finfo(np.float32).eps


def latents(seed: int = 0, size: int = 8) -> np.ndarray:
    draw = np.random.default_rng(seed)
    spread, centre = draw.uniform(0.01, 2, (5, 3, 1, 1)), draw.uniform(-1, 1, (5, 3, 1, 1))
    return (centre + spread * draw.standard_normal((5, 3, size, size))).astype(np.float32)


def round_trip(codec: str, z: np.ndarray) -> np.ndarray:
    return CODECS[codec].decode(CODECS[codec].encode(z), z.shape)


def test_fp32_keeps_every_bit():
    z = latents()
    assert round_trip("fp32", z).tobytes() == z.tobytes()


def test_fp16_rounds_to_the_nearest_half():
    z = latents()
    assert round_trip("fp16", z).tolist() == z.astype(np.float16).astype(np.float32).tolist()
    assert np.abs(round_trip("fp16", z) - z).max() <= np.abs(z).max() * 2**-11


def test_uint8_is_off_by_half_a_step_of_its_channel_at_most():
    z = latents()
    step = np.ptp(z.astype(np.float64), axis=(2, 3), keepdims=True) / 255
    rounding = 4 * ULP * np.abs(z).max()
    assert (np.abs(round_trip("uint8", z) - z.astype(np.float64)) <= step / 2 + rounding).all()


def test_uint8_dequantises_as_a_plain_loop_with_two_roundings_does():
    tensors = CODECS["uint8"].encode(latents(size=3))
    got = CODECS["uint8"].decode(tensors, (5, 3, 3, 3))
    for n, c, y, x in np.ndindex(got.shape):
        product = np.float32(np.float64(tensors["latents"][n, c, y, x]) * np.float64(tensors["latents.scale"][n, c]))
        wanted = np.float32(np.float64(product) + np.float64(tensors["latents.offset"][n, c]))
        assert got[n, c, y, x] == wanted


def test_uint8_keeps_the_ends_of_each_channels_range():
    z = latents()
    tensors = CODECS["uint8"].encode(z)
    assert tensors["latents"].min((2, 3)).tolist() == [[0] * 3] * 5
    assert tensors["latents"].max((2, 3)).tolist() == [[255] * 3] * 5
    assert (round_trip("uint8", z).min((2, 3)) == z.min((2, 3))).all()


def test_uint8_keeps_a_constant_channel_exactly_with_scale_0():
    z = np.full((1, 3, 2, 2), 0.1, np.float32)
    tensors = CODECS["uint8"].encode(z)
    assert tensors["latents.scale"].tolist() == [[0, 0, 0]]
    assert CODECS["uint8"].decode(tensors, z.shape).tolist() == z.tolist()


@pytest.mark.parametrize("spread", [1e-45, 1e-42, 1e-38])
def test_uint8_takes_ranges_so_small_that_the_step_is_subnormal(spread):
    z = np.zeros((1, 3, 2, 2), np.float32)
    z[..., 0, 0] = spread
    assert np.abs(round_trip("uint8", z) - z).max() <= spread


def test_uint8_of_already_dequantised_latents_changes_them_by_rounding_alone():
    once = round_trip("uint8", latents())
    assert np.abs(round_trip("uint8", once) - once).max() <= 4 * ULP * np.abs(once).max()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_codec_takes_nan_or_infinity_and_the_message_names_the_latent(codec, value):
    z = latents()
    z[3, 1, 0, 0] = value
    with pytest.raises(DivergedError, match="latent 3 of 5 holds NaN or infinity"):
        CODECS[codec].encode(z)


@pytest.mark.parametrize(("codec", "value"), [("fp16", 65520.0), ("fp16", -1e30), ("uint8", 3.4e38), ("dct", 3e38)])
def test_a_value_beyond_a_codec_is_refused_with_what_to_do(codec, value):
    z = latents()
    z[2, 0, 0, 0] = value
    if codec == "uint8":
        z[2, 0, 0, 1] = -value
    with pytest.raises(RecipeError, match=f"latent 2 reaches .* more than {codec} can hold; use the codec fp32"):
        CODECS[codec].encode(z)


def test_fp16_takes_the_largest_half():
    z = np.full((1, 3, 1, 1), 65504, np.float32)
    assert round_trip("fp16", z).tolist() == z.tolist()


def test_decoding_gives_an_array_of_its_own():
    tensors = CODECS["fp32"].encode(latents())
    CODECS["fp32"].decode(tensors, latents().shape)[:] = 9
    assert tensors["latents"].max() < 9
