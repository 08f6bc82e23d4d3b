"""Every kernel that ships, as compiled for sm_80, sm_90 or sm_100: no stack, no spills, wide where memory is so."""

import json
import os
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "benchmarks" / "compiled.py"
SHIPPING = {file for file in (ROOT / "kernels").rglob("triton*.py") if "\ndef shipped(" in file.read_text()}
PLANTED = Path(__file__).with_name("planted.py")
WIDE_BYTES = 8
# What each kernel moves of images, features and gradients side by side, where its inputs lie so; the rest is gathered,
# or a number or a vector a program.
WIDE = {
    "augment.triton.image_means_kernel": {"images"},
    "augment.triton.augment_kernel": {"out"},
    "augment.triton_backward.levels_kernel": {"grad"},
    "augment.triton_backward.augment_backward_kernel": {"out"},
    "class_statistics.triton.feature_sums_kernel": {"filters"},
    "class_statistics.triton.class_sums_kernel": {"partial"},
    "class_statistics.triton_backward.patch_gradients_kernel": {"filters", "out"},
    "class_statistics.triton_backward.pixel_gradients_kernel": {"out"},
    "class_statistics.triton_convolution.map_sums_kernel": set(),
    "class_statistics.triton_convolution.map_slopes_kernel": set(),
    "matching.triton.sum_rows": {"features", "pairs"},
    "matching.triton.sum_pooled_rows": {"features"},
    "matching.triton.finish_classes": {"sums", "real_means"},
    "matching.triton_backward.spread_rows": {"features", "pairs", "gradient"},
    "matching.triton_backward.spread_pooled_rows": {"gradient"},
    "sign_activation.triton.activate": {"x", "y"},
    "sign_activation.triton.carry_back": {"grad", "x_grad"},
    "planted.spiller": {"source", "target"},
    "planted.copy": {"source", "target"},
}
# Kernels that gather where pixels move, and load side by side where they stay.
WIDE_WHERE_PIXELS_STAY = {
    "augment.triton.augment_kernel": {"images"},
    "augment.triton_backward.augment_backward_kernel": {"grad"},
}

# Bytes of stack, and instructions that use them: Triton 3.4 and 3.5 spill two registers of a launch of matching.
STACK, SPILLS = (8, 5) if version("triton").startswith(("3.4.", "3.5.")) else (0, 0)


def compiled(*words: str | Path) -> list[dict[str, Any]]:
    """Run the tool in a process that does not interpret."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, TOOL, "--json", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def shipped() -> list[dict[str, Any]]:
    """Each launch for one architecture, in turn; those of class_statistics, which hold most registers, for each."""
    heaviest = {file for file in SHIPPING if file.parent.name == "class_statistics"}
    return compiled("--in-turn", *sorted(SHIPPING - heaviest)) + compiled(*sorted(heaviest))


@pytest.fixture(scope="module")
def planted() -> dict[str, list[dict[str, Any]]]:
    found = compiled("--in-turn", PLANTED)
    return {name: [one for one in found if one["name"] == name] for name in ("spiller", "narrow", "wide")}


def assert_lean(one: dict[str, Any]) -> None:
    label = f"{one['name']} for sm_{one['architecture']}"
    assert one["stack"] <= STACK, f"{label}: {one['stack']} bytes of stack"
    assert one["spills"] <= SPILLS, f"{label}: {one['spills']} STL and LDL"


def assert_wide(one: dict[str, Any]) -> None:
    kernel = f"{one['module']}.{one['kernel']}"
    label = f"{kernel}, {one['name']}, sm_{one['architecture']}"
    for accesses in (one["loads_from"], one["stores_to"]):
        for argument in WIDE[kernel] & accesses.keys():
            width = min(accesses[argument])
            assert width >= WIDE_BYTES, f"{label}: {argument} {width} bytes at a time"
    for argument in WIDE_WHERE_PIXELS_STAY.get(kernel, ()):
        width = max(one["loads_from"][argument])
        assert width >= WIDE_BYTES, f"{label}: {argument} at most {width} bytes at a time"


def test_every_kernel_runs_in_registers(shipped):
    for one in shipped:
        assert_lean(one)


def test_contiguous_data_moves_at_least_8_bytes_at_a_time(shipped):
    """Where 8 bytes divide a row: "odd" launches are of sizes that nothing divides."""
    for one in shipped:
        if ", odd" not in one["name"]:
            assert_wide(one)


def test_every_kernel_and_all_architectures_are_there(shipped):
    on_disk = {file for file in (ROOT / "kernels").rglob("triton*.py") if "tl.store(" in file.read_text()}
    assert on_disk and on_disk <= SHIPPING
    kernels = {f"{one['module']}.{one['kernel']}" for one in shipped}
    assert kernels == {kernel for kernel in WIDE if not kernel.startswith("planted.")}
    assert {one["architecture"] for one in shipped} == {80, 90, 100}
    names = [(one["name"], one["architecture"]) for one in shipped]
    assert len(names) == len(set(names))


def test_a_planted_spilling_kernel_is_caught(planted):
    for one in planted["spiller"]:
        assert one["spills"] > 0
        with pytest.raises(AssertionError, match="bytes of stack"):
            assert_lean(one)


def test_a_planted_kernel_with_4_byte_accesses_is_caught(planted):
    for one in planted["narrow"]:
        assert_lean(one)
        with pytest.raises(AssertionError, match="4 bytes at a time"):
            assert_wide(one)
    for one in planted["wide"]:
        assert_lean(one)
        assert_wide(one)


def test_the_tool_refuses_to_pretend_where_kernels_are_interpreted():
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, TOOL, "--json"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "TRITON_INTERPRET" in done.stderr and "Traceback" not in done.stderr


def test_the_page_of_each_op_has_a_row_for_every_kernel_and_counts_its_launches(shipped):
    ops = {one["module"].partition(".")[0] for one in shipped}
    assert {page.parent.name for page in (ROOT / "kernels").glob("*/README.md")} == ops
    for op in ops:
        text = (ROOT / "kernels" / op / "README.md").read_text()
        table = text.partition("<!-- compiled: begin -->\n")[2].partition("<!-- compiled: end -->")[0]
        rows = [line.strip("| ").split(" | ")[:2] for line in table.splitlines()[2:]]
        names = {(one["kernel"], one["name"]) for one in shipped if one["module"].startswith(f"{op}.")}
        launches = Counter(f"`{kernel}`" for kernel, _ in names)
        assert len(rows) == len(launches) and {kernel: int(count) for kernel, count in rows} == launches
