"""`gsdd compress` on a folder as people have them: each entry is used, converted, skipped or ignored, and named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from recipes import TINY, quick
from strange_photos import CONVERTED, IGNORED, SKIPPED, USED_AS_THEY_ARE, put, strange_class

from gsdd.formats.container import read

USED = len(USED_AS_THEY_ARE) + len(CONVERTED)
WORDS = quick(**TINY | {"ipc": USED})


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("people") / "photos"
    strange_class(root / "strange")
    return root


@pytest.fixture(scope="module")
def run(source):
    """The command in a process of its own, so that what C libraries print is seen too."""
    words = ["compress", str(source), "-o", str(source.parent / "out.gsdd"), *WORDS, "--json"]
    return subprocess.run([sys.executable, "-m", "gsdd.cli", *words], capture_output=True, text=True)


def below_strange(text: str) -> str:
    return text.removeprefix("strange: ").removeprefix("strange/")


def test_the_tables_of_this_test_account_for_every_entry_of_the_folder_once(source):
    names = [*USED_AS_THEY_ARE, *CONVERTED, *SKIPPED, *IGNORED]
    assert len(names) == len(set(names)) == len(list((source / "strange").iterdir())) > 40


def test_every_decision_is_in_the_report(run):
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert {below_strange(line) for line in report["conversions"]} == {f"{n}: {how}" for n, how in CONVERTED.items()}
    assert {below_strange(line) for line in report["skipped"]} == {f"{n}: {why}" for n, why in SKIPPED.items()}
    assert {below_strange(path): why for path, why in report["ignored"].items()} == IGNORED
    assert report["images"] == USED == report["latents"]


def test_every_decision_is_told_on_stderr_before_the_long_work_begins(run):
    lines = run.stderr.splitlines()
    for name, why in SKIPPED.items():
        assert f"skipped strange: strange/{name}: {why}" in lines
    for name, how in CONVERTED.items():
        assert f"converted strange/{name}: {how}" in lines
    (told,) = [line for line in lines if line.startswith("ignored ")]
    assert lines.index(told) < min(number for number, line in enumerate(lines) if line.startswith("inversion"))
    for reason in set(IGNORED.values()):
        assert f"{list(IGNORED.values()).count(reason)} ({reason})" in told


def test_the_counts_stand_in_the_file(run, source, gsdd):
    output = source.parent / "out.gsdd"
    summary = json.loads(gsdd("info", output, "--json").out)["source"]
    assert (summary["images"], summary["skipped"], summary["ignored"]) == (USED, len(SKIPPED), len(IGNORED))
    assert sorted(read(output).tensors["source_index"]) == list(range(USED))


def test_a_dry_run_decides_the_same_and_writes_nothing(run, source, gsdd, tmp_path):
    said = gsdd("compress", source, "-o", tmp_path / "out.gsdd", *WORDS, "--json", "--dry-run")
    planned, made = json.loads(said.out), json.loads(run.stdout)
    for name in ("images", "skipped", "ignored", "conversions", "latents", "classes"):
        assert planned[name] == made[name]
    assert not list(tmp_path.iterdir())


def test_the_first_bad_photo_is_one_line_where_bad_photos_fail(source, refused, tmp_path):
    line = refused("compress", source, "-o", tmp_path / "out.gsdd", *WORDS, "-q", "--on-bad-image", "fail")
    first = min(set(SKIPPED) - {"good_copy.png"})
    assert line.startswith(f"gsdd: {source}/strange/{first}: {SKIPPED[first]} (class strange); ")
    assert not list(tmp_path.iterdir())


def test_a_class_without_a_usable_photo_is_one_line_that_names_it(refused, tmp_path):
    put(tmp_path / "photos" / "sky" / "a.png")
    put(tmp_path / "photos" / "water" / "a.png", height=2)
    (tmp_path / "photos" / "water" / "b.png").write_bytes(b"")
    line = refused("compress", tmp_path / "photos", "-o", tmp_path / "out.gsdd", *WORDS, "-q")
    assert "class water" in line
    assert "water/a.png: too small: 48x2 pixels, wanted 32 a side; water/b.png: the file is empty" in line
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
