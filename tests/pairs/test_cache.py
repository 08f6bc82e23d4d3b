"""Each latent is decoded once, in the trainer's process; workers and later runs read."""

import fcntl
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pairs.counting import Counting
from pairs.readers import read_pair
from pairs.small_file import compact_generator, write_small_file

import gsdd
from gsdd.data.catalog import scan
from gsdd.errors import GsddError, OutputError
from gsdd.generators.generator import Generator
from gsdd.pairs.cache import PairCache
from gsdd.pairs.cache_file import CacheFile
from gsdd.data.degradation import low_resolution

CHUNK = 8


@pytest.fixture(scope="module")
def distilled(photos, tmp_path_factory):
    """60 pairs of 64x64: seven whole chunks and a half."""
    classes = len(scan(photos, min_size=64).classes)
    counts = [60 // classes + (number < 60 % classes) for number in range(classes)]
    return gsdd.open(write_small_file(tmp_path_factory.mktemp("cache") / "a.gsdd", photos, counts=counts))


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_all_pairs_are_those_of_the_file_each_decoded_once(distilled):
    generator = Counting()
    cache = PairCache(distilled, lambda: generator)
    hr = distilled.decode(compact_generator(), range(60))
    lr = low_resolution(hr, 4)
    for number in [59, 0, 30, *range(60)]:
        low, high = cache.pair(number)
        assert torch.equal(torch.from_numpy(low.copy()), lr[number])
        assert torch.equal(torch.from_numpy(high.copy()), hr[number])
    cache.complete()
    assert generator.calls == 8


def test_a_wanted_pair_comes_before_the_others(distilled):
    generator = Counting(seconds=0.2)
    cache = PairCache(distilled, lambda: generator)
    cache.pair(59)
    assert generator.calls < 8


def read(cache, number, answers):
    try:
        answers.put(int(cache.pair(number)[1].sum()))
    except GsddError as error:
        answers.put(str(error))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_waits_for_what_the_trainer_s_process_decodes(distilled, method):
    wanted = int(distilled.decode(compact_generator(), [59]).sum())
    cache = PairCache(distilled, lambda: Counting(seconds=0.3))
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    worker = context.Process(target=read_pair, args=(cache, 59, answers))
    worker.start()
    assert answers.get(timeout=60) == wanted
    worker.join()


def test_a_failure_is_told_to_workers_and_in_full_to_the_trainer(distilled):
    cache = PairCache(distilled, lambda: Counting(limit=3))
    with pytest.raises(GsddError, match=r"could not be decoded: .*the device ran out of memory"):
        cache.complete()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    worker = context.Process(target=read, args=(cache, 59, answers))
    worker.start()
    assert "decoding the latents failed in the trainer's process" in answers.get(timeout=60)
    worker.join()
    assert cache.pair(0)[1].any()


def test_a_worker_does_not_wait_for_a_killed_trainer(distilled, tmp_path):
    """It would stay for ever and keep the memory."""
    code = """
import os, signal, sys
import gsdd
import gsdd.errors
from gsdd.pairs.cache import PairCache
from gsdd.pairs.cache_file import CacheFile
from pairs.counting import Counting
cache = PairCache(gsdd.open(sys.argv[1]), lambda: Counting(seconds=3.0))
worker = os.fork()
if not worker:
    try:
        cache.pair(59)
    except gsdd.errors.GsddError as error:
        open(sys.argv[2], "w").write(str(error))
    os._exit(0)
os.kill(os.getpid(), signal.SIGKILL)
"""
    said = tmp_path / "said"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code, distilled.path, said], env=environment, check=False, timeout=60)
    wait_for(said.exists)
    wait_for(lambda: "which decodes the latents, is gone" in said.read_text())


def test_a_folder_keeps_the_pairs_for_the_next_run(distilled, tmp_path):
    first = PairCache(distilled, lambda: Counting(), tmp_path / "cache", distilled.manifest.generator.fingerprint)
    first.complete()
    (kept,) = (tmp_path / "cache").iterdir()
    second = PairCache(distilled, never, tmp_path / "cache", distilled.manifest.generator.fingerprint)
    for number in (0, 31, 59):
        assert (first.pair(number)[1] == second.pair(number)[1]).all()
        assert (first.pair(number)[0] == second.pair(number)[0]).all()
    assert kept.stat().st_size == 60 * 3 * (64 * 64 + 16 * 16)


def never() -> Generator:
    raise AssertionError("the generator was loaded")


def test_other_latents_and_other_weights_have_files_of_their_own(distilled, tmp_path):
    generator = Counting()
    PairCache(distilled, lambda: generator, tmp_path).complete()
    other = replace(distilled, latents=distilled.latents.flip(0))
    PairCache(other, lambda: generator, tmp_path).complete()
    assert generator.calls == 16
    assert len(list(tmp_path.iterdir())) == 2


def test_an_unfinished_file_is_never_taken_and_goes_with_its_run(distilled, tmp_path):
    cache = PairCache(distilled, lambda: Counting(limit=2), tmp_path)
    with pytest.raises(GsddError):
        cache.complete()
    (part,) = tmp_path.iterdir()
    assert part.name.startswith(".")
    del cache
    assert not list(tmp_path.iterdir())


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_writes_is_not(distilled, tmp_path):
    fingerprint = compact_generator().fingerprint
    name = CacheFile.of(tmp_path, distilled, fingerprint, 0).name
    dead, living, foreign = (tmp_path / part for part in (f".{name}.1.part", f".{name}.2.part", ".theirs.3.part"))
    dead.write_bytes(b"half")
    foreign.write_bytes(b"whole")
    with living.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        PairCache(distilled, lambda: Counting(), tmp_path).complete()
    assert not dead.exists()
    assert living.exists()
    assert foreign.exists()


def test_a_full_disk_is_told_before_anything_is_decoded(distilled, tmp_path):
    """Memory on a file of a full disk would end the process by a signal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        generator = Counting()
        with pytest.raises(OutputError, match="decoded pairs cannot be kept: File too large"):
            PairCache(distilled, lambda: generator, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert generator.calls == 0
    assert not list(tmp_path.iterdir())


def test_two_datasets_may_fill_one_folder_at_once(distilled, tmp_path):
    first, second = (PairCache(distilled, lambda: Counting(seconds=0.05), tmp_path) for _ in range(2))
    first.complete()
    del second
    again = PairCache(distilled, never, tmp_path, distilled.manifest.generator.fingerprint)
    for number in range(60):
        assert first.pair(number)[1].any()
        assert (first.pair(number)[1] == again.pair(number)[1]).all()
    assert [path.suffix for path in tmp_path.iterdir()] == [".pairs"]


def test_kept_pairs_are_only_read(distilled, tmp_path):
    """They may lie where nothing can be written."""
    PairCache(distilled, lambda: Counting(), tmp_path).complete()
    kept = PairCache(distilled, never, tmp_path, distilled.manifest.generator.fingerprint)
    assert not kept.pair(0)[1].flags.writeable


def test_a_folder_that_is_a_file_is_told(distilled, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="file: cannot be read: Not a directory"):
        PairCache(distilled, lambda: Counting(), tmp_path / "file", "0" * 64)


def test_the_dataset_takes_the_folder(distilled, tmp_path):
    first = gsdd.DistilledPairs(distilled.path, cache=tmp_path, gt_size=32)
    first.complete()
    again = gsdd.DistilledPairs(distilled.path, cache=tmp_path, gt_size=32)
    assert torch.equal(first.item(17, 0)["gt"], again.item(17, 0)["gt"])
