"""Import rules: data flows one way through the rooms, and `import gsdd` loads nothing heavy."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = [
    "data",
    "generators",
    "features",
    "distill",
    "pairs",
    "metrics",
    "students",
    "baselines",
    "study",
    "integrations",
]
BASE = {"errors", "option", "randomness"}
FOLDERS = {"kernels": ROOT / "kernels", "formats": ROOT / "formats", "cli": ROOT / "cli"} | {
    room: ROOT / "gsdd" / room for room in ROOMS
}
HEAVY = ["triton", "torchvision", "lpips", "h5py", "spandrel"]


def allowed(folder: str) -> set[str]:
    if folder in ("kernels", "formats"):
        return {"errors", folder}
    if folder == "cli":
        return {"*"}
    return BASE | {"kernels", "formats"} | set(ROOMS[: ROOMS.index(folder) + 1])


def imports(file: Path) -> set[str]:
    """The room of every gsdd module that a file imports, wherever in the file."""
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("gsdd.")}
    return rooms


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_room_imports_only_rooms_above_it(folder):
    for file in FOLDERS[folder].rglob("*.py"):
        beyond = imports(file) - allowed(folder)
        assert allowed(folder) == {"*"} or not beyond, f"{file} imports {beyond}"


def test_the_library_does_not_import_the_command_line():
    for file in [*(ROOT / "gsdd").rglob("*.py"), *(ROOT / "kernels").rglob("*.py"), *(ROOT / "formats").rglob("*.py")]:
        assert file.name == "__main__.py" or "cli" not in imports(file), file


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement", ["import gsdd", "import gsdd.cli.main", "from gsdd import compress, expand, open"]
)
def test_importing_gsdd_loads_nothing_heavy(statement):
    assert not loaded_by(statement) & set(HEAVY)


def test_every_package_on_disk_is_in_the_wheel():
    """A package that pyproject.toml forgets is silently absent from the wheel."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    on_disk = {"gsdd"}
    for top in ("gsdd", "kernels", "formats", "cli"):
        for init in (ROOT / top).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT).parts
            on_disk.add(".".join(parts if top == "gsdd" else ("gsdd", *parts)))
    assert on_disk == set(settings["packages"])


def test_every_data_file_on_disk_is_in_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    rooms = {package.removeprefix("gsdd."): names for package, names in settings.items() if package != "gsdd"}
    named = {FOLDERS[room] / name for room, names in rooms.items() for name in names}
    inside = {file for folder in FOLDERS.values() for file in folder.rglob("*.*") if "__pycache__" not in file.parts}
    assert named == {file for file in inside if file.suffix != ".py"}


def test_the_changelog_is_of_this_version():
    import gsdd

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version == gsdd.__version__
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_public_names_are_there_and_are_not_modules():
    import gsdd

    assert gsdd.__all__ == sorted(gsdd.__all__)
    assert all(callable(getattr(gsdd, name)) for name in gsdd.__all__)
