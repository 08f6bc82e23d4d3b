"""Each latent is decoded once, when a cache is made; workers and later runs map the file."""

import multiprocessing
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from heard import Heard
from pairs import readers
from pairs.counting import Counting, Watched
from pairs.small_file import compact_generator, write_pairs

import gsdd
import gsdd.errors
from gsdd.data.degradation import low_resolution
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import Interrupted, OutputError
from gsdd.formats.atomic import begin_unfinished
from gsdd.pairs.cache import PairCache

METHODS = ("fork", "spawn", "forkserver")


@pytest.fixture(scope="module")
def latents(photos, tmp_path_factory):
    """60 pairs of 64x64: seven whole chunks and a half."""
    return read_latents(write_pairs(tmp_path_factory.mktemp("cache") / "a.gsdd", photos, 60))


def holding(latents, values):
    """The same file with other latents, all of one class."""
    classes = (replace(latents.manifest.classes[0], latents=len(values)),)
    manifest = replace(latents.manifest, codec="fp32", classes=classes)
    document = replace(latents.contents.document, manifest=manifest)
    contents = replace(latents.contents, document=document, tensors={"latents": values.numpy()})
    index = torch.zeros(len(values), dtype=torch.int64)
    return replace(latents, manifest=manifest, contents=contents, class_index=index)


def filled(latents, folder, **generator):
    return PairCache([latents], Watched(Counting(**generator)), folder)


def test_all_pairs_are_those_of_the_file_each_decoded_once(latents):
    generator = Counting()
    cache = PairCache([latents], Watched(generator))
    hr = latents.decode(compact_generator(), range(60))
    lr = low_resolution(hr, 4)
    assert generator.calls == 8
    for number in [59, 0, 30, *range(60)]:
        low, high = cache.pair(number)
        assert torch.equal(torch.from_numpy(low.copy()), lr[number])
        assert torch.equal(torch.from_numpy(high.copy()), hr[number])
    assert generator.calls == 8


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_reads_what_the_trainer_s_process_decoded(latents, method):
    wanted = int(latents.decode(compact_generator(), [59]).sum())
    cache = filled(latents, None)
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    worker = context.Process(target=readers.read_pair, args=(cache, 59, answers))
    worker.start()
    assert answers.get(timeout=60) == wanted
    worker.join()
    assert cache.pair(59)[1].sum() == wanted


def test_what_comes_back_from_a_worker_finds_the_file_that_is_open_here(latents, tmp_path):
    """A batch names its pairs; a new mapping for each batch would cost more than its pixels."""
    cache = filled(latents, tmp_path)
    file, number = pickle.loads(pickle.dumps(cache.place(59)))
    assert file is cache.place(59)[0]
    assert number == 59


def test_the_monitor_hears_how_many_pairs_of_all_files_are_decoded(latents, tmp_path):
    shorter = holding(latents, latents.latents[:12].flip(0))
    filled(latents, tmp_path)
    heard = Heard()
    cache = PairCache([shorter, latents, shorter], Watched(Counting(), heard), tmp_path)
    assert heard.stages == [("decode", 8, 84), ("decode", 12, 84)]
    assert len(cache) == 84
    for number in range(12):
        assert (cache.pair(72 + number)[1] == cache.pair(number)[1]).all()


def test_the_monitor_may_stop_it_and_nothing_is_left(latents, tmp_path):
    with pytest.raises(Interrupted, match="interrupted after 16 of 60 pairs"):
        PairCache([latents], Watched(Counting(), Heard(lambda asked: asked == 2)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_keeps_the_pairs_for_the_next_run(latents, tmp_path):
    first = filled(latents, tmp_path / "new" / "cache")
    (kept,) = (tmp_path / "new" / "cache").iterdir()
    second = PairCache([latents], Watched(), tmp_path / "new" / "cache")
    for number in (0, 31, 59):
        assert (first.pair(number)[1] == second.pair(number)[1]).all()
        assert (first.pair(number)[0] == second.pair(number)[0]).all()
    # And a digest behind them.
    assert kept.stat().st_size == 60 * 3 * (64 * 64 + 16 * 16) + 32


def test_a_generator_that_was_asked_for_is_loaded_all_the_same(latents, tmp_path):
    filled(latents, tmp_path)
    decoder = Watched()
    decoder.generator = "another"
    with pytest.raises(AssertionError, match="a generator was loaded"):
        PairCache([latents], decoder, tmp_path)


def test_other_latents_and_other_weights_have_files_of_their_own(latents, tmp_path):
    generator = Counting()
    other = holding(latents, latents.latents.flip(0))
    PairCache([latents, other], Watched(generator), tmp_path)
    assert generator.calls == 16
    assert len(list(tmp_path.iterdir())) == 2
    made_with = replace(latents.manifest.generator, fingerprint=Other.fingerprint)
    other = replace(latents, manifest=replace(latents.manifest, generator=made_with))
    PairCache([other], Watched(Other()), tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


class Other(Counting):
    fingerprint = "0" * 64


@pytest.mark.parametrize("kept", [True, False])
def test_a_failure_is_told_and_leaves_nothing(latents, tmp_path, monkeypatch, kept):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RuntimeError, match="the device ran out of memory"):
        filled(latents, tmp_path if kept else None, limit=2)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_whole_is_never_taken(latents, tmp_path):
    filled(latents, tmp_path)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1])
    filled(latents, tmp_path)
    assert kept.read_bytes() == whole


