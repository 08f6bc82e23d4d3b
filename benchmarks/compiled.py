"""What the compiler makes of every kernel that ships: registers, stack, spills, and how wide it reads and writes.

    python benchmarks/compiled.py                # a row a launch
    python benchmarks/compiled.py --json
    python benchmarks/compiled.py --in-turn      # each launch for one architecture: a third of the time
    python benchmarks/compiled.py --write        # a row a kernel, between the two markers of each op's README.md

No GPU is needed: Triton compiles ahead of time for sm_80 (A100), sm_90 (H100) and sm_100 (B200), and cuobjdump and
nvdisasm, which come with it, read the result. Run it without TRITON_INTERPRET. Other files that define `shipped()` can
be named.
"""

import functools
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.driver import driver

import gsdd.kernels
from gsdd.kernels.launch import Launch

ARCHITECTURES = (80, 90, 100)
BEGIN, END = "<!-- compiled: begin -->", "<!-- compiled: end -->"
TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
KERNELS = Path(inspect.getfile(gsdd.kernels)).parent
# "ld" or "st", bytes, and the tensor arguments that its address starts from
Access = tuple[str, int, set[str]]
BITS = re.compile(r"\.(?:v(\d)\.)?[a-z](8|16|32|64|128)$")


@dataclass(frozen=True)
class Compiled:
    """A launch as compiled for one architecture.

    Attributes:
        module: of gsdd.kernels that ships it, as `augment.triton`.
        name: of the launch, as `shipped()` gives it.
        kernel: name of the `@triton.jit` function.
        architecture: 80 for sm_80.
        warps: of 32 threads, a program.
        registers: a thread.
        shared: bytes of shared memory, a program.
        stack: bytes of stack, a thread; more than 0 is a spill or a call.
        spills: STL and LDL instructions, which go to that stack.
        loads: how many LDG instructions of each width in bytes, from the disassembly.
        stores: how many STG instructions of each width in bytes, from the disassembly.
        loads_from: widths in bytes of the loads from each tensor argument.
        stores_to: widths in bytes of the stores to each tensor argument.
    """

    module: str
    name: str
    kernel: str
    architecture: int
    warps: int
    registers: int
    shared: int
    stack: int
    spills: int
    loads: Mapping[int, int]
    stores: Mapping[int, int]
    loads_from: Mapping[str, list[int]]
    stores_to: Mapping[str, list[int]]


def shipping_files() -> list[Path]:
    """Return the modules of gsdd.kernels that say what they ship."""
    return sorted(file for file in KERNELS.rglob("triton*.py") if "\ndef shipped(" in file.read_text())


@functools.cache
def launches_of(file: Path) -> dict[str, Launch]:
    """Return what a module ships, by name; a name twice is an error."""
    launches: dict[str, Launch] = {}
    for name, launch in _module(file).shipped():
        if name in launches:
            raise ValueError(f"{file}: two launches are named {name}")
        launches[name] = launch
    return launches


def _module(file: Path) -> ModuleType:
    if file.is_relative_to(KERNELS):
        inside = file.relative_to(KERNELS).with_suffix("").parts
        return importlib.import_module(".".join(("gsdd.kernels", *inside)))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class AbsentDevice:
    """Stand for the driver of a GPU that is not here: to compile, Triton asks for its architecture alone."""

    architecture: int

    def get_current_target(self) -> GPUTarget:
        """Return what to compile for."""
        return GPUTarget("cuda", self.architecture, 32)

    def get_current_device(self) -> int:
        """Return a number that keeps the kernels of each architecture apart."""
        return self.architecture

    def get_current_stream(self, device: int) -> int:
        """Return a stream, which nothing is launched on."""
        return 0


def compile_launch(name: str, launch: Launch, architecture: int) -> Compiled:
    """Compile a launch as Triton would at its first run, and read the result."""
    built = _built(launch, architecture)
    with _cubin(built) as cubin:
        usage, code = _tool("cuobjdump", "-res-usage", cubin), _tool("nvdisasm", "-c", cubin)
    accesses = list(_ptx_accesses(built.asm["ptx"], _tensor_parameters(built.src)))
    loads, stores = _sass_widths(code, "LDG"), _sass_widths(code, "STG")
    _check_same(name, accesses, loads, stores)
    return Compiled(
        module=launch.kernel.__module__.removeprefix("gsdd.kernels."),
        name=name,
        kernel=launch.kernel.__name__,
        architecture=architecture,
        warps=launch.warps,
        registers=_usage(usage, "REG"),
        shared=built.metadata.shared,
        stack=_usage(usage, "STACK"),
        spills=len(re.findall(r"\b(?:STL|LDL)\b", code)),
        loads=loads,
        stores=stores,
        loads_from=_by_argument(accesses, "ld"),
        stores_to=_by_argument(accesses, "st"),
    )


