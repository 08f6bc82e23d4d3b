"""A13: what was damaged on purpose, with right digests, is refused in one line, and never runs for ever."""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from faults.commands import SMALL
from safetensors import safe_open
from sample_file import forge, take_apart

from gsdd.formats.canonical import dumps
from gsdd.formats.safetensors_header import Placed, render

NAMES = {torch.float64: "F64", torch.int64: "I64", torch.float32: "F32", torch.int32: "I32", torch.bfloat16: "BF16"}
SHEET = ["info", "x.gsdd", "--contact-sheet", "s.png", "--source", "p"]
SOON = 15


def with_recipe(**values: object) -> None:
    manifest, tensors = take_apart(Path("a.gsdd").read_bytes())
    manifest["recipe"] |= values
    Path("x.gsdd").write_bytes(forge(manifest, tensors))


@pytest.mark.parametrize(
    "values",
    [
        {"feature_filters": 1 << 70},
        {"inversion_features": 1 << 70},
        {"inversion_features": 10**400},
        {"seed": None},
        {"later": 1},
    ],
    ids=lambda values: f"{next(iter(values))}={str(next(iter(values.values())))[:9]}",
)
def test_a13_a_recipe_of_other_values_is_refused_in_one_line(command, values):
    with_recipe(**values)
    done = command(*SHEET, "-q", seconds=SOON)
    assert done.code in (1, 2, 3), done
    assert done.err.count("\n") == 1 and done.err.startswith("gsdd: "), done
    assert not Path("s.png").exists()


@pytest.mark.parametrize("steps", [10**9, 10**30], ids=["1e9", "1e30"])
def test_a13_steps_without_end_are_not_repeated(command, steps):
    manifest, tensors = take_apart(Path("a.gsdd").read_bytes())
    manifest["recipe"]["inversion_steps"] = manifest["run"]["inversion_steps"] = steps
    Path("x.gsdd").write_bytes(forge(manifest, tensors))
    done = command(*SHEET, "-q", seconds=SOON)
    assert done.code in (1, 2, 3), done
    assert done.err.count("\n") == 1 and done.err.startswith("gsdd: "), done


def test_a13_feature_weights_whose_keys_are_no_text_are_refused(command):
    torch.save({1: torch.zeros(2), "conv1.weight": torch.zeros(64, 3, 7, 7)}, "w.pth")
    digest = "sha256 " + hashlib.sha256(Path("w.pth").read_bytes()).hexdigest()
    with_recipe(features="resnet18", feature_layers="layer1", feature_weights=digest)
    assert command(*SHEET, "--feature-weights", "w.pth", "-q").refused("w.pth: ", "names that are text", code=2)


@pytest.mark.parametrize(("place", "number"), [(4, 1), (16, 2)], ids=["disk of the list", "disks in all"])
def test_a13_an_archive_of_several_disks_is_refused(command, place, number):
    torch.save({"a": torch.ones(3)}, "x.pth")
    data = bytearray(Path("x.pth").read_bytes())
    struct.pack_into("<I", data, data.rfind(b"PK\6\7") + place, number)
    Path("x.pth").write_bytes(data)
    assert command("generators", "show", "x.pth").refused("x.pth: damaged", "multiple disks")


MARKERS = (
    '{"file": 1}',
    '{"file":"a","generator":5,"by_class":false,"image_format":"png"}',
    "[" * 9000,
    "\xff",
)


@pytest.mark.parametrize("text", MARKERS, ids=range(len(MARKERS)))
def test_a13_a_marker_that_is_none_of_ours_is_no_marker(command, tree, text):
    (tree / ".gsdd-expand.json").write_text(text, encoding="latin-1")
    assert command("expand", "a.gsdd", "-o", tree, "-q").refused("ex exists and holds other files")


# Ctrl-C as soon as there is a checkpoint.
INTERRUPTED = """
import os, runpy, signal, sys

sent = []

def hook(event, words):
    if event == "os.rename" and "checkpoint" in str(words[1]) and not sent:
        sent.append(os.kill(os.getpid(), signal.SIGINT))

sys.addaudithook(hook)
runpy.run_module("gsdd", run_name="__main__", alter_sys=True)
"""
COMPRESS = ["compress", "p", *SMALL, "--iterations", "1", "--inversion-steps", "3", "-o", "o.gsdd", "-q"]
CHECKPOINT = Path(".o.gsdd.checkpoint")


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, source, script) -> bytes:
    """The checkpoint of a run that was stopped."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "p").symlink_to(source)
    assert script(INTERRUPTED, *COMPRESS, folder=folder).code == 130
    return (folder / CHECKPOINT).read_bytes()


def drop_a_tensor(fields: dict, tensors: dict) -> None:
    del tensors[min(tensors)]


def shrink_a_tensor(fields: dict, tensors: dict) -> None:
    tensors[min(tensors)] = torch.zeros(1, dtype=torch.int32)


DAMAGE = {
    "other kind": lambda fields, tensors: fields.update(kind="Other"),
    "no kind": lambda fields, tensors: fields.pop("kind"),
    "no identity": lambda fields, tensors: fields.pop("identity"),
    "no facts": lambda fields, tensors: fields.update(facts=[]),
    "a tensor less": drop_a_tensor,
    "another tensor": shrink_a_tensor,
}


def with_right_digest(sound: bytes, change: Callable[[dict, dict], object]) -> None:
    """A checkpoint that was changed, laid out as gsdd does."""
    CHECKPOINT.write_bytes(sound)
    with safe_open(CHECKPOINT, framework="pt") as file:
        fields = json.loads(file.metadata()["gsdd_checkpoint"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del fields["digest"]
    change(fields, tensors)
    digest = hashlib.sha256(dumps(fields).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode() + tensor.numpy().tobytes())
    tensors = dict(sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])))
    placed = (Placed(name, NAMES[each.dtype], each.shape, each.nbytes) for name, each in tensors.items())
    header = render("gsdd_checkpoint", dumps({**fields, "digest": digest.hexdigest()}), placed)
    body = b"".join(tensor.numpy().tobytes() for tensor in tensors.values())
    CHECKPOINT.write_bytes(len(header).to_bytes(8, "little") + header + body)


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_a13_a_damaged_checkpoint_with_a_right_digest_is_refused(command, interrupted, change):
    with_right_digest(interrupted, change)
    assert command(*COMPRESS).refused(".o.gsdd.checkpoint: ", "--force")


def test_a13_and_a_sound_one_goes_on(command, interrupted):
    with_right_digest(interrupted, lambda fields, tensors: None)
    assert command(*COMPRESS).did()
