"""Bits beside images: the rate term, the codec in the loop of an inversion, and bytes that are shared out."""

import numpy as np
import pytest
import torch
from recipes import preset

from gsdd.distill.budget import Budget, finest, latents_for, meeting, near
from gsdd.distill.coding import Coding
from gsdd.distill.coefficients import Coefficients, transformed
from gsdd.distill.rate import rate
from gsdd.errors import RecipeError
from gsdd.formats import cosines, spectrum
from gsdd.formats.dct_codec import STEPS, DctCodec
from gsdd.recipe import Storage, parse_target

RECIPE = preset(codec="dct", codec_step=0.05, inversion_steps=10)


def latents(n: int = 6, side: int = 16, seed: int = 0) -> torch.Tensor:
    draw = np.random.default_rng(seed)
    slope = draw.uniform(-1, 1, (n, 3, 1, 1)) * np.linspace(0, 1, side)
    return torch.from_numpy((0.5 + slope + 0.05 * draw.standard_normal((n, 3, side, side))).astype(np.float32))


@pytest.mark.parametrize("side", [8, 20, 32])
def test_the_transform_is_the_codecs(side):
    z = latents(side=side)
    wanted = cosines.transformed(z.numpy().astype(np.float64) - 0.5)
    assert transformed(z - 0.5).numpy() == pytest.approx(wanted, abs=1e-5)


def test_the_rate_is_what_students_t_says_of_each_coefficient():
    z, codec = latents(2, 8), DctCodec(0.05)
    values = cosines.transformed(z.numpy().astype(np.float64) - 0.5)
    tables = spectrum.tables_of(codec.heads(z.numpy()))
    for k, got in enumerate(rate(z, Coefficients.of(z).at(0.05))):
        bits = 0.0
        for p, v, u in np.ndindex(3, 8, 8):
            steps, scale = values[k, p, v, u, 0] / 0.05, 2.0 ** (tables[k, p, v, u] / 2 - 2)
            bits += 2 * np.log2(1 + (steps / scale) ** 2)
        assert float(got) == pytest.approx(0.05**2 * bits / 192, rel=1e-4)


def test_its_gradient_is_that_of_finite_differences():
    z = latents(1, 8).double()
    coded = Coefficients.of(z.float()).at(0.05)
    given = z.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(rate(given.float(), coded).sum(), given)
    for c, y, x in [(0, 0, 0), (1, 3, 5), (2, 7, 7)]:
        moved = z.repeat(2, 1, 1, 1)
        moved[0, c, y, x] += 1e-3
        moved[1, c, y, x] -= 1e-3
        nearby = Coefficients.of(moved.float()).at(0.05)
        assert (nearby.heads == coded.heads).all()
        up, down = rate(moved.float(), nearby)
        assert float(gradient[0, c, y, x]) == pytest.approx(float(up - down) / 2e-3, rel=0.05, abs=1e-5)


def test_less_rate_is_fewer_bytes():
    z, codec = latents(4, 32), DctCodec(0.05)

    def weighed(values: torch.Tensor) -> torch.Tensor:
        return rate(values, Coefficients.of(values.detach()).at(0.05)).sum()

    moved = z.clone().requires_grad_(True)
    search = torch.optim.Adam([moved], lr=0.003)
    for _ in range(20):
        search.zero_grad()
        weighed(moved).backward()
        search.step()
    assert weighed(moved) < weighed(z)
    assert codec.stream_bytes(moved.detach().numpy()) < 0.9 * codec.stream_bytes(z.numpy())


def test_the_search_sees_latents_as_they_will_be_stored_in_its_last_half():
    coding, z = Coding(RECIPE), latents(seed=1)
    assert coding.begin(z, 4) is z
    stored = coding.begin(z, 5)
    assert stored.numpy() == pytest.approx(DctCodec(0.05).rounded(z.numpy()), abs=1e-6)


def test_the_search_gives_each_latent_the_bytes_that_it_began_with():
    start, later = latents(side=32), latents(side=32, seed=1)
    shares = DctCodec(0.05).bytes_of(start.numpy())
    coding = Coding(RECIPE, range(len(start)), Budget(0, 0, 0.05, tuple(shares)))
    coding.begin(later, 0)
    codec = DctCodec().at_each(coding.coded.steps.numpy())
    assert codec.bytes_of(later.numpy()) == pytest.approx(shares, rel=0.03)


