"""Class means, L_dis, R and Eq. 9 against sums written out in numpy, and the kernels against the reference."""

import numpy as np
import pytest
import torch
from alike import assert_compiles
from interpreter import watched
from memory import poisoned

from gsdd.errors import KernelInputError
from gsdd.kernels.matching import Matching, class_means, matching

COUNTS = (3, 1, 4)
# Sums of up to a few hundred fp32 terms in another order; all results are fp32 whatever the features are.
SUM = {"rtol": 1e-5, "atol": 1e-6}
# Gradients are rounded once, to the features' dtype: one ulp, and as much again for a sum that fell on the other side.
GRADIENT = {
    torch.float32: {"rtol": 1e-5, "atol": 1e-6},
    torch.bfloat16: {"rtol": 2**-7, "atol": 1e-5},
    torch.float16: {"rtol": 2**-10, "atol": 1e-6},
}
DTYPES = tuple(GRADIENT)


def draws(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def written_out(features, counts, real, pairs):
    """Eq. 7 and 8 in numpy, an image and a number at a time."""
    f = features.double().numpy().reshape(*features.shape[:2], -1).mean(axis=2)
    distribution, regulariser, start = [], [], 0
    for c, count in enumerate(counts):
        rows = range(start, start + count)
        apart = [sum(f[j, d] for j in rows) / count - real[c, d] for d in range(f.shape[1])]
        distribution.append(sum(a * a for a in apart))
        regulariser.append(sum((f[j, d] - pairs[j, d]) ** 2 for j in rows for d in range(f.shape[1])) / count)
        start += count
    return np.array(distribution), np.array(regulariser)


def by_class(rows: np.ndarray) -> list[np.ndarray]:
    return np.split(rows, np.cumsum(COUNTS)[:-1])


def test_class_means_average_each_class():
    features = draws(0, 8, 5)
    wanted = np.array([part.sum(axis=0) / len(part) for part in by_class(features.numpy())])
    np.testing.assert_allclose(class_means(features, COUNTS).numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize("shape", [(8, 5), (8, 5, 3, 7)])
@pytest.mark.parametrize("lam", [0.0, 0.1, 1.0])
def test_terms_follow_equations_7_8_and_9(lam, shape):
    features, real, pairs = draws(1, *shape), draws(2, 3, 5), draws(3, 8, 5)
    got = matching(features, COUNTS, real, pairs, lam)
    distribution, regulariser = written_out(features, COUNTS, real.numpy(), pairs.numpy())
    np.testing.assert_allclose(got.distribution.numpy(), distribution, rtol=1e-12)
    np.testing.assert_allclose(got.pairs.numpy(), regulariser, rtol=1e-12)
    np.testing.assert_allclose(float(got.total), ((1 - lam) * distribution + lam * regulariser).sum(), rtol=1e-12)
    assert torch.equal(got.means, class_means(features, COUNTS))


def test_feature_maps_are_averaged_over_their_pixels():
    maps, pairs = draws(4, 8, 5, 3, 7), draws(5, 8, 5, 3, 7)
    rows, pair_rows, real = maps.mean(dim=(2, 3)), pairs.mean(dim=(2, 3)), draws(6, 3, 5)
    torch.testing.assert_close(class_means(maps, COUNTS), class_means(rows, COUNTS))
    wanted = matching(rows, COUNTS, real, pair_rows, 0.1)
    for given in (pairs, pair_rows):
        got = matching(maps, COUNTS, real, given, 0.1)
        torch.testing.assert_close((got.distribution, got.pairs), (wanted.distribution, wanted.pairs))


def test_r_of_a_set_with_itself_is_zero():
    features = draws(4, 8, 5)
    assert matching(features, COUNTS, draws(5, 3, 5), features, 0.1).pairs.tolist() == [0.0, 0.0, 0.0]


def test_without_pairs_r_is_zero():
    assert matching(draws(4, 8, 5), COUNTS, draws(5, 3, 5)).pairs.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("shape", [(8, 5), (8, 5, 2, 3)])
def test_every_gradient_is_right_in_float64(shape):
    features, real, pairs = draws(8, *shape), draws(6, 3, 5), draws(7, 8, 5)
    given = [tensor.requires_grad_(True) for tensor in (features, real, pairs)]

    def terms(f, r, p):
        got = matching(f, COUNTS, r, p, 0.3)
        return got.distribution, got.pairs, got.total, got.means

    assert torch.autograd.gradcheck(terms, given)
    assert torch.autograd.gradcheck(lambda f: matching(f, COUNTS, real.detach()).total, features)
    assert torch.autograd.gradcheck(lambda f: class_means(f, COUNTS), features)


def test_order_within_a_class_does_not_matter():
    features, real = draws(9, 8, 5), draws(10, 3, 5)
    shuffled = features[[2, 0, 1, 3, 7, 5, 6, 4]]
    torch.testing.assert_close(
        matching(features, COUNTS, real).distribution, matching(shuffled, COUNTS, real).distribution
    )


@pytest.mark.parametrize("backend", ["reference", "triton"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_are_fp32_whatever_the_features_are(dtype, backend):
    """4096 ones and a half: bf16 sums would stop at 256, fp16 ones at 2048."""
    features = torch.ones(4097, 2, dtype=dtype)
    features[-1] = 0.5
    means = class_means(features, (4097,), backend=backend)
    assert means.dtype == torch.float32
    assert means.tolist() == [[np.float32(4096.5) / np.float32(4097)] * 2]


def test_a_long_class_keeps_its_last_digits():
    """Added up one by one in fp32, 200 000 numbers around 1 are off by more than 1e-5."""
    features = draws(11, 200_000, 1, dtype=torch.float32) + 1
    means = class_means(features, (200_000,))
    np.testing.assert_allclose(means.numpy(), features.double().mean(dim=0, keepdim=True).numpy(), rtol=1e-6)


CASES = {
    "rows": ((8, 5), COUNTS),
    "one row": ((1, 5), (1,)),
    "one column": ((8, 1), COUNTS),
    "more columns than a block": ((8, 130), COUNTS),
    "more rows than a piece": ((40, 3), (1, 34, 5)),
    "more pieces than a class may have": ((1030, 2), (1027, 3)),
    "maps": ((8, 5, 3, 7), COUNTS),
    "maps of one pixel": ((8, 5, 1, 1), COUNTS),
    "maps one pixel wide": ((8, 5, 6, 1), COUNTS),
    "maps larger than a block": ((4, 33, 9, 8), (1, 3)),
    "one map": ((1, 1, 5, 4), (1,)),
}
LAYOUTS = {
    "contiguous": lambda f: f.contiguous(),
    "transposed": lambda f: f.transpose(0, -1).contiguous().transpose(0, -1),
    "every second": lambda f: f.repeat_interleave(2, dim=1)[:, ::2],
    "channels_last": lambda f: f.contiguous(memory_format=torch.channels_last) if f.ndim == 4 else f,
}


def evaluate(features, counts, real, pairs, backend):
    """Every output and every gradient; the weights make each output count differently."""
    leaves = [None if t is None else t.detach().requires_grad_(True) for t in (features, real, pairs)]
    got = matching(leaves[0], counts, leaves[1], leaves[2], 0.3, backend=backend)
    weight = torch.arange(1, len(counts) + 1)
    loss = (weight * got.distribution).sum() + (weight.flip(0) * got.pairs).sum() + got.means.sin().sum() + got.total
    gradients = torch.autograd.grad(loss, [leaf for leaf in leaves if leaf is not None])
    return [got.means.detach(), got.distribution.detach(), got.pairs.detach()], list(gradients)


def compare(features, counts, pairs):
    real = draws(13, len(counts), features.shape[1], dtype=torch.float32)
    with poisoned(), watched() as watch:
        got, got_gradients = evaluate(features, counts, real, pairs, "triton")
    wanted, wanted_gradients = evaluate(features, counts, real, pairs, "reference")
    assert watch.launches == (3 if pairs is None else 4) and watch.atomics == 0
    torch.testing.assert_close(got, wanted, **SUM)
    assert got_gradients[0].stride() == wanted_gradients[0].stride()
    for mine, theirs in zip(got_gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(mine, theirs, **GRADIENT[mine.dtype])
    for stored in (*got, got_gradients[0]):
        watch.assert_each_stored_once(stored)


@pytest.mark.parametrize("name", CASES)
def test_the_kernels_equal_the_reference(name):
    shape, counts = CASES[name]
    features, pairs = draws(12, *shape, dtype=torch.float32), draws(14, *shape[:2], dtype=torch.float32)
    compare(features, counts, pairs)
    compare(features, counts, None)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 3, 4)])
def test_the_kernels_take_any_strides(shape, layout):
    features, pairs = draws(12, *shape, dtype=torch.float32), draws(14, 8, 6, dtype=torch.float32)
    compare(LAYOUTS[layout](features), COUNTS, LAYOUTS["transposed"](pairs))


@pytest.mark.parametrize("dtype", DTYPES[1:])
@pytest.mark.parametrize(("shape", "same"), [((8, 6), True), ((8, 6, 3, 4), True), ((8, 6, 3, 4), False)])
def test_the_kernels_load_narrow_features_and_pairs(dtype, shape, same):
    features = draws(12, *shape, dtype=dtype)
    compare(features, COUNTS, draws(14, 8, 6, dtype=dtype if same else torch.float32))


@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 3, 4)])
def test_features_are_read_once_and_gradients_are_written_without_reading_them(shape):
    features, real = draws(12, *shape, dtype=torch.float32).requires_grad_(True), draws(13, 3, 6, dtype=torch.float32)
    with watched() as watch:
        loss = matching(features, COUNTS, real, backend="triton").total
        assert watch.bytes_loaded(features) == 4 * features.numel()
        loss.backward()
        assert watch.bytes_loaded(features) == 4 * features.numel()
    assert watch.kernels[1:] == ["finish_classes", watch.kernels[2]]


