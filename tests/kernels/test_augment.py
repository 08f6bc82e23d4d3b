"""DSA against its formulas, its gradient against autograd's, and what `augment` promises about dtypes and layouts."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from alike import assert_alike, assert_compiles
from dsa_formulas import OPS, SETS, C, augmented, omega, photos, random_row
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augment import augment, image_means
from gsdd.kernels.augment.plan import plan_of
from gsdd.kernels.augmentation import Augmentation, Column

SHAPES = [(8, 8), (9, 9), (10, 16), (17, 9), (7, 1), (1, 6), (1, 1)]
# float32 against the same formula in float64: coordinates have an error of about 1e-6 of a pixel, and neighbours of
# normalised noise differ by up to 8; a mean has an error of its summation; everything else is the same operations.
RESAMPLED, AVERAGED = 5e-5, 2e-6
SEEDS = range(6)  # times 13 sets of ops times 7 shapes: 546 cases
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
every_set = pytest.mark.parametrize("ops", SETS, ids=lambda ops: "+".join(ops) or "nothing")


def normalised(x: Tensor) -> Tensor:
    return (x - x.new_tensor(MEAN).view(3, 1, 1)) / x.new_tensor(STD).view(3, 1, 1)


def case(seed: int, ops: tuple[str, ...], height: int, width: int) -> tuple[Tensor, dict]:
    rng = np.random.default_rng([seed, height, width, len(ops)])
    return photos(seed, 1, height, width), random_row(rng, ops, height, width)


@every_set
def test_it_computes_the_formulas(ops):
    for seed in SEEDS:
        for height, width in SHAPES:
            x, row = case(seed, ops, height, width)
            got, got64 = augment(x, omega(row)), augment(x.double(), omega(row))
            np.testing.assert_allclose(got64[0].numpy(), augmented(x[0].double().numpy(), row), atol=1e-12)
            if "scale" in ops or "rotate" in ops:
                np.testing.assert_allclose(got[0].numpy(), augmented(x[0].double().numpy(), row), atol=RESAMPLED)
            elif "contrast" in ops:
                np.testing.assert_allclose(got[0].numpy(), augmented(x[0].numpy(), row), atol=AVERAGED)
            else:
                np.testing.assert_array_equal(got[0].numpy(), augmented(x[0].numpy(), row))


def batch(height: int = 7, width: int = 6) -> tuple[Tensor, list[dict], Augmentation]:
    rng = np.random.default_rng(0)
    rows = [random_row(rng, ops, height, width) for ops in SETS]
    return photos(0, len(rows), height, width), rows, omega(*rows)


def test_a_mixed_batch_gives_each_image_what_it_gets_alone():
    x, rows, mixed = batch()
    together = augment(x, mixed)
    for number, row in enumerate(rows):
        assert torch.equal(together[number : number + 1], augment(x[number : number + 1], omega(row)))


@every_set
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_bits_of_an_image_do_not_depend_on_where_its_likes_stand_in_the_batch(ops, layout):
    """Two images with an omega, side by side or apart, beside others with the same ops and another omega."""
    rng, x = np.random.default_rng(1), photos(1, 6, 64, 64)
    first, second, third = (random_row(rng, given, 64, 64) for given in (ops, ops, SETS[1]))
    g = photos(2, 6, 64, 64)

    def both(order: list[int], rows: list[dict]) -> tuple[Tensor, Tensor]:
        leaf = x[order].contiguous(memory_format=layout).requires_grad_(True)
        out = augment(leaf, omega(*rows))
        return out.detach(), torch.autograd.grad(out, leaf, g[order])[0]

    beside = both([0, 1, 2, 3, 4, 5], [first, first, second, second, third, third])
    apart = both([0, 4, 1, 5, 2, 3], [first, third, first, third, second, second])
    for one, other in zip(beside, apart, strict=True):
        assert torch.equal(one[[0, 4, 1, 5, 2, 3]], other)


@every_set
def test_shared_and_own_parameters_are_the_same_computation(ops):
    rng, x = np.random.default_rng(1), photos(1, 12, 9, 7)
    rows = [random_row(rng, ops, 9, 7) for _ in range(3)]
    g = photos(2, 12, 9, 7)
    shared, own = [omega(rows[0])] * 12, [omega(rows[k % 3]) for k in range(12)]
    for omegas in (shared, own):
        x.requires_grad_().grad = None
        together = Augmentation(torch.cat([o.ops for o in omegas]), torch.cat([o.values for o in omegas]))
        y = augment(x, together)
        y.backward(g)
        for number, one in enumerate(omegas):
            alone = x.detach()[number : number + 1].clone().requires_grad_()
            result = augment(alone, one)
            result.backward(g[number : number + 1])
            assert torch.equal(y[number], result[0])
            assert torch.equal(x.grad[number], alone.grad[0])


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("given", ["contiguous", "channels_last", "every other column", "a column for all"])
def test_layouts_do_not_change_a_value(given, channels_last):
    x, _, mixed = batch(6, 8)
    y, ready = augment(x, mixed), x.clone()
    if given == "channels_last":
        ready = x.contiguous(memory_format=torch.channels_last)
    if given == "every other column":
        ready = torch.empty(*x.shape[:3], 16)[..., ::2].copy_(x)
    if given == "a column for all":
        ready = x[..., :1].expand_as(x)
        y = augment(ready.contiguous(), mixed)
    got = augment(ready, mixed, channels_last=channels_last)
    torch.testing.assert_close(got, y, rtol=0, atol=AVERAGED)  # a mean's order of summation follows the memory
    assert got.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def test_it_normalises_first_and_fills_with_zeros():
    x = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    row = {"ops": ("crop",), C.SHIFT_ROWS: 2, C.SHIFT_COLUMNS: -1}
    ready = normalised(x)
    got = augment(x, omega(row), mean=MEAN, std=STD)
    np.testing.assert_array_equal(got[0].numpy(), augmented(ready[0].numpy(), row))
    assert (got[:, :, 4:] == 0).all() and (got[..., 0] == 0).all()


def test_uint8_is_divided_by_255_and_becomes_float32():
    x = torch.randint(0, 256, (2, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    got = augment(x, Augmentation.identity(2), mean=MEAN, std=STD)
    assert got.dtype == torch.float32 and torch.equal(got, normalised(x.float() / 255))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_types_are_computed_in_float32_and_rounded_once(dtype):
    x, _, mixed = batch()
    narrow = x.to(dtype)
    assert torch.equal(augment(narrow, mixed), augment(narrow.float(), mixed).to(dtype))
    assert torch.equal(augment(x, mixed, dtype=dtype), augment(x, mixed).to(dtype))


def test_given_means_are_those_that_contrast_would_compute():
    x, _, mixed = batch()
    means = image_means(x, mean=MEAN, std=STD)
    ready = normalised(x)
    torch.testing.assert_close(means, ready.double().mean(dim=(1, 2, 3)).float(), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(
        augment(x, mixed, mean=MEAN, std=STD, means=means), augment(x, mixed, mean=MEAN, std=STD), rtol=0, atol=5e-6
    )
    assert image_means(x.double()).dtype == torch.float64


def test_any_number_of_channels_has_a_reference():
    rng, x = np.random.default_rng(3), torch.randn(1, 5, 7, 6, generator=torch.Generator().manual_seed(3)).double()
    row = random_row(rng, OPS, 7, 6)
    np.testing.assert_allclose(augment(x, omega(row))[0].numpy(), augmented(x[0].numpy(), row), atol=1e-12)


def composed(x: Tensor, mixed: Augmentation) -> Tensor:
    """The same in torch's own ops, whose gradient autograd derives: one image after another, one op after another."""
    return torch.cat([_composed_one(x[k : k + 1], int(mixed.ops[k]), mixed.values[k].to(x)) for k in range(len(x))])


