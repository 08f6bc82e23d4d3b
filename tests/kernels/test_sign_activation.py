"""LeakyReLU, PReLU and ReLU against torch's own, bit for bit, and the kernels against the reference."""

import math
from collections.abc import Iterator

import pytest
import torch
from alike import assert_alike, assert_compiles
from interpreter import watched
from memory import poisoned
from torch import Tensor
from torch.nn import functional

from gsdd.errors import KernelInputError
from gsdd.kernels.sign_activation import sign_activation

# There is no tolerance: one product, rounded once, has one right result.
NARROW = (torch.float32, torch.bfloat16, torch.float16)
DTYPES = (*NARROW, torch.float64)
SPECIAL = (0.0, -0.0, math.nan, math.inf, -math.inf)
SUBNORMAL = (1e-40, -1e-40)
SHAPES = [
    (2, 8, 5, 7),
    (1, 3, 1, 1),
    (3, 16, 4, 8),
    (1, 8, 9, 1),
    (2, 3, 2, 3, 2),
    (4, 6),
    (13,),
    (1,),
    (),
    (0, 3, 2, 2),
]


def draws(seed: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def inputs(shape: tuple[int, ...], dtype: torch.dtype, special: tuple[float, ...]) -> Iterator[Tensor]:
    """A tensor that starts with special values, in every way to lie in memory."""
    x = draws(0, shape, dtype)
    special = torch.tensor(special, dtype=torch.float64).to(dtype)[: x.numel()]
    x.view(-1)[: len(special)] = special
    yield x
    if x.ndim == 4:
        yield x.contiguous(memory_format=torch.channels_last)
        yield x.transpose(2, 3)
        yield x[..., ::2]
        yield x[..., :1].expand_as(x)


def slopes_for(x: Tensor) -> Iterator[float | Tensor]:
    channels = x.shape[1] if x.ndim > 1 else 1
    yield from (0.0, 0.2, -0.3)
    yield torch.tensor([0.25], dtype=x.dtype)
    yield torch.linspace(-0.3, 0.9, channels, dtype=torch.float64).to(x.dtype)


def torchs_own(x: Tensor, slope: float | Tensor) -> Tensor:
    if isinstance(slope, Tensor):
        return functional.prelu(x, slope)
    return functional.leaky_relu(x, slope) if slope else functional.relu(x)


def value_and_gradient(function, x: Tensor, *arguments, **options) -> tuple[Tensor, Tensor]:
    leaf = x.detach().requires_grad_(True)
    y = function(leaf, *arguments, **options)
    y.backward(draws(1, tuple(x.shape), x.dtype))
    return y.detach(), leaf.grad


def kept(x: Tensor, slope: float | Tensor, backend: str = "auto") -> list[Tensor]:
    """What the graph of one activation keeps."""
    found: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: found.append(tensor) or tensor, lambda tensor: tensor):
        sign_activation(x.detach().requires_grad_(True), slope, backend=backend)
    return found


def strides(tensor: Tensor) -> list[int]:
    """Those that lead somewhere."""
    return [stride for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]


def assert_same_bits(got: Tensor, wanted: Tensor) -> None:
    """Equal down to the sign of zero; one NaN is as good as another."""
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
    assert strides(got) == strides(wanted)
    unequal = (got != wanted) | (got.signbit() != wanted.signbit())
    assert not bool((unequal & ~(got.isnan() & wanted.isnan())).any())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_torchs_own(shape, dtype):
    for x in inputs(shape, dtype, SPECIAL + SUBNORMAL):
        for slope in slopes_for(x):
            got, wanted = (value_and_gradient(function, x, slope) for function in (sign_activation, torchs_own))
            assert_same_bits(got[0], wanted[0])
            assert_same_bits(got[1], wanted[1])