@pytest.mark.parametrize("backend", ["reference", "triton"])
@pytest.mark.parametrize("shape", [(40, 6), (40, 6, 3, 4)])
def test_two_runs_give_equal_bits(backend, shape):
    features, pairs = draws(12, *shape, dtype=torch.float32), draws(14, 40, 6, dtype=torch.float32)
    runs = [evaluate(features, (33, 7), draws(13, 2, 6, dtype=torch.float32), pairs, backend) for _ in range(2)]
    for first, second in zip(*(outputs + gradients for outputs, gradients in runs), strict=True):
        assert torch.equal(first, second)


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # raised by opcheck's own reading of .grad
@pytest.mark.parametrize("backend", ["reference", "triton"])
@pytest.mark.parametrize("shape", [(8, 5), (8, 5, 2, 3)])
def test_torch_accepts_the_ops(backend, shape):
    """opcheck: schema, fake tensors, autograd registration, and AOT dispatch with static and dynamic shapes."""
    features = draws(1, *shape, dtype=torch.float32).requires_grad_(True)
    real, pairs = draws(2, 3, 5, dtype=torch.float32), draws(3, 8, 5, dtype=torch.float32)
    ops, counts = torch.ops.gsdd, list(COUNTS)
    torch.library.opcheck(ops.matching.default, (features, None, None, counts, backend))
    for given in (pairs, None):
        torch.library.opcheck(ops.matching.default, (features, real, given, counts, backend))
    upstream = real, real[:, 0].contiguous(), real[:, 1].contiguous()
    like = list(shape), torch.float32, False, backend
    of_means = real, real.new_empty(0), real.new_empty(0)
    torch.library.opcheck(ops.matching_backward.default, (*of_means, None, None, None, None, counts, *like))
    torch.library.opcheck(ops.matching_backward.default, (*upstream, real, real, pairs, pairs, counts, *like))