def _composed_one(x: Tensor, bits: int, v: Tensor) -> Tensor:
    acts = {name: bool(bits >> number & 1) for number, name in enumerate(OPS)}
    height, width = x.shape[2:]
    r, q = torch.arange(height)[:, None], torch.arange(width)
    if acts["brightness"]:
        x = x + v[C.BRIGHTNESS]
    if acts["saturation"]:
        x = torch.lerp(x.mean(dim=1, keepdim=True), x, v[C.SATURATION])
    if acts["contrast"]:
        x = torch.lerp(x.mean(), x, v[C.CONTRAST])
    if acts["crop"]:
        sr, sq = int(v[C.SHIFT_ROWS]), int(v[C.SHIFT_COLUMNS])
        pad = max(height, width)
        x = F.pad(x, (pad,) * 4)[..., pad + sr : pad + sr + height, pad + sq : pad + sq + width]
    if acts["cutout"]:
        x = x * ~((r >= v[C.CUT_TOP]) & (r < v[C.CUT_BOTTOM]) & (q >= v[C.CUT_LEFT]) & (q < v[C.CUT_RIGHT]))
    if acts["flip"] and not (acts["scale"] or acts["rotate"]):
        return x.flip(3)
    if not (acts["scale"] or acts["rotate"]):
        return x
    angle = v[C.ANGLE] * acts["rotate"]
    sx, sy = (v[C.SCALE_X], v[C.SCALE_Y]) if acts["scale"] else (1.0, 1.0)
    sx = -sx if acts["flip"] else sx
    matrix = x.new_tensor([[[sx * angle.cos(), -sx * angle.sin(), 0], [sy * angle.sin(), sy * angle.cos(), 0]]])
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@pytest.mark.parametrize(("height", "width"), [(7, 6), (12, 9), (1, 5), (5, 1)])
def test_the_gradient_is_that_of_the_composition(height, width):
    x, _, mixed = batch(height, width)
    g = photos(9, len(x), height, width).double()
    ours, theirs = x.double().requires_grad_(), x.double().requires_grad_()
    y = augment(ours, mixed, mean=MEAN, std=STD)
    wanted = composed(normalised(theirs), mixed)
    torch.testing.assert_close(y, wanted, rtol=0, atol=1e-10)
    y.backward(g)
    wanted.backward(g)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@every_set
