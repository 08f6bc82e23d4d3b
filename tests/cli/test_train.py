"""`gsdd train`: options, what is printed, and real processes that are killed."""

import contextlib
import json
import signal
import subprocess
import sys
import time

from killed.seen import contents

from gsdd.configuration import settings
from gsdd.students.recipe import TrainingRecipe

TINY = ["--size", "small", "--iterations", "4", "--batch", "2", "--crop", "32"]
LONG = ["--size", "small", "--iterations", "100", "--batch", "2", "--crop", "32", "--set", "run.checkpoint_seconds=0"]


def test_json_is_one_document_on_stdout(gsdd, source, tmp_path):
    words = ["train", source, "-o", tmp_path / "m.safetensors", *TINY, "--validation", source / "scene"]
    out, err = gsdd(*words, "--json")
    document = json.loads(out)
    assert (document["student"], document["steps"], document["pairs"]) == ("small", 4, 7)
    assert document["psnr_y"] > 15
    assert "training: " in err


def test_people_get_a_line(gsdd, source, tmp_path):
    words = ["train", source, "-o", tmp_path / "m.safetensors", *TINY, "--subset", 5, "--set", "run.subset_size=40"]
    out, _ = gsdd(*words)
    assert "small, " in out
    assert "4 steps on 5 pairs" in out


def test_every_setting_of_the_recipe_is_taken(gsdd, source, tmp_path):
    every = [f"{each.path}={each.value}" for each in settings(TrainingRecipe()) if each.value is not None]
    words = [word for text in every for word in ("--set", text)]
    target = tmp_path / "m.safetensors"
    assert gsdd("train", source, "-o", target, *words, *TINY, "--set", "beta1=0.5", "-q") == (f"{target}\n", "")
    assert json.loads(target.with_suffix(".json").read_text())["training"]["beta1"] == 0.5


def started(source, target):
    words = [sys.executable, "-m", "gsdd", "train", str(source), "-o", str(target), *LONG, "-q"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(checkpoint, process, other_than=frozenset()) -> None:
    """Until a checkpoint is there that is none of these; between two of them there may be none of that name."""
    while not written(checkpoint) - other_than:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def written(checkpoint) -> set[int]:
    with contextlib.suppress(FileNotFoundError):
        return {checkpoint.stat().st_mtime_ns}
    return set()


def test_killed_and_terminated_it_goes_on_to_the_same_bytes(gsdd, source, tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    gsdd("train", source, "-o", tmp_path / "whole" / "m.safetensors", *LONG, "-q")
    target = tmp_path / "parts" / "m.safetensors"
    checkpoint = target.with_name(".m.safetensors.checkpoint")
    killed = started(source, target)
    wait_for(checkpoint, killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not target.exists()
    before = written(checkpoint)
    ended = started(source, target)
    wait_for(checkpoint, ended, before)
    ended.send_signal(signal.SIGTERM)
    _, err = ended.communicate()
    assert ended.returncode == 130
    assert f"to continue: gsdd train {source} -o {target} " in err
    gsdd("train", source, "-o", target, *LONG, "-q")
    assert contents(target.parent) == contents(tmp_path / "whole")
