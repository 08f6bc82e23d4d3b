"""`compress` in several real processes: the same bytes as in one, one voice, and an end that can be continued."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recipes import quick, words

import gsdd
from gsdd.run.checkpoint import read

SMALL = ["--device", "cpu", "-q", *quick(generator="realesr-animevideov3", real_batch=4,
         real_crops=8, feature_filters=32, checkpoint_seconds=0)]  # fmt: skip
# Nine latents in two chunks. At this size torch shares even the mean of one image out to threads, and the colors of
# a class of one latent take that mean.
WHOLE = [*SMALL, *words(hr_size=112, inversion_steps=1, iterations=1, ipc="animal=7,*=1", dsa="color", calibration=4)]
LONG = [*SMALL, *words(hr_size=32, inversion_steps=10, iterations=0, ipc=8)]
LOST = re.compile(
    r"gsdd: rank (\d) of (\d): another process of the run is gone or does not answer \(.*\); "
    r"the same command, with any number of processes, continues from the checkpoint"
)


@pytest.fixture(scope="module")
def long_bytes(ask, source, tmp_path_factory):
    """The bytes of an uninterrupted run in one process."""
    target = tmp_path_factory.mktemp("long") / "o.gsdd"
    done = ask("compress", source, "-o", target, *LONG)
    assert done == {"codes": [0], "text": f"{target}\n"}
    return target.read_bytes()


@pytest.mark.parametrize(
    ("features", "precision", "kinds"),
    [
        ("local-fourier", "fp32", [(1, 1), (2, 1), (3, 2)]),
        ("resnet18", "fp32", [(1, 1), (2, 2)]),
        ("resnet18", "bf16", [(1, 1), (3, 1), (2, 2)]),
        ("student", "fp32", [(1, 1), (2, 1), (1, 2)]),
    ],
)
def test_the_bytes_depend_neither_on_processes_nor_on_threads(ask, source, tmp_path, features, precision, kinds):
    made = set()
    for processes, threads in kinds:
        target = tmp_path / f"{processes}-{threads}.gsdd"
        kind = words(features=features, precision=precision, student_steps=2, checkpoints=2)
        done = ask("compress", source, "-o", target, *WHOLE, *kind, processes=processes, threads=threads)
        assert done == {"codes": [0] * processes, "text": f"{target}\n"}
        made.add(target.read_bytes())
    assert len(made) == 1


def test_smaller_chunks_give_work_to_more_processes(ask, source, tmp_path):
    """Nine latents are two chunks, of which three processes have no use; in chunks of three each has one."""
    made = set()
    for processes in (1, 3):
        target = tmp_path / f"{processes}.gsdd"
        done = ask("compress", source, "-o", target, *WHOLE, *words(chunk=3), processes=processes)
        assert done == {"codes": [0] * processes, "text": f"{target}\n"}
        made.add(target.read_bytes())
    assert len(made) == 1
    manifest = gsdd.open(target).manifest
    assert (manifest.recipe["chunk"], manifest.run["chunk"]) == (3, 3)
    loud = [word for word in WHOLE if word != "-q"]
    told = ask("compress", source, "-o", tmp_path / "o.gsdd", *loud, processes=3)["text"]
    assert (
        "matching moves 9 latents at once, 6 on one process: 1 of 3 processes wait; "
        "--set chunk=3 shares them out evenly" in told
    ), told


def test_clusters_depend_neither_on_processes_nor_on_threads(ask, source, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for photo in source.glob("*/*"):
        (flat / photo.name).symlink_to(photo)
    made = set()
    for processes, threads in ((1, 1), (2, 2)):
        target = tmp_path / f"{processes}-{threads}.gsdd"
        kind = words(hr_size=32, inversion_steps=1, iterations=1, ipc=2, classes="clusters:3")
        done = ask("compress", flat, "-o", target, *SMALL, *kind, processes=processes, threads=threads)
        assert done == {"codes": [0] * processes, "text": f"{target}\n"}
        made.add(target.read_bytes())
    assert len(made) == 1


def test_a_signal_is_one_checkpoint_which_more_processes_continue(ask, source, target, checkpoint, long_bytes):
    as_from_torchrun = (signal.SIGINT, signal.SIGINT, signal.SIGTERM)
    signals = [[rank, number] for rank in (0, 1) for number in as_from_torchrun]
    stopped = ask("compress", source, "-o", target, *LONG, processes=2, after=str(checkpoint), signals=signals)
    assert stopped["codes"] == [130, 130], stopped["text"]
    assert stopped["text"].count("interrupted; the state is saved in") == 1
    # Two chunks are under way; the third joins them from its start.
    assert len(read(checkpoint).state.adam.steps) == 2
    done = ask("compress", source, "-o", target, *LONG, processes=3)
    assert (done["codes"], list(target.parent.iterdir())) == ([0, 0, 0], [target]), done["text"]
    assert target.read_bytes() == long_bytes


def test_a_process_that_dies_ends_the_run_which_fewer_continue(ask, source, target, checkpoint, long_bytes):
    """Rank 0 at that: it is the one that writes and speaks."""
    signals = [[0, signal.SIGKILL]]
    killed = ask("compress", source, "-o", target, *LONG, processes=3, after=str(checkpoint), signals=signals)
    assert killed["codes"] == [-signal.SIGKILL, 1, 1]
    assert LOST.fullmatch(killed["text"].strip()), killed["text"]
    done = ask("compress", source, "-o", target, *LONG, processes=2)
    assert done == {"codes": [0, 0], "text": f"{target}\n"}
    assert target.read_bytes() == long_bytes


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["/nowhere", "-o", "/tmp/never.gsdd"], 1),
        (["{source}", "-o", "{source}/o.gsdd"], 1),
        (["{source}", "--ipc"], 2),
    ],
)
def test_what_all_processes_refuse_is_told_once(ask, source, words, code):
    done = ask("compress", *(word.format(source=source) for word in words), processes=2)
    assert done["codes"] == [code, code]
    assert done["text"].startswith("gsdd: ")
    assert done["text"].count("\n") == 1


def test_torchrun_ends_where_a_process_is_killed_and_one_process_continues(ask, source, target, checkpoint, long_bytes):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "gsdd"]
    words = ["compress", source, "-o", target, *LONG]
    run = subprocess.Popen(
        [*torchrun, *words], stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    while not checkpoint.exists():
        assert run.poll() is None
        time.sleep(0.01)
    worker = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()[1]
    os.kill(int(worker), signal.SIGKILL)
    _, told = run.communicate()
    assert run.returncode == 1
    assert any(LOST.fullmatch(line) for line in told.splitlines()), told
    done = ask(*words)
    assert done == {"codes": [0], "text": f"{target}\n"}
    assert target.read_bytes() == long_bytes
