"""The tools that judge kernels notice the mistakes that they are there for."""

import pytest
import torch
import triton
import triton.language as tl
from interpreter import watched
from memory import allocations, peak_bytes, poisoned
from torch.profiler import profile
from triton.runtime.errors import InterpreterError

from gsdd.kernels.backend import interpreted
from gsdd.kernels.launch import Launch

LENGTH = 24


@triton.jit
def double(source, target, length, STEP: tl.constexpr, KEPT: tl.constexpr, BLOCK: tl.constexpr):
    """Double a vector in steps of STEP; right only with STEP = BLOCK and KEPT = 0."""
    at = tl.program_id(0) * STEP + tl.arange(0, BLOCK)
    mask = (at < length) & (at >= KEPT)
    tl.store(target + at, tl.load(source + at, mask=mask, other=0.0) * 2, mask=mask)


@triton.jit
def add_up(source, target, BLOCK: tl.constexpr):
    """Sum in an order that a GPU leaves open."""
    tl.atomic_add(target, tl.sum(tl.load(source + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK))))


def run(source: torch.Tensor, target: torch.Tensor, *, step: int = 16, kept: int = 0) -> None:
    arguments = {"source": source, "target": target, "length": LENGTH}
    Launch(double, (2,), arguments, {"STEP": step, "KEPT": kept, "BLOCK": 16}).run()


def test_kernels_are_interpreted_here():
    assert interpreted()


def test_a_right_kernel_passes():
    source, target = torch.arange(LENGTH, dtype=torch.float32), torch.empty(LENGTH)
    with watched() as watch:
        run(source, target)
    watch.assert_each_stored_once(target)
    assert (watch.launches, watch.kernels, watch.atomics) == (1, ["double"], 0)
    assert (watch.bytes_loaded(source), watch.bytes_stored(target)) == (4 * LENGTH, 4 * LENGTH)
    assert torch.equal(target, source * 2)


def test_a_strided_output_is_followed_element_by_element():
    backing = torch.zeros(2, LENGTH)
    with watched() as watch:
        run(torch.ones(LENGTH), backing[1])
    watch.assert_each_stored_once(backing[1])
    with pytest.raises(AssertionError, match="stored 1 times, wanted 0"):
        watch.assert_each_stored_once(backing[1, ::2])


def test_an_address_stored_twice_is_caught():
    target = torch.empty(LENGTH)
    with watched() as watch:
        run(torch.ones(LENGTH), target, step=12)
    assert torch.equal(target, torch.full((LENGTH,), 2.0))
    with pytest.raises(AssertionError, match="stored 2 times, wanted 1"):
        watch.assert_each_stored_once(target)


def test_an_element_left_out_is_caught():
    target = torch.full((LENGTH,), 2.0)
    with watched() as watch:
        run(torch.ones(LENGTH), target, kept=1)
    assert torch.equal(target, torch.full((LENGTH,), 2.0))
    with pytest.raises(AssertionError, match="byte 0 stored 0 times, wanted 1"):
        watch.assert_each_stored_once(target)


def test_stores_to_freed_memory_are_not_taken_for_stores_to_what_lies_there_next():
    with watched() as watch:
        for _ in range(4):
            run(torch.ones(LENGTH), torch.empty(LENGTH))
        target = torch.empty(LENGTH)
        run(torch.ones(LENGTH), target)
    watch.assert_each_stored_once(target)


@pytest.mark.parametrize("short", ["source", "target"])
def test_an_access_outside_of_the_arguments_is_caught_before_it_happens(short):
    memory = {"source": torch.ones(LENGTH), "target": torch.empty(LENGTH)} | {short: torch.ones(LENGTH - 1)}
    with watched(), pytest.raises(InterpreterError, match="1 accesses outside"):
        run(**memory)


def test_an_atomic_is_caught():
    with watched() as watch:
        Launch(add_up, (2,), {"source": torch.ones(32), "target": torch.zeros(1)}, {"BLOCK": 16}).run()
    assert watch.atomics == 2


@pytest.mark.parametrize(
    "fresh",
    [
        lambda: torch.empty(LENGTH),
        lambda: torch.empty_like(torch.ones(LENGTH, dtype=torch.bfloat16)),
        lambda: torch.ones(1, dtype=torch.float16).new_empty(LENGTH),
        lambda: torch.empty_strided((4, 6), (1, 4)),
    ],
)
def test_what_reads_fresh_memory_reads_poison(fresh):
    with poisoned():
        memory = fresh()
    assert memory.isnan().all()


def test_a_kernel_that_reads_its_output_before_writing_it_is_caught():
    target = torch.ones(LENGTH)
    with poisoned():
        run(torch.empty(LENGTH), target)
    assert target.isnan().all()
    assert not torch.are_deterministic_algorithms_enabled()


def test_fresh_integers_are_poisoned_too():
    with poisoned():
        assert (torch.empty(LENGTH, dtype=torch.uint8) == 255).all()


@torch.library.custom_op("gsdd::test_interpreter_op", mutates_args=())
def op_with_scratch(x: torch.Tensor) -> torch.Tensor:
    """Allocate something on the way to the result."""
    return (x + 1) * 2


def test_allocations_are_listed_with_their_bytes_and_views_are_not():
    source = torch.ones(8, 4)
    with allocations() as record:
        kept = (source + 1).view(2, 16)[:, :3].t()
        source.mul_(2)
    assert [(made.shape, made.nbytes) for made in record.made] == [((8, 4), 128)]
    assert kept.shape == (3, 2)


def test_allocations_inside_an_op_of_gsdd_are_listed():
    source = torch.ones(8, 4)
    with allocations() as record:
        result = op_with_scratch(source)
    assert [made.operator for made in record.made] == ["aten::add.Tensor", "aten::mul.Tensor"]
    assert (record.live, record.peak) == (128, 256)
    assert torch.equal(result, torch.full((8, 4), 4.0))


def test_peak_is_of_what_lives_at_once():
    assert peak_bytes(lambda: [torch.ones(1000) for _ in range(3)]) == 12_000
    assert peak_bytes(lambda: [torch.ones(1000).sum() for _ in range(3)]) == 4_000 + 3 * 4


def test_peak_of_a_backward_pass_agrees_with_what_the_allocator_itself_reports():
    def forward_and_backward():
        x = torch.ones(64, 1024, requires_grad=True)
        (x.sin() * x.cos()).exp().sum().backward()

    with profile(profile_memory=True) as recorded:
        forward_and_backward()
    events = [e for e in recorded.profiler.kineto_results.events() if e.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    assert peak_bytes(forward_and_backward) == pytest.approx(peak, rel=0.01)
