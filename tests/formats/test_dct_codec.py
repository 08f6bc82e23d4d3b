"""Cosine coefficients of latents: what they keep, what they cost, and what is refused. test_spec.py decodes them."""

import hashlib
import tracemalloc

import numpy as np
import pytest

from gsdd.errors import FormatError, RecipeError
from gsdd.formats import cosines, entropy, spectrum
from gsdd.formats.dct_codec import DEFAULT_STEP, HEAD, STEPS, DctCodec
from gsdd.formats.deflated_container import dictionary

SHAPES = [(70, 3, 8, 8), (2, 3, 1, 1), (2, 3, 9, 20), (2, 3, 25, 25), (40, 3, 32, 32)]


def latents(shape: tuple[int, int, int, int], seed: int = 0) -> np.ndarray:
    """Smooth planes with some noise."""
    draw = np.random.default_rng(seed)
    slope = draw.uniform(-1, 1, (*shape[:2], 1, 1)) * np.linspace(0, 1, shape[3])
    return (0.5 + slope + draw.uniform(0.005, 0.1, (*shape[:2], 1, 1)) * draw.standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [STEPS[0], 0.01, DEFAULT_STEP, STEPS[1]])
def test_coefficients_are_off_by_a_step_at_most_and_rounding_tells_what_decoding_gives(shape, step):
    codec, z = DctCodec(step), latents(shape)
    tensors = codec.encode(z)
    codec.check(tensors, shape)
    decoded = codec.decode(tensors, shape)
    error = cosines.transformed(decoded.astype(np.float64) - z)
    scale = tensors["latents.scale"].max()
    if shape[2] % 8 == shape[3] % 8 == 0:
        # Basis functions in whole numbers of 2^-12 are not quite orthonormal.
        largest = np.abs(cosines.transformed(z.astype(np.float64) - 0.5)).max()
        assert np.abs(error).max() <= scale + 2e-3 * largest
    assert np.sqrt(np.square(error).mean()) < 0.45 * scale
    assert decoded.dtype == np.float32
    assert codec.rounded(z).tobytes() == decoded.tobytes()


