"""A run that is asked to stop keeps what it reached, and the same call makes the file that it would have made."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from heard import Heard
from pairs.small_file import copy_photos
from recipes import SMALL, quick, run

from gsdd.cli.signals import StopOnSignal
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import Interrupted, OutputError
from gsdd.formats import container
from gsdd.monitor import Monitor
from gsdd.parallel.chunks import CHUNK

JOB = SMALL | {"inversion_steps": 3, "ipc": 3}
WORDS = [*quick(**JOB), "-q"]
TWO_CHUNKS, INVERSION, MATCHING = 2, 3, 2
STEPS = TWO_CHUNKS * INVERSION + MATCHING + TWO_CHUNKS


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """The bytes of an uninterrupted run."""
    target = tmp_path_factory.mktemp("whole") / "o.gsdd"
    run(source, target, **JOB)
    return target.read_bytes()


@pytest.fixture
def previous(target):
    return target.with_name(".o.gsdd.checkpoint.previous")


def compress(source, target, **options):
    return run(source, target, **(JOB | options))


def stopped(source, target, after, **options):
    """Run until it has asked `after` times whether to stop; give back what it told."""
    told = Heard(lambda asked: asked == after)
    with pytest.raises(Interrupted, match=r"\.o\.gsdd\.checkpoint"):
        compress(source, target, monitor=told, **options)
    return told.surprises


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("after", range(1, STEPS + 1))
def test_stopped_after_any_step_it_goes_on_to_the_same_bytes(source, target, checkpoint, previous, whole, after):
    stopped(source, target, after)
    assert names(target.parent) == [checkpoint.name, previous.name][:after]
    compress(source, target)
    assert names(target.parent) == ["o.gsdd"]
    assert target.read_bytes() == whole


def test_a_run_asks_after_every_step_and_no_more(source, target, whole):
    asked = []
    compress(source, target, monitor=Heard(lambda times: bool(asked.append(times))))
    assert (len(asked), target.read_bytes()) == (STEPS, whole)


def test_where_it_goes_on_is_told(source, target):
    told = Heard()
    compress(source, target, monitor=told)
    assert told.surprises == []
    target.unlink()
    stopped(source, target, TWO_CHUNKS * INVERSION - 1)
    assert stopped(source, target, 2) == [f"continuing the inversion from latent {CHUNK} on, at step 2 of 3"]
    compress(source, target, monitor=told)
    assert told.surprises == ["continuing the matching at step 1 of 2"]


def test_what_does_not_decide_the_latents_may_be_another(source, target, checkpoint, whole):
    stopped(source, target, 5)
    target.write_bytes(b"old")
    compress(source, target, time_budget=3600, container="hdf5", licence="CC0", device="cpu:0", force=True)
    assert not checkpoint.exists()
    container.convert(target, target.with_name("b.gsdd"), container="safetensors")
    made, plain = read_latents(target.with_name("b.gsdd")), target.with_name("plain.gsdd")
    plain.write_bytes(whole)
    assert made.latents.equal(read_latents(plain).latents)
    assert made.manifest.run == read_latents(plain).manifest.run
    assert made.manifest.source.licence == "CC0"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"lr": 0.25}, "lr: there 0.001, here 0.25"),
        ({"inversion_steps": 9, "dsa": "flip"}, "inversion_steps: there 3, here 9"),
        ({"ipc": {"animal": 2, "*": 3}}, "latents of class animal: there 3, here 2"),
        ({"generator": "realesrgan-x4plus-anime"}, r"generator \(sha256\): there '"),
    ],
)
def test_another_option_is_refused_by_name_and_the_checkpoint_stays(source, target, checkpoint, options, text):
    stopped(source, target, 5)
    kept = checkpoint.read_bytes()
    with pytest.raises(OutputError, match=text) as caught:
        compress(source, target, **options)
    assert str(checkpoint) in str(caught.value)
    assert "force=True" in str(caught.value)
    assert checkpoint.read_bytes() == kept
    assert not target.exists()


@pytest.mark.parametrize("damage", [lambda data: data, lambda data: data[:-9]])
def test_force_starts_anew_where_no_checkpoint_can_be_continued(source, target, checkpoint, previous, tmp_path, damage):
    stopped(source, target, 5)
    for path in (checkpoint, previous):
        path.write_bytes(damage(path.read_bytes()))
    compress(source, target, lr=0.25, force=True)
    assert names(target.parent) == [target.name]
    (tmp_path / "other").mkdir()
    compress(source, tmp_path / "other" / "o.gsdd", lr=0.25)
    assert target.read_bytes() == (tmp_path / "other" / "o.gsdd").read_bytes()


def test_other_photos_are_refused(source, target, tmp_path):
    photos = copy_photos(tmp_path / "mine" / "photos")
    stopped(photos, target, 5)
    next((photos / "animal").iterdir()).unlink()
    with pytest.raises(OutputError, match=r"photos \(sha256\): there '"):
        compress(photos, target)


DAMAGES = [lambda data: data[:-9], lambda data: data[:900] + b"?" + data[901:], lambda _: b""]


@pytest.mark.parametrize("damage", DAMAGES)
def test_where_the_newest_is_damaged_the_one_before_it_leads_to_the_same_bytes(
    source, target, checkpoint, whole, damage
):
    stopped(source, target, 5, checkpoint_seconds=0)
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    told = Heard()
    compress(source, target, monitor=told)
    assert told.surprises[0].startswith(f"{checkpoint}: the checkpoint cannot be continued: it is damaged")
    assert told.surprises[0].endswith("; the one before it is sound")
    assert told.surprises[1] == f"continuing the inversion from latent {CHUNK} on, at step 1 of 3"
    assert names(target.parent) == [target.name]
    assert target.read_bytes() == whole


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_checkpoints_are_one_line_that_says_what_to_do(source, target, checkpoint, previous, refused, damage):
    stopped(source, target, 5)
    for path in (checkpoint, previous):
        path.write_bytes(damage(path.read_bytes()))
    broken = checkpoint.read_bytes(), previous.read_bytes()
    line = refused("compress", source, "-o", target, *WORDS)
    assert line.startswith(f"gsdd: {checkpoint}: ")
    assert f"; {previous}: " in line
    assert line.count("it is damaged") == 2
    assert line.endswith("; --force starts anew\n")
    assert (checkpoint.read_bytes(), previous.read_bytes()) == broken


class Watches(Monitor):
    """Looks at the checkpoint at each report."""

    def __init__(self, checkpoint: Path) -> None:
        self.ages: list[int | None] = []
        self._checkpoint = checkpoint

    def progress(self, stage: str, done: int, total: int, loss: float | None = None, images: float = 0.0) -> None:
        self.ages.append(self._checkpoint.stat().st_mtime_ns if self._checkpoint.exists() else None)


def test_the_time_between_checkpoints_is_kept_after_the_first(source, target, checkpoint):
    for seconds, written in ((3600, 1), (0, STEPS - 1)):
        watches = Watches(checkpoint)
        compress(source, target, force=True, checkpoint_seconds=seconds, monitor=watches)
        assert watches.ages[0] is None
        assert len({age for age in watches.ages if age}) == written


def test_an_output_among_the_photos_is_refused_and_nothing_is_written_there(tmp_path, refused):
    photos = copy_photos(tmp_path / "photos")
    before = sorted(photos.rglob("*"))
    for target in (photos / "o.gsdd", photos / "animal" / "o.gsdd", tmp_path / "link" / "o.gsdd"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(photos / "animal")
        for more in ([], ["--dry-run"]):
            assert "only read from" in refused("compress", photos, "-o", target, *WORDS, *more)
    assert sorted(photos.rglob("*")) == before


@pytest.mark.parametrize("place", ["/proc/o.gsdd", "{file}/o.gsdd", "{folder}"])
def test_a_place_that_takes_no_files_is_one_line(source, tmp_path, refused, place):
    (tmp_path / "file").write_bytes(b"")
    refused("compress", source, "-o", place.format(file=tmp_path / "file", folder=tmp_path), *WORDS)
    assert names(tmp_path) == ["file"]


GSDD = Path(sys.executable).with_name("gsdd")


def interrupted(number: int, source: Path, target: Path) -> str:
    """Send a signal to a process that has written its first checkpoint; give back the command that continues."""
    checkpoint = target.with_name(f".{target.name}.checkpoint")
    command = [GSDD, "compress", source, "-o", target, *WORDS, "--inversion-steps", "60"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not checkpoint.exists():
        assert run.poll() is None
        time.sleep(0.002)
    run.send_signal(number)
    out, err = run.communicate()
    assert (run.returncode, out) == (130, ""), err
    assert names(target.parent) == [checkpoint.name, f"{checkpoint.name}.previous"]
    said, command = err.splitlines()[-2:]
    assert said == f"gsdd: interrupted; the state is saved in {checkpoint}"
    return command.removeprefix("to continue: ")


def test_ctrl_c_ends_with_130_and_a_command_that_a_shell_takes_to_finish_the_job(source, tmp_path):
    target = tmp_path / "out" / "it's mine.gsdd"
    target.parent.mkdir()
    command = interrupted(signal.SIGINT, source, target)
    subprocess.run(command, shell=True, check=True, capture_output=True, env=os.environ | {"PATH": str(GSDD.parent)})
    assert names(target.parent) == [target.name]
    run(source, tmp_path / "whole.gsdd", **JOB | {"inversion_steps": 60})
    assert target.read_bytes() == (tmp_path / "whole.gsdd").read_bytes()


def test_sigterm_ends_in_the_same_way(source, target):
    assert interrupted(signal.SIGTERM, source, target).startswith(f"gsdd compress {source} -o {target} ")


def test_ctrl_c_while_the_command_line_is_being_imported_ends_without_a_word():
    interrupts = "import os, signal, sys; sys.meta_path.insert(0, type('F', (), {'find_spec': lambda name, *_: "
    interrupts += "os.kill(os.getpid(), signal.SIGINT) if name == 'click' else None})); "
    run = "from gsdd.cli.entry import run; run()"
    done = subprocess.run([sys.executable, "-c", interrupts + run], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


class TestStopOnSignal:
    def test_before_anybody_asks_a_signal_ends_at_once(self):
        with StopOnSignal(), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)

    @pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
    def test_the_first_signal_is_a_request_and_with_the_second_the_kernel_ends_the_process(self, first, second):
        code = (
            "import signal; from gsdd.cli.signals import StopOnSignal\n"
            "with StopOnSignal() as signals:\n"
            f"    print(signals.stop()); signal.raise_signal({first:d}); print(signals.stop(), flush=True)\n"
            f"    signal.raise_signal({second:d}); print('lived', flush=True)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (-second, "False\nTrue\n", "")

    def test_handlers_are_put_back(self):
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        with StopOnSignal():
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] != before
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

    def test_a_signal_that_is_ignored_stays_ignored(self):
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with StopOnSignal() as signals:
                signal.raise_signal(signal.SIGINT)
                assert not signals.stop()
        finally:
            signal.signal(signal.SIGINT, before)
