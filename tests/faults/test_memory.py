"""Memory: a small file of a stranger takes four times its bytes on disk and 300 MB at most, and nothing is waited for.

A1 one dataset under many names; A2 weights that claim more than they hold; A3 archives with two lists of entries;
A4 a stream of one huge latent; A5 URLs without an end; A6 sheets of many classes, and photos that are bombs; A7 devices
and pipes in the place of files.
"""

import gzip
import io
import os
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from http_server import serving
from sample_file import MANIFEST, entry_of, forge, forge_hdf5, take_apart
from strange_photos import put

from gsdd.formats import container as files
from gsdd.formats import dct_codec
from gsdd.formats.manifest import ManifestClass
from gsdd.students.named import build

MB = 1 << 20
SOON = 10


def test_a1_one_dataset_under_many_names_is_refused(command):
    manifest, tensors = take_apart(Path("a.gsdd").read_bytes())
    manifest["version"], large = "1.9", np.zeros(2 * MB, np.uint8)
    manifest["tensors"] |= {f"x{number}": entry_of(large) for number in range(600)}

    def links(file: h5py.File) -> None:
        file["x0"] = large
        for number in range(1, 600):
            file[f"x{number}"] = file["x0"]

    Path("x.h5").write_bytes(forge_hdf5(manifest, tensors, links))
    done = command("verify", "x.h5")
    assert done.refused("x.h5: ", code=3)
    assert done.within(Path("x.h5"))


def spread_out(path: Path) -> None:
    """A whole network, each of whose tensors is one number that is spread out."""
    shapes = {
        "0.weight": (2048, 3, 3, 3),
        "0.bias": (2048,),
        "1.weight": (2048,),
        "4.weight": (48, 2048, 3, 3),
        "4.bias": (48,),
    }
    shapes |= {"2.weight": (2048, 2048, 3, 3), "2.bias": (2048,), "3.weight": (2048,)}
    torch.save({f"body.{name}": torch.zeros(1).expand(*shape) for name, shape in shapes.items()}, path)


def absurdly_wide(path: Path) -> None:
    """A thin first layer tells spandrel how wide the others are, and one key how many there are."""
    thin = {"body.0.weight": torch.zeros(2048, 3, 3, 3, dtype=torch.float16), "body.0.bias": torch.zeros(2048)}
    deep = {f"body.{number}.weight": torch.zeros(1) for number in (1, 2, 4, 6, 8)}
    last = {"body.10.weight": torch.zeros(48, 1), "body.10.bias": torch.zeros(48)}
    torch.save({**thin, **deep, **last}, path)


def absurd_window(path: Path) -> None:
    """A SwinIR whose attention says that it looks at windows of 256 pixels a side."""
    weights = build("swinir", 0, size="small").state_dict()
    indices = {name: torch.zeros(1 << 16, 1, dtype=torch.uint8) for name in weights if "position_index" in name}
    torch.save({name: value for name, value in weights.items() if "attn_mask" not in name} | indices, path)


@pytest.mark.parametrize("make", [spread_out, absurdly_wide, absurd_window])
@pytest.mark.parametrize("words", [["generators", "show", "x.pth"], ["evaluate", "x.pth", "p", "--metrics", "psnr-y"]])
def test_a2_weights_that_ask_for_more_than_they_hold_are_refused(command, words, make):
    make(Path("x.pth"))
    done = command(*words)
    assert done.refused("x.pth: ")
    assert done.within(Path("x.pth"))


def archive(tensor: torch.Tensor, method: int) -> bytes:
    """Weights as torch saves them, perhaps deflated."""
    plain, made = io.BytesIO(), io.BytesIO()
    torch.save({"a": tensor}, plain)
    with zipfile.ZipFile(plain) as entries, zipfile.ZipFile(made, "w", method) as kept:
        for name in entries.namelist():
            kept.writestr(name, entries.read(name))
    return made.getvalue()


def with_two_lists(checked: bytes, other: bytes) -> bytes:
    """An archive whose list of entries is one by where it ends, as Python looks for it, and another by its offset."""
    (body, end), (other_body, _) = ((data[:-22], data[-22:]) for data in (checked, other))
    size, start = struct.unpack("<II", end[12:20])
    other_start = len(other_body) - size
    moved, place = bytearray(body), start
    while place < len(body):
        lengths = struct.unpack_from("<HHH", body, place + 28)
        (offset,) = struct.unpack_from("<I", body, place + 42)
        struct.pack_into("<I", moved, place + 42, offset - start + other_start)
        place += 46 + sum(lengths)
    return other_body + bytes(moved) + end[:16] + struct.pack("<I", other_start) + end[20:]


def test_a3_an_archive_of_two_lists_of_entries_is_what_was_checked(command):
    large, small = archive(torch.zeros(90 * MB), zipfile.ZIP_DEFLATED), archive(torch.ones(3), zipfile.ZIP_STORED)
    Path("x.pth").write_bytes(with_two_lists(small, large))
    done = command("generators", "show", "x.pth")
    assert done.refused("x.pth: ")
    assert done.within(Path("x.pth"))