def disassembled(launch: Launch, architecture: int) -> str:
    """Compile a launch and return its machine code as text."""
    with _cubin(_built(launch, architecture)) as cubin:
        return _tool("nvdisasm", "-c", cubin)


def _built(launch: Launch, architecture: int) -> Any:  # noqa: ANN401
    driver.set_active(AbsentDevice(architecture))
    options = {"num_warps": launch.warps, "num_stages": launch.stages, "debug": False}
    return launch.kernel.warmup(**launch.arguments, **launch.constants, **options, grid=launch.grid)


@contextmanager
def _cubin(built: Any) -> Iterator[str]:  # noqa: ANN401
    with tempfile.NamedTemporaryFile(suffix=".cubin") as cubin:
        cubin.write(built.asm["cubin"])
        cubin.flush()
        yield cubin.name


def _tool(name: str, *arguments: str) -> str:
    return subprocess.run([TOOLS / name, *arguments], check=True, capture_output=True, text=True).stdout


def _usage(report: str, field: str) -> int:
    found = re.search(rf"\b{field}:(\d+)", report)
    assert found is not None, report
    return int(found[1])


def _sass_widths(code: str, instruction: str) -> dict[int, int]:
    """Count LDG or STG by bytes; a cp.async (LDGSTS) is a load."""
    wanted = {"LDG": r"LDG(?:STS)?", "STG": "STG"}[instruction]
    widths: dict[int, int] = defaultdict(int)
    for modifiers in re.findall(rf"\b{wanted}((?:\.\w+)*)\s", code):
        bits = re.search(r"\.[US]?(8|16|64|128)\b", modifiers)
        widths[int(bits[1]) // 8 if bits else 4] += 1
    return dict(sorted(widths.items()))


def _tensor_parameters(source: ASTSource) -> dict[int, str]:
    """Names of the pointers among the PTX parameters, by number."""
    kinds = [(name, kind) for name, kind in source.signature.items() if kind != "constexpr"]
    return {number: name for number, (name, kind) in enumerate(kinds) if kind.startswith("*")}


def _ptx_accesses(ptx: str, names: Mapping[int, str]) -> Iterator[Access]:
    """Yield each access to global memory.

    Registers of PTX are virtual, so an address can be traced back to the parameter that it starts from; in the
    disassembly it cannot.
    """
    defined: dict[str, set[str]] = defaultdict(set)
    accesses: list[tuple[str, int, str]] = []
    for line in ptx.splitlines():
        text = re.sub(r"^\s*(@!?%p\d+\s+)?", "", line).strip()
        access = re.match(r"(ld|st|cp\.async\.c[ag]\.shared)\.global(\S*)\s", text)
        if access:
            address = re.findall(r"\[\s*(%rd\d+)", text)[-1]
            accesses.append(("st" if access[1] == "st" else "ld", _ptx_bytes(text, access[2]), address))
        elif parameter := re.match(r"ld\.param\S*\s+(%rd\d+), \[\w+_param_(\d+)\]", text):
            defined[parameter[1]].update({names[int(parameter[2])]} if int(parameter[2]) in names else ())
        elif operands := re.findall(r"%rd\d+", text):
            defined[operands[0]].update(operands[1:])
    for kind, width, address in accesses:
        yield kind, width, _origins(address, defined)


def _ptx_bytes(text: str, modifiers: str) -> int:
    if text.startswith("cp.async"):
        return int(re.findall(r"0x[0-9a-f]+|\d+", text.rsplit("]", 1)[1])[0], 0)
    bits = BITS.search(modifiers)
    assert bits is not None, text
    return int(bits[1] or 1) * int(bits[2]) // 8


def _origins(register: str, defined: Mapping[str, set[str]]) -> set[str]:
    seen, open_ends = set(), [register]
    while open_ends:
        end = open_ends.pop()
        if end not in seen:
            seen.add(end)
            open_ends += defined.get(end, ())
    return {end for end in seen if not end.startswith("%")}


def _by_argument(accesses: list[Access], kind: str) -> dict[str, list[int]]:
    widths: dict[str, set[int]] = defaultdict(set)
    for access, width, origins in accesses:
        if access == kind:
            for name in origins:
                widths[name].add(width)
    return {name: sorted(found) for name, found in sorted(widths.items())}


def _check_same(name: str, accesses: list[Access], loads: dict[int, int], stores: dict[int, int]) -> None:
    """Refuse if ptxas changed widths, since then what the PTX says of each argument is not what the machine does."""
    for kind, found in (("ld", loads), ("st", stores)):
        wanted = {width for access, width, _ in accesses if access == kind}
        if set(found) != wanted:
            raise ValueError(f"{name}: PTX has {kind} of {sorted(wanted)} bytes, the disassembly {sorted(found)}")


def _job(file: Path, name: str, architecture: int) -> Compiled:
    return compile_launch(name, launches_of(file)[name], architecture)


def compile_all(files: list[Path], in_turn: bool) -> list[Compiled]:
    """Compile everything that some modules ship, two at a time: for every architecture, or for one each, in turn."""
    jobs = []
    for file in files:
        for number, (name, launch) in enumerate(launches_of(file).items()):
            fitting = [sm for sm in ARCHITECTURES if launch.since <= sm < launch.before]
            jobs += [(file, name, sm) for sm in ([fitting[number % len(fitting)]] if in_turn else fitting)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_job, *zip(*jobs, strict=True), chunksize=4))


