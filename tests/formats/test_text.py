"""A stranger's text: one line, not too long, and nothing in it that steers a terminal or deceives who reads it."""

import ast
import json
from pathlib import Path

import pytest
from sample_file import forge, take_apart, write_sample

from gsdd.formats.text import escaped, harmless, shown

ROOT = Path(__file__).parents[2]
# A line feed, an escape sequence, changes of direction, no width, a byte that is no UTF-8, a blank letter, separators.
HOSTILE = "a\nb\x1b[2Jc\u202egnp.exe\u200b\u2066\udcff\u3164\u2028\u0085\ufeff"


def test_plain_text_of_any_language_is_left_as_it_is():
    for text in ("sky", "Gebäude", "天空", "سماء", "a b"):
        assert escaped(text) == shown(text) == harmless(text) == text


def test_what_steers_turns_or_hides_is_spelled_out():
    assert escaped(HOSTILE) == ("a\\u000ab\\u001b[2Jc\\u202egnp.exe\\u200b\\u2066\\xff\\u3164\\u2028\\u0085\\ufeff")
    assert escaped("a\\u000ab") != escaped("a\nb")
    assert harmless("one\ntwo\x1b[2J\u202e") == "one\ntwo\\u001b[2J\\u202e"


def test_a_long_text_is_cut():
    assert shown("x" * 1000, 20) == "x" * 17 + "..."
    assert len(shown("\u202e" * 1000)) == 120
    assert shown(["x"]) == "['x']"


@pytest.mark.parametrize(
    "words", [["info"], ["info", "{path}"], ["verify"], ["savings", "{source}"], ["info", "--json"]]
)
def test_no_command_lets_it_through(gsdd, tmp_path, source, words):
    manifest, tensors = take_apart(write_sample(tmp_path / "a.gsdd").read_bytes())
    nasty = "x\u202egnp\u200b\u2066"
    manifest["classes"][0]["name"] = nasty + "n" * 3000
    manifest["generator"].update(name=nasty, architecture=nasty, origin=nasty, licence=nasty + "\nfile  other")
    manifest["source"]["licence"] = manifest["privacy"] = nasty + "\nfile  other"
    manifest["recipe"] = {nasty: nasty, "lr": 1}
    path = tmp_path / "b.gsdd"
    path.write_bytes(forge(manifest, tensors))
    given = [word.format(path=path, source=source) for word in words]
    said = gsdd(given[0], *given[1:], path)
    for text in (said.out, said.err):
        assert all(character.isprintable() or character == "\n" for character in text)
        assert "\nfile  other" not in text
    if "--json" in words:
        assert json.loads(said.out)["classes"][0]["name"].startswith(nasty)
    else:
        assert len(said.out) < 12_000


def test_many_classes_take_lines_no_longer_than_a_terminal(gsdd, tmp_path):
    manifest, tensors = take_apart(write_sample(tmp_path / "a.gsdd").read_bytes())
    manifest["classes"][0]["name"] = "n" * 4000
    (tmp_path / "b.gsdd").write_bytes(forge(manifest, tensors))
    lines = gsdd("info", tmp_path / "b.gsdd").out.splitlines()
    assert [line for line in lines if "nnn" in line] == ["            " + "n" * 57 + "...       2"]


# What a manifest says in words that a stranger chose. `name` is such where it is of one of these.
# (The architecture of a network that was built is spandrel's word.)
FIELDS = {"architecture", "origin", "licence", "privacy"}
OWNERS = ("generator", "made_with", "reference", "expected", "manifest", "document")


def unshown(module: Path) -> list[str]:
    """The f-strings that show a field of a manifest as it is."""
    found = []
    for node in ast.walk(ast.parse(module.read_text())):
        if not isinstance(node, ast.FormattedValue) or not isinstance(node.value, ast.Attribute):
            continue
        owner = ast.unparse(node.value.value)
        # What is shown by `repr`, or stands in our own table of names.
        if node.conversion == ord("r") or owner.startswith("NAMED[") or owner == "found":
            continue
        if node.value.attr in FIELDS or (node.value.attr == "name" and owner.rpartition(".")[2] in OWNERS):
            found.append(f"{module.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node.value)}")
    return found


def test_every_field_of_a_manifest_is_shown_by_that_function():
    modules = [path for top in ("gsdd", "cli", "formats") for path in (ROOT / top).rglob("*.py")]
    assert [line for module in modules for line in unshown(module)] == []
