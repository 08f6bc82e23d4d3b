"""The house: data flows one way through the rooms, each module has its place, `import gsdd` loads nothing heavy."""

import ast
import importlib
import inspect
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest

import gsdd

ROOT = Path(__file__).parents[1]
# In the order in which data flows: a room imports only rooms before it.
ROOMS = [
    "data", "networks", "parallel", "generators", "features", "metrics", "selection", "distill", "distilled", "run",
    "pairs", "inspect", "students", "study", "integrations",
]  # fmt: skip
# What the loose files of gsdd/ may import; everybody may import all but the last three.
LOOSE = {
    "errors": set(),
    "randomness": set(),
    "monitor": set(),
    "configuration": {"errors", "formats"},
    "recipe": {"errors", "configuration", "formats"},
    "api": {"*"},
    "__init__": {"*"},
    "__main__": {"cli"},
}
BASE = {"errors", "randomness", "monitor", "configuration", "recipe"}
OPS = ["augment", "class_statistics", "matching", "sign_activation"]
HEAVY = ["triton", "torchvision", "lpips", "h5py", "spandrel"]
MODULES = sorted(
    path for top in ("gsdd", "kernels", "formats", "cli") for path in (ROOT / top).rglob("*.py")
)  # fmt: skip


def name_of(module: Path) -> str:
    """The name by which a module is imported."""
    parts = module.relative_to(ROOT).with_suffix("").parts
    dotted = ".".join(parts if parts[0] == "gsdd" else ("gsdd", *parts))
    return dotted.removesuffix(".__init__")


def place_of(module: Path) -> str:
    """The room of a module, or its own name if it is loose in gsdd/."""
    parts = module.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "gsdd" else parts[0]


def allowed(place: str) -> set[str]:
    if place in ("kernels", "formats"):
        return {"errors", place}
    if place == "cli":
        return {"*"}
    if place in LOOSE:
        return LOOSE[place]
    return BASE | {"kernels", "formats"} | set(ROOMS[: ROOMS.index(place) + 1])


def imports(module: Path) -> set[str]:
    """The place of every gsdd module that a module imports, wherever in the module."""
    places = set()
    for node in ast.walk(ast.parse(module.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        places |= {name.split(".")[1] for name in names if name.startswith("gsdd.")}
    return places


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_imports_only_what_stands_before_it(module):
    may = allowed(place_of(module))
    assert may == {"*"} or imports(module) <= may, f"{module} imports {imports(module) - may}"


def test_the_library_does_not_import_the_command_line():
    assert [
        module for module in MODULES if place_of(module) not in ("cli", "__main__") and "cli" in imports(module)
    ] == []


def test_gsdd_holds_the_rooms_and_a_fixed_list_of_loose_files():
    entries = [entry for entry in (ROOT / "gsdd").iterdir() if entry.name not in ("__pycache__", "py.typed")]
    assert {entry.name for entry in entries if entry.is_dir()} == set(ROOMS)
    assert {entry.stem for entry in entries if entry.is_file()} == set(LOOSE)


def test_an_op_is_a_folder_with_its_page():
    for op in OPS:
        files = {entry.name for entry in (ROOT / "kernels" / op).iterdir()}
        assert {"__init__.py", "reference.py", "triton.py", "README.md"} <= files, op


def test_the_page_on_architecture_shows_the_rooms_in_their_order():
    page = (ROOT / "docs" / "architecture.md").read_text()
    places = [page.index(f"  {room}/") for room in ROOMS]
    assert places == sorted(places)


def functions(*tops: str) -> Iterator[tuple[str, FunctionType]]:
    """Every function and method that is written in these rooms; not what makes dataclasses."""
    for module in MODULES:
        if place_of(module) in tops:
            for name, value in vars(importlib.import_module(name_of(module))).items():
                if getattr(value, "__module__", None) != name_of(module):
                    continue
                members = vars(value).items() if inspect.isclass(value) else [(name, value)]
                for inner, member in members:
                    function = inspect.unwrap(getattr(member, "__func__", member))
                    if isinstance(function, FunctionType) and "<" not in function.__code__.co_filename:
                        yield f"{name_of(module)}.{name}.{inner}", function


def test_no_function_of_the_pipeline_has_more_than_six_parameters():
    long = {
        name: len(inspect.signature(function).parameters.keys() - {"self", "cls"})
        for name, function in functions("run", "distill")
    }
    assert len(long) > 150
    assert {name: count for name, count in long.items() if count > 6} == {}


def test_no_public_function_takes_keyword_arguments_without_names():
    def takes_any(function: FunctionType) -> bool:
        kinds = {each.kind for each in inspect.signature(function).parameters.values()}
        return inspect.Parameter.VAR_KEYWORD in kinds

    public = [getattr(gsdd, name) for name in gsdd.__all__]
    methods = [value for each in public if inspect.isclass(each) for name, value in inspect.getmembers(each)
               if inspect.isfunction(value) and not name.startswith("_")]  # fmt: skip
    assert not [each for each in [*public, *methods] if not inspect.isclass(each) and takes_any(each)]
    assert not [name for name, function in functions(*ROOMS) if not name.split(".")[-1].startswith("_")
                and takes_any(function)]  # fmt: skip


def test_compress_shows_its_six_stages_on_one_screen():
    source = inspect.getsource(gsdd.compress)
    assert len(source.splitlines()) <= 50
    stages = ["scan(", "choose(", "invert(", "match(", "fit(", "write("]
    places = [source.rindex(f" {stage}") for stage in stages]
    assert places == sorted(places)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import gsdd",
        "import gsdd.cli.main",
        "from gsdd import Recipe, compress, merge, open",
        "import " + ", ".join(f"gsdd.kernels.{op}" for op in OPS),
    ],
)
def test_importing_gsdd_loads_nothing_heavy(statement):
    assert not loaded_by(statement) & set(HEAVY)


def test_every_package_on_disk_is_in_the_wheel():
    """A package that pyproject.toml forgets is silently absent from the wheel."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    on_disk = {name_of(module) for module in MODULES if module.name == "__init__.py"}
    assert on_disk == set(settings["packages"])


def test_every_data_file_on_disk_is_in_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    named = {f"{package}/{name}" for package, names in settings.items() for name in names}
    inside = {
        f"{name_of(file.parent / '__init__.py')}/{file.name}"
        for top in ("gsdd", "kernels", "formats", "cli")
        for file in (ROOT / top).rglob("*.*")
        if file.suffix != ".py" and "__pycache__" not in file.parts
    }
    assert named == inside


def test_the_changelog_is_of_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version == gsdd.__version__
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_public_names_are_there_and_are_not_modules():
    assert gsdd.__all__ == sorted(gsdd.__all__)
    assert all(callable(getattr(gsdd, name)) for name in gsdd.__all__)
