"""fp32 that is fp32, by both of torch's ways to ask for less, and torch as it was afterwards."""

import os
import subprocess
import sys
import warnings
from contextlib import ExitStack

import pytest
import torch

from gsdd.parallel.determinism import determinism
from gsdd.parallel.exact import exact_fp32

HAS_PRECISIONS = hasattr(torch.backends, "fp32_precision")
# What a trainer may have switched on, each in a forked process of its own: the ways exclude each other.
SWITCHES = {
    "nothing": "pass",
    "the old flags": "b.cuda.matmul.allow_tf32 = b.cudnn.allow_tf32 = True",
    "the old flag, off": "b.cudnn.allow_tf32 = False",
    "high": "torch.set_float32_matmul_precision('high')",
    "medium": "torch.set_float32_matmul_precision('medium')",
    "timed kernels": "b.cudnn.benchmark = True; b.cudnn.deterministic = False",
}
NEW_SWITCHES = {
    "everything": "b.fp32_precision = 'tf32'",
    "cudnn": "b.cudnn.fp32_precision = 'tf32'",
    "convolutions": "b.cudnn.conv.fp32_precision = 'tf32'",
    "products": "b.cuda.matmul.fp32_precision = 'tf32'",
    "oneDNN": "b.mkldnn.matmul.fp32_precision = 'bf16'",
}
SCRIPT = """
import os, sys, traceback
import torch
from gsdd.parallel.exact import exact_fp32
b = torch.backends

def asked(question):
    try:
        return eval(question)
    except RuntimeError as error:
        return type(error).__name__

def told():
    names = ["b.cudnn.benchmark", "b.cudnn.deterministic", "b.cudnn.allow_tf32", "b.cuda.matmul.allow_tf32"]
    names += ["torch.get_float32_matmul_precision()"]
    if hasattr(b, "fp32_precision"):
        places = ["", ".cudnn", ".cudnn.conv", ".cudnn.rnn", ".cuda.matmul", ".mkldnn.conv", ".mkldnn.matmul"]
        names += [f"b{place}.fp32_precision" for place in places]
    return {name: asked(name) for name in names}

def check():
    before = told()
    try:
        with exact_fp32("cuda"):
            inside = told()
            raise KeyError
    except KeyError:
        pass
    assert told() == before, (before, told())
    if hasattr(b, "fp32_precision"):
        assert all(value == "ieee" for name, value in inside.items() if name.endswith("fp32_precision")), inside
    else:
        assert not inside["b.cudnn.allow_tf32"] and not inside["b.cuda.matmul.allow_tf32"], inside
    assert inside["b.cudnn.deterministic"] is True and inside["b.cudnn.benchmark"] is False, inside

for number, switch in enumerate(sys.argv[1:]):
    if not os.fork():
        try:
            exec(switch)
            check()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(switch)
"""


def test_products_are_exact_within_and_as_the_caller_had_them_afterwards():
    switches = [*SWITCHES.values(), *(NEW_SWITCHES.values() if HAS_PRECISIONS else ())]
    words = [sys.executable, "-W", "ignore", "-c", SCRIPT, *switches]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_products_of_a_cpu_are_exact_too():
    """oneDNN rounds factors to bf16 for who asked for "medium", where the processor is quick at that."""
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(256, 256, generator=draw) for _ in range(2))
    exact = (a.double() @ b.double()).float()
    torch.set_float32_matmul_precision("medium")
    try:
        with exact_fp32("cpu"):
            got = a @ b
    finally:
        torch.set_float32_matmul_precision("highest")
    assert (got - exact).abs().max() < 1e-4


def test_threads_that_overlap_compute_exactly_and_leave_nothing_behind():
    """The first comes first and goes first: the second is still at work then."""
    torch.set_float32_matmul_precision("medium")
    try:
        with ExitStack() as first, ExitStack() as second:
            first.enter_context(exact_fp32("cpu"))
            second.enter_context(exact_fp32("cpu"))
            first.close()
            assert is_exact()
        assert not is_exact()
    finally:
        torch.set_float32_matmul_precision("highest")


def is_exact() -> bool:
    if HAS_PRECISIONS:
        return torch.backends.mkldnn.matmul.fp32_precision == "ieee"
    return torch.get_float32_matmul_precision() == "highest"


def test_autocast_ends_within():
    with torch.autocast("cpu", torch.bfloat16), exact_fp32("cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_nothing_is_asked_of_a_cpu():
    with determinism("cpu") as watched:
        assert not torch.are_deterministic_algorithms_enabled()
    assert watched.names == set()


def test_what_has_no_fixed_order_is_noticed_and_torch_is_as_it_was():
    index, values = torch.tensor([0, 0]), torch.tensor([1.0, 2.0])
    with pytest.warns(UserWarning, match="of the caller's own"), determinism("cuda") as watched:
        torch.zeros(5).put_(index, values)
        warnings.warn("of the caller's own", UserWarning, stacklevel=1)
    assert watched.names == {"put_"}
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
