"""What a message tells to install is a package that pyproject.toml asks for: gsdd itself is on no index."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
HINT = re.compile(r"pip install ((?:[a-z][\w-]+ ?)+)")
SOURCES = [path for top in ("gsdd", "formats", "cli") for path in (ROOT / top).rglob("*.py")]


def test_only_packages_of_the_project_are_told_to_be_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    wanted = {re.match(r"[\w-]+", need)[0] for need in needs} - {"gsdd"}
    told = {name for path in SOURCES for hint in HINT.findall(path.read_text()) for name in hint.split()}
    assert {"scipy", "lpips", "matplotlib", "scikit-learn", "scikit-image"} <= told <= wanted


def test_no_message_tells_to_install_an_extra():
    assert [path for path in SOURCES if "gsdd[" in path.read_text()] == []