@pytest.mark.parametrize("elements", [65_535, 65_536, 65_537, 200_003])
def test_values_and_gradients_are_torchs_own_beyond_one_chunk(elements):
    for slope in (0.0, 0.2, torch.tensor([0.3])):
        x = draws(2, (elements,), torch.float32)
        assert_same_bits(*(value_and_gradient(function, x, slope)[1] for function in (sign_activation, torchs_own)))
    x = draws(2, (1, 3, 1, elements), torch.float32)
    for laid in (x, x.contiguous(memory_format=torch.channels_last)):
        slopes = torch.tensor([0.1, 0.2, 0.3])
        assert_same_bits(*(value_and_gradient(function, laid, slopes)[1] for function in (sign_activation, torchs_own)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("elements", [0, 1, 7, 8, 9, 1000])
def test_the_graph_keeps_one_bit_an_element(elements, dtype):
    x = draws(3, (elements,), dtype)
    for slope in (0.0, 0.2):
        (bits,) = kept(x, slope)
        assert (bits.dtype, bits.untyped_storage().nbytes()) == (torch.uint8, -(-elements // 8))
    bits, slopes = kept(x, torch.ones(1, dtype=dtype))
    assert (bits.untyped_storage().nbytes(), slopes.numel()) == (-(-elements // 8), 1)


@pytest.mark.parametrize("backend", ["reference", "triton"])
def test_bit_i_of_byte_j_is_the_sign_of_element_8j_plus_i_in_memory(backend):
    x = draws(4, (2, 3, 5, 7), torch.float32).contiguous(memory_format=torch.channels_last)
    in_memory = (x.permute(0, 2, 3, 1).flatten() > 0).tolist()
    bits = kept(x, 0.2, backend)[0].tolist()
    assert [bool(bits[at // 8] >> at % 8 & 1) for at in range(len(in_memory))] == in_memory
    assert bits[-1] >> len(in_memory) % 8 == 0


def test_a_gradient_in_another_layout_is_taken():
    x = draws(5, (2, 8, 3, 4), torch.float32).requires_grad_(True)
    for layout in (torch.contiguous_format, torch.channels_last):
        grad = draws(6, (2, 8, 3, 4), torch.float32).contiguous(memory_format=layout)
        for slope in (0.2, torch.linspace(0, 1, 8)):
            got, wanted = (torch.autograd.grad(f(x, slope), x, grad)[0] for f in (sign_activation, torchs_own))
            assert torch.equal(got, wanted)
    (spread,) = torch.autograd.grad(sign_activation(x, 0.2).sum(), x)
    assert torch.equal(spread, torch.where(x > 0, 1.0, 0.2))


@pytest.mark.parametrize("slope", [0.0, 0.2, "prelu"])
def test_first_and_second_derivatives_are_right_in_float64(slope):
    x = draws(7, (2, 3, 2, 2), torch.float64).requires_grad_(True)
    slope = torch.linspace(0.1, 0.5, 3, dtype=torch.float64) if slope == "prelu" else slope
    assert torch.autograd.gradcheck(lambda x: sign_activation(x, slope), x)
    assert torch.autograd.gradgradcheck(lambda x: sign_activation(x, slope) ** 2, x)


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_give_the_references_bits(shape, dtype):
    # Triton's interpreter widens subnormal bfloat16 wrongly.
    for x in inputs(shape, dtype, SPECIAL if dtype == torch.bfloat16 else SPECIAL + SUBNORMAL):
        for slope in slopes_for(x):
            with poisoned():
                got = value_and_gradient(sign_activation, x, slope, backend="triton")
            wanted = value_and_gradient(sign_activation, x, slope, backend="reference")
            assert_same_bits(got[0], wanted[0])
            assert_same_bits(got[1], wanted[1])
            assert torch.equal(kept(x, slope, "triton")[0], kept(x, slope, "reference")[0])


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", NARROW)
def test_the_kernels_read_and_write_every_element_once(dtype, memory_format):
    x = draws(8, (2, 3, 21, 35), dtype).contiguous(memory_format=memory_format)
    grad, slopes = draws(9, (2, 3, 21, 35), dtype).contiguous(memory_format=memory_format), torch.ones(3, dtype=dtype)
    with watched() as watch:
        y, bits = torch.ops.gsdd.sign_activation(x, 0.0, slopes, "triton")
        x_grad = torch.ops.gsdd.sign_activation_backward(grad, bits, 0.0, slopes, x.stride(), "triton")
    assert watch.kernels == ["activate", "carry_back"]
    for written in (y, bits, x_grad):
        watch.assert_each_stored_once(written)
    for read in (x, grad, bits):
        assert watch.bytes_loaded(read) == read.numel() * read.element_size()


@pytest.mark.parametrize("backend", ["reference", "triton"])
def test_two_runs_give_equal_bits(backend):
    def activated(x):
        return sign_activation(x, 0.2, backend=backend)

    assert_alike(activated, activated, draws(10, (2, 8, 5, 7), torch.bfloat16))


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # raised by opcheck's own reading of .grad
@pytest.mark.parametrize("backend", ["reference", "triton"])
@pytest.mark.parametrize("slope", [0.0, 0.2, "prelu"])
def test_torch_accepts_the_ops(slope, backend):
    x = draws(11, (2, 3, 4, 5), torch.float32).contiguous(memory_format=torch.channels_last).requires_grad_(True)
    number, slopes = (0.0, torch.linspace(0, 1, 3)) if slope == "prelu" else (slope, None)
    torch.library.opcheck(torch.ops.gsdd.sign_activation.default, (x, number, slopes, backend))
    _, bits = torch.ops.gsdd.sign_activation(x.detach(), number, slopes, backend)
    grad = draws(12, (2, 3, 4, 5), torch.float32).requires_grad_(True)
    arguments = (grad, bits, number, slopes, list(x.stride()), backend)
    torch.library.opcheck(torch.ops.gsdd.sign_activation_backward.default, arguments)


@pytest.mark.parametrize("backend", ["auto", "triton"])
def test_torch_compiles_the_ops(backend):
    def activated(x):
        return sign_activation(x * 2, 0.2, backend=backend).sin()

    assert_compiles(activated, draws(13, (2, 3, 4, 5), torch.float32))


@pytest.mark.parametrize(
    ("x", "slope", "complaint"),
    [
        (torch.zeros(2, 3, dtype=torch.int32), 0.2, r"got x of torch\.int32, wanted a floating dtype; cast"),
        (torch.zeros(2, 3), torch.zeros(2), r"got slopes \(2,\), wanted \[1\] or \[3\]"),
        (torch.zeros(3), torch.zeros(3), r"got slopes \(3,\), wanted \[1\] or \[1\]"),
        (torch.zeros(2, 3), torch.zeros(()), r"got slopes \(\), wanted \[1\] or \[3\]"),
        (
            torch.zeros(2, 3),
            torch.zeros(3, dtype=torch.float64),
            r"slopes of torch\.float64 on cpu, wanted torch\.float",
        ),
        (torch.zeros(2, 3), torch.zeros(3, requires_grad=True), "slopes that require a gradient, wanted frozen ones"),
    ],
)
def test_what_cannot_be_activated_is_refused(x, slope, complaint):
    with pytest.raises(KernelInputError, match=complaint):
        sign_activation(x, slope)


def test_float64_has_no_kernel():
    with pytest.raises(KernelInputError, match=r"got torch\.float64, wanted one of"):
        sign_activation(torch.zeros(3, dtype=torch.float64), 0.2, backend="triton")