@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (3, 3, 16, 24)])
def test_the_transform_is_the_orthonormal_dct_of_scipy_over_channels_and_blocks(shape):
    fft = pytest.importorskip("scipy.fft")
    z = latents(shape).astype(np.float64)
    blocks = z.reshape(shape[0], 3, shape[2] // 8, 8, shape[3] // 8, 8)
    wanted = fft.dctn(blocks, axes=(1, 3, 5), norm="ortho").transpose(0, 1, 3, 5, 2, 4)
    assert cosines.transformed(z) == pytest.approx(wanted.reshape(*wanted.shape[:4], -1))


def test_transforming_back_is_exact_in_whole_numbers():
    codes = np.random.default_rng(0).choice([-2047, 0, 1, 2047], (2, 3, 8, 8, 6)).astype(np.int16)
    got = cosines.restored(codes, (2, 3, 16, 24)).astype(np.float64) * 2**36
    basis = {n: [[round(float(x)) for x in row] for row in cosines.basis(n)] for n in (3, 8)}
    for n, c, y, x in [(0, 0, 0, 0), (1, 2, 15, 23), (0, 1, 8, 7), (1, 0, 3, 16)]:
        block = y // 8 * 3 + x // 8
        whole = sum(
            int(codes[n, p, v, u, block]) * basis[3][p][c] * basis[8][v][y % 8] * basis[8][u][x % 8]
            for p, v, u in np.ndindex(3, 8, 8)
        )
        assert got[n, c, y, x] == float(np.float32(whole))


def test_any_latent_is_decoded_without_the_streams_of_the_others():
    codec, shape = DctCodec(), (40, 3, 32, 32)
    tensors = codec.encode(latents(shape))
    whole, ends = codec.decode(tensors, shape), np.cumsum(tensors["latents.lengths"])
    for k in (0, 17, 39):
        others = dict(tensors, latents=np.full_like(tensors["latents"], 255))
        stream = slice(ends[k] - tensors["latents.lengths"][k], ends[k])
        others["latents"][stream] = tensors["latents"][stream]
        assert codec.decode(others, shape, slice(k, k + 1)).tobytes() == whole[k : k + 1].tobytes()
    assert codec.decode(tensors, shape, slice(3, 39, 7)).tobytes() == whole[3:39:7].tobytes()


def test_a_latent_is_stored_alike_alone_and_among_others():
    codec, z = DctCodec(0.03), latents((9, 3, 16, 16))
    among, alone = codec.encode(z), codec.encode(z[2:5])
    ends = np.cumsum(among["latents.lengths"])
    assert alone["latents"].tolist() == among["latents"][ends[1] : ends[4]].tolist()
    for table in ("latents.lengths", "latents.scale"):
        assert alone[table].tolist() == among[table][2:5].tolist()


def test_coarser_steps_take_fewer_bytes_and_the_count_of_them_is_right_without_a_stream():
    z, sizes = latents((40, 3, 32, 32)), []
    for step in (0.005, 0.02, 0.08, 0.3, 1.2):
        sizes.append(DctCodec(step).encode(z)["latents"].size)
        assert DctCodec(step).stream_bytes(z) == pytest.approx(sizes[-1], rel=0.005, abs=40)
    assert sizes == sorted(sizes, reverse=True)
    flat = DctCodec().encode(np.full_like(z, 0.5))["latents"].size
    assert flat <= len(z) * 16


def test_streams_take_what_the_tables_say_that_fit_best():
    z, codec = latents((10, 3, 32, 32)), DctCodec(0.05)
    [(_, codes, _)] = codec._quantised(z)
    heads = spectrum.fitting(codes)
    best = spectrum.bits(codes, heads)
    for other in np.random.default_rng(0).integers(0, 256, (30, *heads.shape)).astype(np.uint8):
        assert (spectrum.bits(codes, other) >= best - 1e-2).all()
    lengths = codec.encode(z)["latents.lengths"]
    assert (np.abs(lengths - best / 8 - HEAD - 5) <= 5).all()


def test_rounding_goes_where_an_error_costs_less_than_a_bit_is_worth():
    z = latents((5, 3, 32, 32))
    [(_, codes, scale)] = DctCodec(0.05)._quantised(z)
    steps = cosines.transformed(z.astype(np.float64) - 0.5) / scale[:, None, None, None, None]
    assert (np.abs(codes - steps) < 1).all()
    assert (np.abs(codes) <= np.ceil(np.abs(steps))).all()
    nearest = np.abs(np.rint(steps))
    assert (np.abs(codes) < nearest).any()
    assert not (np.abs(codes) > nearest).any()


def test_tables_are_students_t_with_three_degrees_of_freedom_in_whole_numbers():
    scipy_stats = pytest.importorskip("scipy.stats")
    value = np.arange(-2048, 2048)
    for number, row in enumerate(entropy.weights()):
        assert row.sum() == 2**24
        density = scipy_stats.t.pdf(value, 3, scale=2 ** (number / 2 - 2) / np.sqrt(3))
        assert row / 2**24 == pytest.approx(density / density.sum(), rel=1e-2, abs=4096 / 2**23)


def test_tables_fall_with_the_frequency_by_the_power_law_of_the_head():
    numbers = spectrum.tables_of(np.array([15 + 32 * 2], np.uint8))[0]
    for v, u in np.ndindex(8, 8):
        exact = 15 - (2 + 2) / 2 * np.log2(1 + 2 * np.hypot(v, u))
        assert numbers[v, u] == pytest.approx(np.clip(exact, 0, 17), abs=0.6)


def test_a_latent_whose_coefficients_are_too_large_for_the_step_has_a_coarser_one():
    z = 0.5 + 0.1 * (latents((3, 3, 8, 8)) - 0.5)
    z[1] *= 1e4
    tensors = DctCodec(STEPS[0]).encode(z)
    scale = tensors["latents.scale"]
    assert scale[0] == scale[2] == np.float32(STEPS[0])
    assert scale[1] > 1
    assert np.abs(DctCodec().decode(tensors, z.shape)[1] - z[1]).max() < 2 * scale[1]


@pytest.mark.parametrize("step", [0, -1, 3, float("nan")])
def test_steps_that_make_no_codec_are_refused(step):
    with pytest.raises(RecipeError, match="step of the codec: got"):
        DctCodec().at(step)


def test_streams_that_no_encoder_writes_are_refused_with_the_latent_named():
    codec, shape = DctCodec(), (5, 3, 16, 16)
    sound, refused = codec.encode(latents(shape)), 0
    start = int(sound["latents.lengths"][0])
    for place in range(start, start + int(sound["latents.lengths"][1])):
        tensors = dict(sound, latents=sound["latents"].copy())
        tensors["latents"][place] ^= 0x55
        try:
            assert np.isfinite(codec.decode(tensors, shape)).all()
        except FormatError as error:
            assert str(error).startswith("latent 1: its stream")
            refused += 1
    assert refused


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
    codec, shape = DctCodec(), (5, 3, 16, 16)
    tensors = codec.encode(latents(shape))
    tensors[f"latents.{table}"] = np.array(values, tensors[f"latents.{table}"].dtype)
    with pytest.raises(FormatError, match=text):
        codec.check(tensors, shape)


def test_streams_that_claim_more_codes_than_their_bytes_can_hold_are_refused():
    with pytest.raises(FormatError, match="are not those of 5 streams"):
        DctCodec().check(DctCodec().encode(latents((5, 3, 8, 8))), (5, 3, 1024, 1024))


@pytest.mark.parametrize("words", [[0], [1, 2, 3, 0]])
def test_words_that_no_encoder_ends_with_are_refused(words):
    with pytest.raises(FormatError, match="its stream"):
        entropy.decode(np.array(words, "<u4").tobytes(), np.empty((3, 4), np.int16), [0, 0, 0])


@pytest.mark.parametrize(("more", "text"), [(36, "does not end where its codes do"), (3, "does not begin as one")])
def test_bytes_that_are_left_over_are_refused(more, text):
    rows = np.zeros((3, 4), np.int16)
    with pytest.raises(FormatError, match=text):
        entropy.decode(bytes([7] * more) + entropy.encode(rows, [0, 0, 0]), rows, [0, 0, 0])


def test_decoding_takes_little_memory_beside_the_latents_however_long_their_streams_are():
    codec, shape = DctCodec(), (2, 3, 1024, 1024)
    tensors = codec.encode(np.full(shape, 0.5, np.float32))
    tracemalloc.start()
    decoded = codec.decode(tensors, shape)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * decoded.nbytes


def test_no_latent_however_odd_is_coded_in_fewer_bytes_than_a_reader_wants():
    shape = (1, 3, 256, 256)
    for z in (np.full(shape, 0.5, np.float32), latents(shape), np.zeros(shape, np.float32)):
        codec = DctCodec(STEPS[1])
        codec.check(codec.encode(z), shape)


def test_the_dictionary_of_deflated_files_never_changes():
    digest = "c8fad62f9628d108153416e34a376e6d1b3c772b71f19d7f04ccf9813e35fbae"
    assert hashlib.sha256(dictionary()).hexdigest() == digest