def huge_latent(path: Path, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One flat latent of that side: a stream of a few bytes for each thousand of its values."""
    fitting = dct_codec.spectrum.fitting
    monkeypatch.setattr(dct_codec, "_MOST_OF_ONE", 1 << 40)
    # All codes are 0, which those of some blocks tell.
    monkeypatch.setattr(dct_codec, "_rounded", lambda steps: np.zeros(steps.shape, np.int16))
    monkeypatch.setattr(dct_codec.spectrum, "fitting", lambda codes: fitting(codes[..., :8]))
    manifest = replace(MANIFEST, codec="dct", hr_size=4 * side, classes=(ManifestClass("sky", 1),))
    flat, signature = np.full(manifest.latent_shape, 0.5, np.float32), np.zeros(manifest.signature_shape, np.uint8)
    files.write(path, manifest, files.Arrays(flat, np.zeros(1, np.int32), signature))


def test_a4_a_stream_of_one_huge_latent_is_refused_by_its_declared_size(command, monkeypatch):
    huge_latent(Path("x.gsdd"), 2000, monkeypatch)
    done = command("verify", "x.gsdd")
    assert done.refused("x.gsdd: ", code=3)
    assert done.within(Path("x.gsdd"))


# The commands took no URLs once; this did.
OPEN = "import gsdd, sys\ntry: gsdd.open(sys.argv[1])\nexcept gsdd.errors.GsddError as error: sys.exit(str(error))"


@pytest.mark.parametrize(
    ("how", "told"), [("going_on", "header calls for"), ("zipped", "Content-Encoding 'gzip'")], ids=["endless", "gzip"]
)
def test_a5_a_url_that_never_ends_or_is_packed_is_given_up(script, how, told):
    Path("packed").write_bytes(gzip.compress(bytes(400 * MB), 1))
    with serving(Path("packed" if how == "zipped" else "a.gsdd").resolve()) as server:
        done = script(OPEN, server.url(how), seconds=SOON)
    assert (done.code, told in done.err) == (1, True), done
    assert done.peak < 300 * MB


def many_classes(count: int) -> None:
    """The file with its first latent in each of so many classes."""
    manifest, tensors = take_apart(Path("a.gsdd").read_bytes())
    manifest["classes"] = [{"name": f"class {number}", "latents": 1} for number in range(count)]
    manifest["recipe"].pop("crops", None)
    manifest["run"] = {"inversion_steps": 1, "iterations": 0}
    arrays = {"class_index": np.arange(count, dtype=np.int32), "source_index": np.zeros(count, np.int32)}
    for name, entry in manifest["tensors"].items():
        first = np.frombuffer(tensors[name], entry_dtype(entry)).reshape(entry["shape"])[:1]
        array = arrays.get(name, first.repeat(count, axis=0))
        manifest["tensors"][name], tensors[name] = entry_of(array), array.tobytes()
    Path("many.gsdd").write_bytes(forge(manifest, tensors))


def entry_dtype(entry: dict) -> str:
    return {"F32": "<f4", "I32": "<i4", "F16": "<f2", "U8": "u1"}[entry["dtype"]]


def test_a6_a_sheet_of_many_classes_is_bounded(command):
    many_classes(3000)
    assert command("verify", "many.gsdd").did()
    done = command("info", "many.gsdd", "--contact-sheet", "sheet.png", "--per-class", "64")
    assert done.did()
    assert done.within(Path("many.gsdd"), Path("sheet.png"))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flat_png(path: Path, side: int) -> None:
    """A PNG of one colour of that side: a thousandth of a byte a pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = zlib.compressobj(1)
    rows = b"".join(packed.compress(bytes(1 + 3 * side)) for _ in range(side)) + packed.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [chunk(*each) for each in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def test_a6_photos_that_are_bombs_below_pillows_limit_are_skipped(command):
    for number in range(2):
        flat_png(Path(f"q/sky/{number}.png"), 9000 + number)
    Path("q/sky/a.png").write_bytes(next(Path("p/animal").iterdir()).read_bytes())
    done = command("coreset", "q", "--ipc", "1", "--method", "random", "--hr-size", "32", "-o", "c.csv")
    assert done.did("sky/0.png: 9000x9000 pixels in ")
    assert done.within(Path("q/sky/0.png"), Path("q/sky/1.png"))


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir], ids=["pipe", "device", "folder"]
)
def test_a7_a_marker_that_is_no_file_is_not_read(command, tree, make):
    marker = tree / ".gsdd-expand.json"
    marker.unlink()
    make(marker)
    done = command("expand", "a.gsdd", "-o", tree, "-q", seconds=4)
    assert done.refused("ex exists and holds other files")


@pytest.mark.parametrize("name", [".b.h5.12.part", ".b.h5.gsdd-0123456789abcdef.part"])
def test_a7_a_pipe_that_is_named_like_a_left_over_is_not_waited_for(command, name):
    os.mkfifo(name)
    assert command("convert", "a.gsdd", "b.h5", "-q", seconds=SOON).did()
    assert Path(name).exists()


# When the first photo is opened, the last one becomes a pipe.
REPLACED = """
import os, runpy, sys

def hook(event, words):
    if event == "open" and str(words[0]).endswith("0.png") and os.path.isfile("q/sky/7.png"):
        os.unlink("q/sky/7.png")
        os.mkfifo("q/sky/7.png")

sys.addaudithook(hook)
runpy.run_module("gsdd", run_name="__main__", alter_sys=True)
"""


def test_a7_a_photo_that_becomes_a_pipe_is_not_waited_for(script):
    for number in range(8):
        put(Path(f"q/sky/{number}.png"), number)
    words = ["coreset", "q", "--ipc", "1", "--method", "random", "--hr-size", "32", "-o", "c.csv"]
    assert script(REPLACED, *words, seconds=SOON).did("skipped sky: sky/7.png: is a pipe or a device, not a file")