def test_gradcheck(ops):
    x, row = case(1, ops, 6, 5)
    assert torch.autograd.gradcheck(lambda image: augment(image, omega(row), std=STD), x.double().requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_has_the_dtype_and_layout_of_the_images(dtype, layout):
    x, _, mixed = batch()
    x = x.to(dtype).contiguous(memory_format=layout).requires_grad_()
    augment(x, mixed, dtype=torch.float32).sum().backward()
    assert (x.grad.dtype, x.grad.stride()) == (dtype, x.stride())


def test_two_runs_give_equal_bits():
    x, _, mixed = batch()
    assert_alike(lambda image: augment(image, mixed), lambda image: augment(image, mixed), x)


def test_what_reads_zero_does_not_spread_what_is_not_finite():
    x = torch.full((1, 3, 6, 6), torch.inf)
    x[:, :, 2:4, 2:4] = 1
    hole = {C.CUT_TOP: 0, C.CUT_BOTTOM: 2, C.CUT_LEFT: 0, C.CUT_RIGHT: 6}
    got = augment(x.repeat(2, 1, 1, 1), omega({"ops": ("cutout",), **hole}, {"ops": ("cutout",)}))
    assert (got[0, :, :2] == 0).all() and torch.equal(got[1], x[0])


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # raised by opcheck's own reading of .grad
def test_torch_library_accepts_the_ops():
    x, _, mixed = batch(4, 3)
    rows = plan_of(mixed, 4, 3)
    wanted = [None, list(STD), None, torch.bfloat16, True, "reference"]
    torch.library.opcheck(torch.ops.gsdd.augment.default, (x.requires_grad_(), mixed.ops, rows, *wanted))
    back = (x.detach(), mixed.ops, rows, list(STD), torch.float32, True, "reference")
    torch.library.opcheck(torch.ops.gsdd.augment_backward.default, back)
    torch.library.opcheck(torch.ops.gsdd.image_means.default, (x.detach(), None, list(MEAN), list(STD), "reference"))


def test_it_compiles_without_a_graph_break():
    x, _, mixed = batch(5, 4)
    assert_compiles(lambda image: augment(image, mixed, mean=MEAN, std=STD), x)


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4), (2, 3, 4, 0)])
def test_no_pixels_are_no_trouble(shape):
    x = torch.zeros(shape, requires_grad=True)
    y = augment(x, Augmentation.identity(shape[0]))
    y.sum().backward()
    assert y.shape == x.grad.shape == shape


def test_siamese_rows_are_taken_by_index():
    _, _, both = batch()
    taken = both.take(torch.tensor([1, 1, 0]))
    assert taken.ops.tolist() == [both.ops[1], both.ops[1], both.ops[0]]
    assert torch.equal(taken.values[2], both.values[0])


X, SAME = photos(0, 2, 7, 6), Augmentation.identity(2)
WRONG = {
    "omega for 1 images, wanted 2": lambda: augment(X, Augmentation.identity(1)),
    r"wanted uint8 or floating \[N, C, H, W\]": lambda: augment(X.long(), SAME),
    r"augment: got torch\.float32 \(2, 3, 7\), wanted": lambda: augment(X[..., 0], SAME),
    r"dtype: got torch\.uint8, wanted a floating one": lambda: augment(X, SAME, dtype=torch.uint8),
    r"means: got torch.float32 \(3,\), wanted floating \[2\]": lambda: augment(X, SAME, means=torch.zeros(3)),
    r"mean: got .* wanted 3 numbers": lambda: augment(X, SAME, mean=(0.5,)),
    r"std: got .* above 0": lambda: image_means(X, std=(1.0, 0.0, 1.0)),
    "wanted int64": lambda: Augmentation(torch.zeros(2, dtype=torch.int64), torch.zeros(3, len(Column))),
    "scale of 0": lambda: augment(X, omega({"ops": ("scale",)}, {"ops": ("scale",)})),
    "omega that wants a gradient": lambda: augment(X, Augmentation(SAME.ops, SAME.values.clone().requires_grad_(True))),
    "backend: got 'cuda'": lambda: augment(X[:0], Augmentation.identity(0), backend="cuda"),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_inputs_are_named(message):
    with pytest.raises(KernelInputError, match=message):
        WRONG[message]()