def test_without_a_target_the_step_stays():
    coding = Coding(RECIPE)
    coding.begin(latents(seed=1), 0)
    assert set(coding.coded.steps.tolist()) == {0.05}


def test_the_rate_of_learning_goes_down_to_a_twentieth():
    coding = Coding(RECIPE)
    rates = [coding.lr(number) for number in range(11)]
    assert rates[:4] == [0.01] * 4
    assert rates == sorted(rates, reverse=True)
    assert rates[10] == pytest.approx(0.0005)


def test_a_budget_shares_out_all_that_is_left_for_latents():
    z = latents(20, 32).numpy()
    budget = Budget.of(6000, 1000, z)
    assert sum(budget.shares) == pytest.approx(0.995 * 6000 - 1000)
    codec = budget.codec_for(z)
    taken = codec.bytes_of(z)
    some = budget.coded(Coefficients.of(torch.from_numpy(z[3:5])), [3, 4])
    assert tuple(some.steps.tolist()) == codec.steps[3:5]
    assert taken == pytest.approx(budget.shares, rel=0.04)
    assert 4900 < taken.sum() <= 5000


def test_the_finest_step_is_found_whose_file_is_small_enough():
    z = latents(20, 32).numpy()
    for most in (1000, 5000, 20000):
        codec = finest(lambda codec: codec.stream_bytes(z), most)
        assert codec.stream_bytes(z) <= most < DctCodec(codec.step * 0.99).stream_bytes(z)
    assert finest(lambda codec: 0, 1).step == STEPS[0]
    with pytest.raises(RecipeError, match="target of 100 bytes: so many latents take at least"):
        finest(lambda codec: codec.stream_bytes(z), 100)


def test_steps_are_kept_where_the_file_has_its_size_and_else_all_change_alike():
    z = latents(20, 32).numpy()
    shares = torch.from_numpy(DctCodec(0.05).bytes_of(z))
    codec = DctCodec().at_each(near(0.05, Coefficients.of(torch.from_numpy(z)), shares).steps.numpy())
    size = codec.stream_bytes(z)
    assert meeting(lambda each: each.stream_bytes(z), codec, int(size * 1.01)) is codec
    for most in (int(size * 1.5), int(size * 0.7)):
        other = meeting(lambda each: each.stream_bytes(z), codec, most)
        assert 0.99 * most < other.stream_bytes(z) <= most
        assert np.ptp(np.array(other.steps) / np.array(codec.steps)) < 1e-9


@pytest.mark.parametrize(
    ("text", "size"),
    [("8KB", 8000), ("1.5 MB", 1_500_000), ("64KiB", 65_536), ("12000", 12_000), ("200kb", 200_000), ("1G", 10**9)],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_target(text) == (size, False)
    assert preset(target=text).target_bytes(7) == size


@pytest.mark.parametrize("text", ["KB", "-8KB", "8XB", "0", "8 8KB", "nan", "9" * 400, "0bpp", "-1bpp", "bpp"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(RecipeError, match=r"Storage\.target`: got"):
        Storage(target=text)


def test_a_target_takes_the_codec_that_can_meet_it():
    recipe = preset(target="0.4bpp")
    assert recipe.storage.codec_name == "dct"
    assert recipe.target_bytes(140) == int(0.4 * 140 * 128**2 / 8)
    assert recipe.crops.ipc is None
    assert preset(target="0.4bpp", ipc=3).crops.ipc == 3
    with pytest.raises(RecipeError, match="which only 'dct' meets"):
        Storage(target="8KB", codec="uint8")
    with pytest.raises(RecipeError, match="which chooses its own steps"):
        Storage(target="0.4bpp", step=0.1)


def test_the_number_of_latents_goes_with_the_size():
    assert [latents_for(size, 7, 128) for size in (100, 2000, 8000, 32_000, 128_000)] == sorted(
        latents_for(size, 7, 128) for size in (100, 2000, 8000, 32_000, 128_000)
    )
    assert latents_for(100, 7, 128) == 1
