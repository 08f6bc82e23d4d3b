"""Streams of latents: what they keep, what they cost, and what is refused. test_spec.py decodes them a second way."""

import tracemalloc

import numpy as np
import pytest

from gsdd.errors import FormatError, RecipeError
from gsdd.formats import entropy
from gsdd.formats.codecs import CODECS
from gsdd.formats.entropy_codec import BITS, EntropyCodec
from gsdd.formats.prediction import residuals, restored

SHAPES = [(5, 3, 8, 8), (1, 3, 1, 1), (2, 3, 4, 9), (2, 3, 9, 4), (100, 3, 16, 16)]


def latents(shape: tuple[int, int, int, int], seed: int = 0) -> np.ndarray:
    """Smooth planes with some noise, some of them wider than the common range."""
    draw = np.random.default_rng(seed)
    slope = draw.uniform(-1, 1, (*shape[:2], 1, 1)) * np.linspace(0, 1, shape[3])
    noise = draw.uniform(0.005, 0.3, (*shape[:2], 1, 1)) * draw.standard_normal(shape)
    return (0.5 + slope + noise).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", BITS)
def test_a_latent_is_off_by_half_a_step_at_most_and_rounding_tells_what_decoding_gives(bits, shape):
    codec, z = EntropyCodec(bits), latents(shape)
    tensors = codec.encode(z)
    codec.check(tensors, shape)
    decoded = codec.decode(tensors, shape)
    steps = tensors["latents.scale"][:, None, None, None]
    assert (np.abs(decoded - z) <= steps * (0.5 + 1e-5)).all()
    assert decoded.dtype == np.float32
    assert codec.rounded(z).tobytes() == decoded.tobytes()


@pytest.mark.parametrize("bits", BITS)
def test_latents_in_the_common_range_share_its_step_and_wider_ones_have_their_own(bits):
    z = np.zeros((2, 3, 4, 4), np.float32)
    z[0, 1, 0, 0], z[1, 2, 3, 3] = 1.5, 6
    scale = EntropyCodec(bits).encode(z)["latents.scale"]
    assert scale == pytest.approx([1.5 / (2**bits - 2), 6 / (2**bits - 2)])


def test_what_is_decoded_is_encoded_to_the_same_bytes_if_all_is_in_the_common_range():
    codec, shape = EntropyCodec(8), (5, 3, 8, 8)
    tensors = codec.encode(latents(shape).clip(0, 1.4))
    again = codec.encode(codec.decode(tensors, shape))
    assert again["latents"].tobytes() == tensors["latents"].tobytes()


def test_any_latent_is_decoded_without_the_streams_of_the_others():
    codec, shape = EntropyCodec(8), (100, 3, 16, 16)
    tensors = codec.encode(latents(shape))
    whole = codec.decode(tensors, shape)
    ends = np.cumsum(tensors["latents.lengths"])
    for k in (0, 57, 99):
        others = dict(tensors, latents=np.full_like(tensors["latents"], 255))
        stream = slice(ends[k] - tensors["latents.lengths"][k], ends[k])
        others["latents"][stream] = tensors["latents"][stream]
        assert codec.decode(others, shape, slice(k, k + 1)).tobytes() == whole[k : k + 1].tobytes()
    assert codec.decode(tensors, shape, slice(3, 90, 7)).tobytes() == whole[3:90:7].tobytes()


def test_rows_of_some_latents_are_the_tensors_that_those_alone_become():
    codec, z = EntropyCodec(6), latents((9, 3, 8, 8))
    rows, alone = codec.rows(codec.encode(z), slice(2, 5)), codec.encode(z[2:5])
    assert {name: each.tolist() for name, each in rows.items()} == {name: each.tolist() for name, each in alone.items()}


def test_fewer_bits_take_fewer_bytes_and_flat_planes_next_to_none():
    z = latents((20, 3, 32, 32))
    sizes = [EntropyCodec(bits).encode(z)["latents"].size for bits in BITS]
    assert sizes == sorted(sizes)
    assert sizes[-1] < 0.95 * z.size
    flat = EntropyCodec(8).encode(np.zeros_like(z))["latents"].size
    assert flat < z.size / 40


