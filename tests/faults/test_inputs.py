"""Photos, folders and downloads as people have them: used right, or refused by name, and never taken for another thing.

F1 16-bit TIFF of which 0 is white; F5 what a volume's root holds; F6 photos that Pillow cannot decode; F9 colour tags;
F10 infinite scores; F11 downloads that are no files; F15 names in any locale.
"""

import csv
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from faults.commands import ended, started
from PIL import Image
from strange_photos import put

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(200)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"
PAGE = b"<!DOCTYPE html><html><title>Sign in</title></html>" + b" " * 90
CORESET = ["--ipc", "1", "--method", "random", "--hr-size", "32"]
EVALUATE = ["evaluate", "bicubic", "q", "--metrics", "psnr-y"]
# Root is kept out of folders as others are, once it has laid down its capabilities.
AS_OTHERS = """
import ctypes, os, runpy

if os.geteuid() == 0:
    assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
runpy.run_module("gsdd", run_name="__main__", alter_sys=True)
"""


def grey(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (32, 32)).astype(np.uint16) * 257


def test_f1_sixteen_bits_of_which_0_is_white_are_the_picture_that_was_meant(command):
    for name, levels, white in (("black", grey(0), {}), ("white", 65535 - grey(0), {"tiffinfo": {262: 0}})):
        Path("q", name).mkdir(parents=True)
        Image.fromarray(levels).save(Path("q", name, "w.tif"), **white)
    assert command("coreset", "q", *CORESET, "-o", "c").did()
    crops = [np.asarray(Image.open(path).convert("L")) for path in sorted(Path("c").rglob("*.png"))]
    assert len(crops) == 2
    assert all(np.array_equal(crop, grey(0) // 257) for crop in crops)


@pytest.mark.parametrize("name", ["lost+found", "System Volume Information"])
def test_f5_a_folder_of_the_system_that_nobody_may_enter_is_passed_over(script, desk, name):
    put(desk / "q" / "sky" / "a.png")
    (desk / "q" / name).mkdir(mode=0)
    done = script(AS_OTHERS, "coreset", "q", *CORESET, "-o", "c")
    assert done.did("ignored 1 (a system folder)")
    assert len([*Path("c").rglob("*.png")]) == 1


def test_f5_nor_is_it_looked_into_for_the_folder_that_was_meant(script, desk):
    put(desk / "q" / "set" / "sky" / "a.png")
    (desk / "q" / "lost+found").mkdir(mode=0)
    assert script(AS_OTHERS, "coreset", "q", *CORESET, "-o", "c", "-q").refused("give q/set, which holds class folders")


@pytest.fixture
def undecoded(desk) -> Path:
    """A class of a photo, and of what is one to people alone."""
    put(desk / "q" / "sky" / "a.png")
    for name, data in (("b.heic", HEIC), ("c.jxl", b"\xff\x0a" + bytes(90)), ("d.cr2", b"II*\0"), ("e.mp4", b"\0" * 9)):
        (desk / "q" / "sky" / name).write_bytes(data)
    return desk / "q"


def test_f6_photos_that_cannot_be_decoded_are_skipped_by_name_with_what_would_help(command, undecoded):
    done = command("coreset", undecoded, *CORESET, "-o", "c")
    assert done.did("skipped sky: sky/b.heic: ", "sky/c.jxl: ")
    assert done.did("sky/d.cr2: is a camera's raw file", "sky/e.mp4: is a video; extract frames")


def test_f6_and_stop_what_shall_stop_at_bad_photos(command, undecoded):
    done = command("coreset", undecoded, *CORESET, "-o", "c", "-q", "--on-bad-image", "fail")
    assert done.refused("q/sky/b.heic: ")


def test_f6_and_are_what_a_folder_of_them_alone_holds(command, undecoded):
    (undecoded / "sky" / "a.png").unlink()
    assert command("coreset", undecoded, *CORESET, "-o", "c", "-q").refused("sky/b.heic: ")


def with_chunk(path: Path, kind: bytes, data: bytes) -> None:
    """A PNG with a further chunk before its pixels."""
    plain = put(path).read_bytes()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(plain[:33] + chunk + plain[33:])


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [(b"cICP", bytes([9, 16, 0, 1]), "cICP"), (b"gAMA", struct.pack(">I", 100_000), "gAMA 1")],
    ids=["PQ", "gamma"],
)
def test_f9_a_colour_tag_that_is_not_srgb_is_told(command, kind, data, told):
    with_chunk(Path("q/sky/a.png"), kind, data)
    assert command("coreset", "q", *CORESET, "-o", "c").did(f"converted sky/a.png: {told}", "ignored")


def test_f10_a_photo_of_an_infinite_score_is_named_and_the_mean_is_of_the_others(command):
    put(Path("q/a.png"))
    Image.new("RGB", (48, 48), (90, 120, 30)).save("q/flat.png")
    done = command(*EVALUATE, "--csv", "t.csv", "--json")
    assert done.did("psnr-y is over 1 of 2 photos; flat.png: is infinite")
    (metric,) = json.loads(done.out, parse_constant=pytest.fail)["metrics"]
    rows = {row["path"]: row["psnr-y"] for row in csv.DictReader(Path("t.csv").read_text().splitlines())}
    assert metric["mean"] == pytest.approx(float(rows["a.png"]))
    assert rows["flat.png"] == "inf"


DOWNLOADS = pytest.mark.parametrize(
    ("data", "told"), [(POINTER, "git lfs pull"), (PAGE, "a page in HTML")], ids=["lfs", "page"]
)


@DOWNLOADS
def test_f11_weights_that_are_no_file_are_named(command, data, told):
    Path("x.pth").write_bytes(data)
    assert command("generators", "show", "x.pth").refused("x.pth: ", told)


@DOWNLOADS
def test_f11_a_photo_that_is_no_file_is_named(command, data, told):
    put(Path("q/sky/a.png"))
    Path("q/sky/b.png").write_bytes(data)
    assert command("coreset", "q", *CORESET, "-o", "c").did("skipped sky: sky/b.png: is", told)


def test_f15_names_are_the_same_in_every_locale(command):
    for number, name in enumerate(["café", "sky"]):
        put(Path("q", name, "ü.png"), number)
    words = ["coreset", "q", *CORESET, "-q", "-o"]
    assert command(*words, "a.csv").did()
    assert ended(started(*words, "b.csv", env={"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})).did()
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert "café/ü.png" in Path("a.csv").read_text()