def test_a_run_killed_while_it_decodes_leaves_nothing_that_is_taken(latents, tmp_path):
    command = [sys.executable, "-m", "pairs.readers", latents.path, tmp_path]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1]) as run:
        while not any(part.stat().st_size for part in tmp_path.iterdir()):
            assert run.poll() is None
            time.sleep(0.01)
        time.sleep(0.5)
        run.send_signal(signal.SIGKILL)
    (part,) = tmp_path.iterdir()
    assert part.name.startswith(".")
    generator = Counting()
    PairCache([latents], Watched(generator), tmp_path)
    assert generator.calls == 8
    assert [path.suffix for path in tmp_path.iterdir()] == [".pairs"]


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_writes_is_not(latents, tmp_path):
    filled(latents, tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.unlink()
    dead, foreign = (
        tmp_path / f".{kept.name}.gsdd-0123456789abcdef.part",
        tmp_path / ".theirs.gsdd-0123456789abcdef.part",
    )
    dead.write_bytes(b"half")
    foreign.write_bytes(b"whole")
    descriptor, living = begin_unfinished(kept)
    filled(latents, tmp_path)
    os.close(descriptor)
    assert not dead.exists()
    assert living.exists()
    assert foreign.exists()


def test_a_full_disk_is_told_before_anything_is_decoded(latents, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        generator = Counting()
        with pytest.raises(OutputError, match=r"no room for 1 MB of decoded pairs \(File too large\); make room"):
            PairCache([latents], Watched(generator), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert generator.calls == 0
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_where_no_room_can_be_set_aside(latents, tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=782_000))
    with pytest.raises(OutputError, match="No space left on device"):
        filled(latents, tmp_path, limit=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=784_000))
    assert len(filled(latents, tmp_path)) == 60


def test_two_runs_may_fill_one_folder_at_once(latents, tmp_path):
    with ThreadPoolExecutor() as runs:
        caches = [*runs.map(lambda _: filled(latents, tmp_path, seconds=0.05), range(2))]
    caches.append(PairCache([latents], Watched(), tmp_path))
    for number in range(60):
        first, second, again = (cache.pair(number)[1] for cache in caches)
        assert first.any()
        assert (first == second).all()
        assert (first == again).all()
    assert [path.suffix for path in tmp_path.iterdir()] == [".pairs"]


def test_pairs_are_only_read(latents, tmp_path):
    """They may lie where nothing can be written."""
    for folder in (tmp_path, None):
        assert not filled(latents, folder).pair(0)[1].flags.writeable


def test_a_folder_that_is_a_file_is_told(latents, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="file: cannot be written: Not a directory"):
        filled(latents, tmp_path / "file")


def test_the_dataset_takes_the_folder(latents, tmp_path):
    first = gsdd.DistilledPairs(latents.path, cache=tmp_path, gt_size=32)
    again = gsdd.DistilledPairs(latents.path, cache=str(tmp_path), gt_size=32)
    assert len(list(tmp_path.iterdir())) == 1
    assert torch.equal(first.item(17, 0)["gt"], again.item(17, 0)["gt"])


def test_pairs_that_are_cut_short_while_they_are_mapped_are_named(latents, tmp_path):
    """To look at a page that is gone would end the process by SIGBUS."""
    cache = filled(latents, tmp_path)
    (kept,) = tmp_path.iterdir()
    os.truncate(kept, 5000)
    with pytest.raises(gsdd.errors.GsddError, match="the decoded pairs were cut short"):
        cache.pair(59)
    again = filled(latents, tmp_path)
    assert again.pair(59)[1].shape == (3, 64, 64)


def test_pairs_of_which_a_byte_was_changed_are_decoded_again(latents, tmp_path):
    wanted = [image.tobytes() for image in filled(latents, tmp_path).pair(7)]
    (kept,) = tmp_path.iterdir()
    data = bytearray(kept.read_bytes())
    data[7 * len(data) // 60 + 100] ^= 1
    kept.write_bytes(data)
    assert [image.tobytes() for image in filled(latents, tmp_path).pair(7)] == wanted
