"""`gsdd compress` parses, calls and prints."""

import json
import re
import time

import click
import pytest
from recipes import TINY, quick

from gsdd import open as open_file
from gsdd.cli.compress import Duration, _left_of, compress
from gsdd.formats.container import read

WORDS = quick(**TINY)


def test_json_is_one_document_on_stdout_and_the_rest_is_on_stderr(gsdd, source, target):
    out, err = gsdd("compress", source, "-o", target, *WORDS, "--json")
    document = json.loads(out)
    assert document["latents"] == len(open_file(target))
    assert document["bytes"] == target.stat().st_size
    assert "inversion" in err
    assert "matching" in err


def test_a_dry_run_tells_its_recipe(gsdd, source, target):
    out, _ = gsdd("compress", source, "-o", target, *WORDS, "--inversion-steps", 2, "--dry-run", "--json")
    assert json.loads(out)["recipe"]["inversion_steps"] == 2


def test_a_dry_run_tells_people_what_a_run_costs(gsdd, source, target):
    first, *rows = gsdd("compress", source, "-o", target, *WORDS, "--dry-run").out.splitlines()
    assert first.startswith(f"{target} (not written): ")
    assert [row.split("  ")[1] for row in rows] == ["time, estimated", "peak memory, estimated", "checkpoint"]
    assert re.search(r"^  time, estimated +(\d+ min )?\d+ s: photos .*, inversion .*, matching .*", rows[0])
    assert rows[-1].split() == ["checkpoint", "none"]


@pytest.mark.parametrize(
    ("name", "words", "container"),
    [
        ("a.h5", [], "hdf5"),
        ("a.gsdd", [], "safetensors"),
        ("a.h5", ["--set", "storage.container=deflated"], "deflated"),
    ],
)
def test_the_suffix_chooses_the_container_unless_a_setting_does(gsdd, source, tmp_path, name, words, container):
    gsdd("compress", source, "-o", tmp_path / name, *WORDS, "-q", *words)
    assert read(tmp_path / name).container == container


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2h", 7200)])
def test_durations_are_read_as_people_write_them(text, seconds):
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5s", "1.5h", "5s10m"])
def test_other_durations_are_refused(refused, source, text):
    assert "'--time-budget'" in refused("compress", source, "--time-budget", text, code=2)


def test_a_time_budget_counts_from_the_start_of_the_process():
    with click.Context(compress, obj=time.monotonic() - 5):
        assert _left_of(20) == pytest.approx(15, abs=1)
        assert _left_of(None) is None