@pytest.mark.parametrize("levels", [4, 16, 256])
def test_prediction_is_undone_for_any_codes_of_any_shape(levels):
    draw = np.random.default_rng(levels)
    for height, width in [(1, 1), (1, 6), (6, 1), (2, 2), (5, 9), (9, 5)]:
        planes = draw.integers(0, levels, (4, height, width)).astype(np.int16)
        differences = residuals(planes, levels)
        assert differences.min() >= -levels // 2
        assert differences.max() < levels // 2
        assert restored(differences, levels).tolist() == planes.tolist()


def test_the_median_predictor_leaves_nothing_of_a_ramp_and_an_edge_below_their_first_row():
    ramp = np.arange(8, dtype=np.int16)[None].repeat(8, 0)
    edge = np.where(np.arange(8) < 4, 10, 200).astype(np.int16)[None].repeat(8, 0)
    differences = residuals(np.stack([ramp, edge]), 256)
    assert differences[:, 1:].tolist() == np.zeros((2, 7, 8)).tolist()


@pytest.mark.parametrize("levels", [4, 16, 256])
def test_tables_are_students_t_with_three_degrees_of_freedom_in_whole_numbers(levels):
    scipy_stats = pytest.importorskip("scipy.stats")
    residual = np.arange(-(levels // 2), levels // 2)
    for number, row in enumerate(entropy.weights(entropy.Tables(levels, 16, 1))):
        assert row.sum() == 2**24
        assert row.min() >= 1
        # t with 3 degrees of freedom has the density of (1 + x^2/3)^-2: scale 2^(k/2 - 1) is that of x/sqrt(3).
        density = scipy_stats.t.pdf(residual, 3, scale=2 ** (number / 2 - 1) / np.sqrt(3))
        assert row / 2**24 == pytest.approx(density / density.sum(), rel=1e-3, abs=levels / 2**23)


def test_streams_take_what_their_tables_say_they_take():
    z = latents((10, 3, 32, 32))
    codec = EntropyCodec(8)
    tensors = codec.encode(z)
    bits = 0.0
    for stream in np.split(tensors["latents"], np.cumsum(tensors["latents.lengths"])[:-1]):
        words = np.frombuffer(stream[15:].tobytes(), "<u4")
        planes = np.empty((3, 1024), np.int16)
        entropy.decode(words, planes, stream[:3], codec.tables)
        for table, plane in zip(stream[:3], planes, strict=True):
            bits += (24 - np.log2(entropy.weights(codec.tables)[table][plane + 128])).sum()
    assert bits / 8 < tensors["latents"].size - 15 * 10 < bits / 8 + 10 * 8


def test_latents_too_far_away_for_whole_numbers_of_steps_are_refused():
    z = latents((5, 3, 4, 4))
    z[2] += 1e6
    with pytest.raises(RecipeError, match=r"latent 2 reaches .* more than uint8-ans can hold; use the codec fp32"):
        CODECS["uint8-ans"].encode(z)


@pytest.mark.parametrize(("codec", "value"), [("uint8-ans", 3e38), ("uint2-ans", 3e38), ("uint2-ans", 1e33)])
def test_latents_so_wide_that_their_step_is_too_large_are_refused(codec, value):
    z = latents((5, 3, 4, 4))
    z[3, 0, 0, :2] = value, -value
    with pytest.raises(RecipeError, match=f"latent 3 reaches .* more than {codec} can hold"):
        CODECS[codec].encode(z)


@pytest.mark.parametrize("bits", BITS)
def test_no_plane_however_odd_is_coded_in_fewer_bytes_than_a_reader_wants(bits):
    """Of residuals that are all -levels/2, or all 0, or all the least likely, an encoder's own streams are accepted."""
    codec, side = EntropyCodec(bits), 64
    step = codec.encode(np.zeros((1, 3, 2, 2), np.float32))["latents.scale"][0]
    even = np.indices((side, side)).sum(0) % 2
    for plane in (even, 1 - even, np.zeros_like(even), np.indices((side, side))[0] % 2):
        for green in (np.zeros_like(plane), plane):
            z = (np.stack([plane, green, plane]) * step * (codec.levels // 2)).astype(np.float32)
            tensors = codec.encode(z[None])
            codec.check(tensors, (1, 3, side, side))
            assert codec.decode(tensors, (1, 3, side, side)).tobytes() == codec.rounded(z[None]).tobytes()


def test_rows_that_do_not_follow_on_each_other_are_not_cut_out():
    codec = EntropyCodec(8)
    with pytest.raises(ValueError, match="wanted latents that follow on each other"):
        codec.rows(codec.encode(latents((9, 3, 8, 8))), slice(8, 2, -2))


def test_a_low_that_has_no_absolute_value_is_refused_with_the_latent_named():
    tensors = sound()
    tensors["latents"] = tensors["latents"].copy()
    second = int(tensors["latents.lengths"][0])
    tensors["latents"][second + 3 : second + 7] = np.frombuffer(np.int32(-(2**31)).tobytes(), np.uint8)
    with pytest.raises(FormatError, match="latent 1: its stream does not begin as one"):
        EntropyCodec(8).decode(tensors, (5, 3, 8, 8))


def test_decoding_takes_little_memory_beside_the_latents_however_long_their_streams_are():
    codec, shape = EntropyCodec(8), (2, 3, 1024, 1024)
    tensors = codec.encode(np.zeros(shape, np.float32))
    tracemalloc.start()
    decoded = codec.decode(tensors, shape)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * decoded.nbytes


def sound() -> dict[str, np.ndarray]:
    return EntropyCodec(8).encode(latents((5, 3, 8, 8)))


@pytest.mark.parametrize(
    ("table", "values", "text"),
    [
        ("lengths", [-1, 10**6, 99, 99, 99], "are not those of 5 streams"),
        ("lengths", [0, 0, 0, 0, 0], "are not those of 5 streams"),
        ("lengths", [2**31 - 1] * 5, "are not those of 5 streams"),
        ("scale", [-1, 1, 1, 1, 1], "negative or not finite"),
        ("scale", [np.nan] * 5, "negative or not finite"),
        ("scale", [1e38] * 5, "leads to latents that are not finite"),
    ],
)
def test_tables_that_no_encoder_writes_are_refused_before_anything_is_decoded(table, values, text):
    tensors = sound()
    tensors[f"latents.{table}"] = np.array(values, tensors[f"latents.{table}"].dtype)
    with pytest.raises(FormatError, match=text):
        EntropyCodec(8).check(tensors, (5, 3, 8, 8))


def test_streams_that_claim_more_codes_than_their_bytes_can_hold_are_refused():
    with pytest.raises(FormatError, match="are not those of 5 streams"):
        EntropyCodec(8).check(sound(), (5, 3, 2048, 2048))


@pytest.mark.parametrize("place", range(20))
def test_a_changed_stream_decodes_to_finite_numbers_or_is_refused(place):
    codec, shape = EntropyCodec(8), (5, 3, 8, 8)
    refused = 0
    for value in (0, 1, 16, 128, 255):
        tensors = sound()
        tensors["latents"] = tensors["latents"].copy()
        tensors["latents"][place] = value
        try:
            assert np.isfinite(codec.decode(tensors, shape)).all()
        except FormatError:
            refused += 1
    assert refused or place >= 3


@pytest.mark.parametrize("words", [[0], [1, 2, 3, 0]])
def test_words_that_no_encoder_ends_with_are_refused(words):
    with pytest.raises(FormatError, match="its stream"):
        entropy.decode(np.array(words, np.uint32), np.empty((3, 4), np.int16), [0, 0, 0], EntropyCodec(8).tables)


def test_words_that_are_left_over_are_refused():
    planes, tables = np.zeros((3, 4), np.int16), np.zeros(3, np.uint8)
    words = entropy.encode(planes, tables, EntropyCodec(8).tables)
    with pytest.raises(FormatError, match="does not end where its codes do"):
        entropy.decode(np.concatenate([np.full(9, 7, np.uint32), words]), planes, tables, EntropyCodec(8).tables)
