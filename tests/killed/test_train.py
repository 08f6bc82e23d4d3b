"""SIGKILL of real `train` processes while a file is being written: the same command goes on to the same files."""

import itertools
import time

import pytest
from killed.seen import contents, kills_at_random

OPTIONS = ["--size", "small", "--iterations", "4", "--batch", "2", "--crop", "32", "-q"]
OPTIONS += ["--set", "run.validate_every=2", "--set", "run.checkpoint_seconds=0"]


@pytest.fixture
def train(ask, source):
    def run(folder, **how) -> dict:
        folder.mkdir(exist_ok=True)
        return ask("train", source, "-o", folder / "m.safetensors", "--validation", source / "scene", *OPTIONS, **how)

    return run


@pytest.mark.parametrize(
    ("path", "nth"),
    [
        (r"\.checkpoint\.gsdd-\w+\.part$", 1),
        (r"\.checkpoint\.gsdd-\w+\.part$", 3),
        (r"-validation/.*\.part$", 2),
        (r"/\.m\.json\.gsdd-\w+\.part$", 1),
        (r"/\.m\.png\.gsdd-\w+\.part$", 1),
    ],
    ids=["the first checkpoint", "a later one", "a picture", "the log", "the curve"],
)
def test_when_a_file_is_written_and_has_no_name_yet(train, tmp_path, path, nth):
    assert train(tmp_path / "whole")["code"] == 0
    killed = train(tmp_path / "killed", event="os.rename", path=path, nth=nth)
    assert killed["code"] == -9, killed["text"]
    left = [name for name in contents(tmp_path / "killed") if name.endswith(".part")]
    assert len(left) == 1
    assert train(tmp_path / "killed")["code"] == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_at_random_times(train, tmp_path):
    began = time.monotonic()
    assert train(tmp_path / "whole")["code"] == 0
    duration, folders, used = time.monotonic() - began, map(tmp_path.joinpath, map(str, itertools.count())), []

    def begun(**how) -> dict:
        used.append(next(folders))
        return train(used[-1], **how)

    for _ in kills_at_random(begun, duration):
        # The model is written last: where it is there, only a checkpoint may be left over.
        assert train(used[-1])["code"] == 0 or (used[-1] / "m.safetensors").exists()
        seen = contents(used[-1])
        assert {name: data for name, data in seen.items() if ".checkpoint" not in name} == contents(tmp_path / "whole")