def table(compiled: list[Compiled], of: Callable[[Compiled], str]) -> str:
    """Lay out as Markdown, sm_80 / sm_90 / sm_100 in each cell.

    Args:
        compiled: launches for all architectures.
        of: names the row of each; launches of one name share a row, with the least and the most of each number.

    Returns:
        Rows in the order of the launches.
    """
    rows = ["| | launches | warps | registers | shared, bytes | stack | STL + LDL | LDG, bytes | STG, bytes |"]
    rows.append("|---" * 9 + "|")
    groups: dict[str, list[Compiled]] = defaultdict(list)
    for one in compiled:
        groups[of(one)].append(one)
    for name, group in groups.items():
        sides = [[one for one in group if one.architecture == architecture] for architecture in ARCHITECTURES]
        numbers = ("registers", "shared", "stack", "spills")
        cells = [" / ".join(_span(getattr(one, column) for one in side) for side in sides) for column in numbers]
        widths = [" / ".join(_all_widths(side, column) for side in sides) for column in ("loads", "stores")]
        rows.append(
            "| "
            + " | ".join(
                [name, str(len({one.name for one in group})), _span(one.warps for one in group), *cells, *widths]
            )
            + " |"
        )
    return "\n".join(rows)


def _span(numbers: Iterable[int]) -> str:
    found = sorted(set(numbers)) or ["-"]
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _all_widths(launches: list[Compiled], column: str) -> str:
    return " ".join(map(str, sorted({width for one in launches for width in getattr(one, column)})))


def write_pages(compiled: list[Compiled]) -> None:
    """Put the kernels of each op into the table of its page."""
    for page in KERNELS.glob("*/README.md"):
        of_op = [one for one in compiled if one.module.startswith(f"{page.parent.name}.")]
        before, after = page.read_text().split(BEGIN)[0], page.read_text().split(END)[1]
        page.write_text(f"{before}{BEGIN}\n{table(of_op, lambda one: f'`{one.kernel}`')}\n{END}{after}")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON list, an object a launch and architecture.")
@click.option("--in-turn", is_flag=True, help="Each launch for one architecture, the next one for the next.")
@click.option("--write", is_flag=True, help="Put a table of its kernels into each op's README.md.")
def main(files: tuple[Path, ...], as_json: bool, in_turn: bool, write: bool) -> None:
    """Compile what FILES ship (default: every kernel of gsdd) for sm_80, sm_90 and sm_100."""
    if os.environ.get("TRITON_INTERPRET") == "1":
        sys.exit("compiled.py: TRITON_INTERPRET=1 is set, so nothing can be compiled; unset it")
    if in_turn and write:
        sys.exit("compiled.py: the pages have all architectures; leave --in-turn out")
    compiled = compile_all([file.resolve() for file in files] or shipping_files(), in_turn)
    if as_json:
        print(json.dumps([asdict(one) for one in compiled]))
    elif write:
        write_pages(compiled)
    else:
        print(table(compiled, lambda one: f"{one.module}: {one.name}"))


if __name__ == "__main__":
    main()
