"""`gsdd card`, as a user types it."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("desk")


def test_it_writes_the_card_and_pictures(gsdd):
    assert gsdd("card", "small.gsdd").out == "README.md, and 3 pictures\n"
    assert Path("README.md").read_text().startswith('---\npretty_name: "small"\n')
    assert len(list(Path("previews").iterdir())) == 3


def test_json_and_quiet(gsdd):
    assert json.loads(gsdd("card", "small.gsdd", "-o", "a.md", "--previews", "0", "--json").out) == {
        "path": "a.md",
        "previews": [],
    }
    assert gsdd("card", "small.gsdd", "-o", "b.md", "--previews", "0", "-q").out == "b.md\n"


def test_what_is_there_stays(gsdd, refused):
    Path("README.md").write_text("mine")
    assert "README.md: exists already; --force replaces it" in refused("card", "small.gsdd")
    assert Path("README.md").read_text() == "mine"