@pytest.mark.parametrize("backend", ["auto", "triton"])
def test_torch_compiles_the_ops(backend):
    features, real, pairs = (draws(s, *shape, dtype=torch.float32) for s, shape in enumerate([(8, 5), (3, 5), (8, 5)]))

    def loss(features):
        return matching(features, COUNTS, real, pairs, 0.3, backend=backend).total

    assert_compiles(loss, features)


def test_terms_can_be_built_from_averages():
    assert float(Matching(torch.tensor([2.0]), torch.tensor([4.0]), 0.25).total) == 2.5


@pytest.mark.parametrize("counts", [(3, 0, 5), (3, 4), (), (-1, 9)])
def test_an_empty_class_or_a_wrong_count_is_refused(counts):
    with pytest.raises(KernelInputError, match="class counts"):
        class_means(draws(0, 8, 5), counts)
    with pytest.raises(KernelInputError, match="class counts"):
        matching(draws(0, 8, 5), counts, draws(1, 3, 5))


F, REAL = draws(0, 8, 5), draws(1, 3, 5)
WRONG = {
    "real means of other columns": ("real means", lambda: matching(F, COUNTS, draws(1, 3, 4))),
    "pairs of other rows": ("pairs", lambda: matching(F, COUNTS, REAL, draws(2, 7, 5))),
    "pairs of other maps": ("pairs", lambda: matching(draws(0, 8, 5, 2, 2), COUNTS, REAL, draws(2, 8, 5, 2, 1))),
    "two devices": ("real means on meta", lambda: matching(F, COUNTS, REAL.to("meta"))),
    "a dtype that no kernel loads": ("float64", lambda: matching(F, COUNTS, REAL, backend="triton")),
    "lambda above 1": (r"lam: got 2\.0, wanted a number in \[0, 1\]", lambda: matching(F, COUNTS, REAL, lam=2.0)),
}


@pytest.mark.parametrize("name", WRONG)
def test_inputs_that_do_not_belong_together_are_refused(name):
    message, call = WRONG[name]
    with pytest.raises(KernelInputError, match=message):
        call()


@pytest.mark.parametrize("features", [draws(0, 8), draws(0, 8, 5, 2), draws(0, 8, 0), draws(0, 8, 5).long()])
def test_features_of_another_shape_or_dtype_are_refused(features):
    with pytest.raises(KernelInputError, match="features"):
        class_means(features, (8,))


@pytest.mark.parametrize("backend", ["reference", "triton"])
def test_pairs_of_another_dtype_are_compared_in_fp32(backend):
    features, pairs = torch.randn(4, 5, dtype=torch.bfloat16), torch.randn(4, 5)
    real = torch.randn(2, 5)
    got = matching(features, (3, 1), real, pairs, 0.5, backend=backend)
    wanted = matching(features.float(), (3, 1), real, pairs, 0.5, backend=backend)
    assert torch.equal(got.pairs, wanted.pairs) and torch.equal(got.distribution, wanted.distribution)
    assert torch.equal(matching(pairs, (3, 1), real, features, 0.5, backend=backend).pairs, wanted.pairs)
