"""What is wrong in a file or a run is told, and never passed on as a result or met by a signal.

F2 a training that diverges; F12 files that are open elsewhere; A8 latents without an image; A9 pairs that were changed;
A10 HDF5 beyond the specification; A11 a file that is cut short while it is mapped.
"""

import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from faults.commands import PYTHON, TRAIN
from hdf5_forms import compact, replaced
from sample_file import behind_user_block, entry_of, forge, forge_hdf5, take_apart


def test_f2_a_training_that_diverges_stops_and_writes_nothing(command):
    done = command("train", "p", *TRAIN, "40", "--lr", "1e5", "-o", "n.safetensors", "-q")
    assert done.refused("the training diverged at step ", "lower --lr")
    assert not Path("n.safetensors").exists()
    assert not Path("n.json").exists()


HOLD = "import h5py, sys\nwith h5py.File('b.h5', 'r+'): print('held', flush=True); sys.stdin.read()"


@pytest.mark.parametrize("words", [["verify"], ["info"]])
def test_f12_a_file_that_is_open_for_writing_elsewhere_is_not_called_damaged(command, words):
    assert command("convert", "a.gsdd", "b.h5", "-q").did()
    with subprocess.Popen([PYTHON, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        done = command(*words, "b.h5")
        holder.communicate()
    assert done.refused("b.h5: is open for writing elsewhere", code=3)


def with_latents(value: float) -> None:
    """The file with latents in float32, the last of which is all one value."""
    manifest, tensors = take_apart(Path("a.gsdd").read_bytes())
    latents = np.full((3, 3, 8, 8), 0.5, np.float32)
    latents[2] = value
    manifest["codec"] = "fp32"
    for name in ("latents.scale", "latents.offset"):
        del manifest["tensors"][name], tensors[name]
    manifest["tensors"]["latents"], tensors["latents"] = entry_of(latents), latents.tobytes()
    Path("huge.gsdd").write_bytes(forge(manifest, tensors))


@pytest.mark.parametrize("value", [3e38, -1e30])
def test_a8_a_latent_far_from_any_image_is_refused_by_its_number(command, value):
    with_latents(value)
    assert command("verify", "huge.gsdd").refused("latent 2 ", code=3)


def test_a9_pairs_that_were_changed_in_a_kept_cache_are_decoded_again(command):
    words = ["train", "a.gsdd", *TRAIN, "2", "--cache", "kept", "-q", "-o"]
    assert command(*words, "a.safetensors").did()
    (kept,) = Path("kept").iterdir()
    sound = kept.read_bytes()
    kept.write_bytes(bytes(len(sound)))
    assert command(*words, "b.safetensors").did()
    assert kept.read_bytes() == sound
    assert Path("a.safetensors").read_bytes() == Path("b.safetensors").read_bytes()


# Pairs from a kept cache that is cut short meanwhile.
CUT_SHORT = """
import sys, time, gsdd
from pathlib import Path

pairs = gsdd.DistilledPairs("a.gsdd", cache="kept")
while not (found := [*Path("kept").glob("*.pairs")]):
    time.sleep(0.01)
pairs = gsdd.DistilledPairs("a.gsdd", cache="kept")
found[0].write_bytes(b"")
try:
    [pairs[number]["gt"].sum() for number in range(len(pairs))]
except gsdd.GsddError as error:
    sys.exit(str(error))
"""


def test_a11_pairs_that_are_cut_short_while_they_are_mapped_are_told(script):
    done = script(CUT_SHORT)
    assert done.code == 1, done
    assert "the decoded pairs were cut short; make the dataset anew" in done.err


def bits(file: h5py.File) -> None:
    data, kind = file["latents"][()], h5py.h5t.STD_B8LE.copy()
    del file["latents"]
    space = h5py.h5s.create_simple(data.shape)
    h5py.h5d.create(file.id, b"latents", kind, space).write(h5py.h5s.ALL, h5py.h5s.ALL, data, kind)


def region(file: h5py.File) -> None:
    file["latents"].attrs["where"] = file["latents"].regionref[:1]


BEYOND = {
    "compact": compact,
    "enum": lambda file: replaced(file, dtype=h5py.enum_dtype({"A": 0}, "u1")),
    "bits": bits,
    "attribute": lambda file: file["latents"].attrs.update(x="y"),
    "attribute-of-all": lambda file: file.attrs.update(x="y"),
    "region": region,
}


@pytest.mark.parametrize("change", BEYOND.values(), ids=BEYOND)
def test_a10_hdf5_beyond_the_specification_is_refused(command, change):
    Path("x.h5").write_bytes(forge_hdf5(*take_apart(Path("a.gsdd").read_bytes()), change))
    assert command("verify", "x.h5").refused("x.h5: ", code=3)


def test_a10_bytes_behind_the_end_are_refused(command):
    data = forge_hdf5(*take_apart(Path("a.gsdd").read_bytes()))
    Path("x.h5").write_bytes(data)
    assert command("verify", "x.h5").did()
    Path("x.h5").write_bytes(behind_user_block(data[512:] + b"trailing"))
    assert command("verify", "x.h5").refused("x.h5: ", "ends after", code=3)
