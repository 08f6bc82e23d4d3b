"""The example of a plain training loop: it learns, it is resumed to the same weights, and others open its model."""

import pytest
import torch
from safetensors.torch import load_file
from scripts import script

import gsdd
from gsdd.errors import GsddError

example = script("train_srresnet", "examples")
# The file has twelve pairs: two batches an epoch, and two pairs that are dropped.
SMALL = (
    "--channels", "8", "--blocks", "1", "--batch", "5", "--repeat", "1", "--gt-size", "48", "--lr", "1e-3",
    "--device", "cpu",
)  # fmt: skip


@pytest.fixture
def train(small_file, tmp_path, monkeypatch):
    """Train with these words, and stop after that step as Ctrl-C would."""

    def run(name, *words, stop_after=None):
        save = example.save_checkpoint

        def stopping(path, state):
            save(path, state)
            if state["step"] == stop_after:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(example, "save_checkpoint", stopping)
            example.main([str(small_file), "-o", str(tmp_path / name), *SMALL, *words])
        return load_file(tmp_path / name)

    return run


@pytest.mark.parametrize(
    ("schedule", "stop_after", "workers"), [("cosine", 4, "0"), ("cosine", 3, "2"), ("constant", 3, "0")]
)
def test_a_resumed_training_ends_with_the_same_weights(train, tmp_path, schedule, stop_after, workers, capsys):
    words = ("--steps", "7", "--checkpoint-every", "1", "--workers", workers, "--schedule", schedule)
    whole = train("whole.safetensors", *words)
    with pytest.raises(KeyboardInterrupt):
        train("resumed.safetensors", *words, stop_after=stop_after)
    assert (tmp_path / "resumed.checkpoint").exists()
    resumed = train("resumed.safetensors", *words)
    assert f"resumed after step {stop_after}" in capsys.readouterr().out
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not (tmp_path / "resumed.checkpoint").exists()


def test_it_learns_and_its_model_is_measured(train, tmp_path, source, capsys):
    train("m.safetensors", "--steps", "40", "--checkpoint-every", "10", "--workers", "2", "--test", str(source))
    said = capsys.readouterr().out
    losses = [float(line.split()[3]) for line in said.splitlines() if line.startswith("step ")]
    assert losses[-1] < losses[0]
    score = gsdd.evaluate(tmp_path / "m.safetensors", source, metrics=["psnr-y"], device="cpu").scores[0]
    assert f"PSNR-Y on 7 photos of {source}: {score.mean:.2f} dB" in said


def test_a_checkpoint_of_other_pairs_is_refused(train):
    words = ("--steps", "3", "--checkpoint-every", "1", "--workers", "0")
    with pytest.raises(KeyboardInterrupt):
        train("m.safetensors", *words, stop_after=1)
    with pytest.raises(GsddError, match="another training"):
        train("m.safetensors", *words, "--gt-size", "32")
