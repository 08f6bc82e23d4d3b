"""What goes wrong the first time is one line that says what to give instead."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recipes import TINY, quick

from gsdd.cli.compress import _cost_table
from gsdd.errors import SourceError
from gsdd.recipe import Recipe
from gsdd.run.dry_run import dry_run
from gsdd.selection.coreset import coreset

WORDS = [*quick(**TINY), "--device", "cpu", "-q"]
CORESET = ["--ipc", "1", "--method", "random", "-q"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def photo(path: str, side: int = 40) -> None:
    """A photo that is like no other."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    stream = np.random.default_rng(list(path.encode()))
    Image.fromarray(stream.integers(0, 256, (side, side + 8, 3), np.uint8)).save(path)


def photos(*paths: str) -> None:
    for path in paths:
        photo(path)


def test_photos_that_are_too_small_name_the_option_and_a_value_that_fits(refused, gsdd):
    photo("small/sky/a.png", 50)
    photo("small/sea/a.png", 61)
    for command in ("compress", "small", *WORDS, "--hr-size", 128), ("coreset", "small", "-o", "c", *CORESET):
        assert refused(*command) == (
            "gsdd: class sea in small has no usable image among its 1, such as sea/a.png: too small: 69x61 pixels, "
            "wanted 128 a side; --hr-size 48 fits most of them, or take the folder out\n"
        )
    gsdd("compress", "small", *WORDS, "--hr-size", "48", "--dry-run")
    with pytest.raises(SourceError, match="`hr_size=48` fits most of them"):
        coreset("small", "c", ipc=1, method="random")


def test_photos_that_are_too_small_for_any_run_are_given_no_value(refused):
    photo("tiny/sky/a.png", 20)
    assert "repair them, or take the folder out" in refused("compress", "tiny", *WORDS)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.png", "a.png: what is written is a .gsdd file, and .png means an image; give a.gsdd"),
        ("a.ZIP", "a.ZIP: what is written is a .gsdd file, and .ZIP means an archive; give a.gsdd"),
        ("a.pth", "a.pth: what is written is a .gsdd file, and .pth means weights or arrays; give a.gsdd"),
        ("a.txt", "a.txt: what is written is a .gsdd file, and .txt means text; give a.gsdd"),
    ],
)
def test_an_output_that_would_be_taken_for_something_else_is_refused(refused, small_file, name, told):
    photo("photos/sky/a.png")
    for command in (
        ["compress", "photos", "-o", name, *WORDS],
        ["compress", "photos", "-o", name, *WORDS, "--dry-run"],
        ["merge", small_file, "-o", name],
        ["convert", small_file, name],
        ["convert", small_file, name, "--embed-generator"],
    ):
        assert refused(*command) == f"gsdd: {told}\n"


@pytest.mark.parametrize("name", ["a.gsdd", "a.h5", "a.hdf5", "a.safetensors", "a", "a.v2"])
def test_other_endings_and_none_are_as_good_as_any(gsdd, small_file, name):
    gsdd("convert", small_file, name)


def test_more_latents_than_crops_are_refused_alike_by_a_run_and_by_a_dry_run(refused):
    photo("photos/sky/a.png")
    for more in ([], ["--dry-run"], ["--set", "crops.method=herding", "--dry-run"]):
        assert refused("compress", "photos", *WORDS, "--ipc", "1000", *more, code=2) == (
            "gsdd: class sky: 1000 latents wanted, but its 1 images have only 153 different 32x32 crops; lower --ipc "
            "for this class\n"
        )


def test_a_folder_of_videos_says_how_to_make_photos_of_them(refused):
    for name in ("clip.mp4", "sea.mov", "b/waves.MKV", "b/x.webm"):
        Path("videos", name).parent.mkdir(parents=True, exist_ok=True)
        Path("videos", name).write_bytes(b"frames")
    assert refused("compress", "videos", *WORDS) == (
        "gsdd: videos: holds 4 videos (clip.mp4, sea.mov, b/waves.MKV, ...) and no photos; extract frames first, such "
        "as with ffmpeg -i clip.mp4 -vf fps=1 frames/%06d.png\n"
    )


def test_videos_beside_photos_are_skipped_by_name(gsdd):
    photo("photos/sky/a.png")
    for name in ("a.mp4", "b.avi"):
        Path("photos/sky", name).write_bytes(b"frames")
    err = gsdd("compress", "photos", *WORDS[:-1], "--dry-run").err
    for name in ("a.mp4", "b.avi"):
        assert f"skipped sky: sky/{name}: is a video; extract frames first" in err


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        (["HR", "LR"], "holds HR beside LR, which are no classes but the two sides of pairs; LR is made from HR, so "
         "give data/HR"),
        (["gt", "lq"], "holds gt beside lq, which are no classes but the two sides of pairs; LR is made from HR, so "
         "give data/gt"),
        (["HR_sub", "LR_x4"], "holds HR_sub beside LR_x4, which are no classes but the two sides of pairs; LR is made "
         "from HR, so give data/HR_sub"),
        (["HR/sky", "LR_x4/sky"], "holds HR beside LR_x4, which are no classes but the two sides of pairs; LR is made "
         "from HR, so give data/HR"),
        (
            ["DIV2K_train_HR", "DIV2K_train_LR_bicubic/X4", "DIV2K_valid_HR"],
            "holds DIV2K_train_HR and DIV2K_valid_HR beside DIV2K_train_LR_bicubic, which are no classes but the two "
            "sides of pairs; LR is made from HR, so give data/DIV2K_train_HR",
        ),
    ],
)  # fmt: skip
def test_hr_and_lr_beside_each_other_are_no_classes(refused, folders, told):
    photos(*(f"data/{folder}/a.png" for folder in folders))
    assert refused("compress", "data", *WORDS, "--classes", "folders", "--dry-run") == f"gsdd: data: {told}\n"


def test_the_lr_side_alone_is_no_classes(refused):
    photos("LR_bicubic/X2/a.png", "LR_bicubic/X4/a.png")
    assert refused("compress", "LR_bicubic", *WORDS) == (
        "gsdd: LR_bicubic: holds X2 and X4, which are no classes but LR photos at several scales; LR is made from HR, "
        "so give the folder of the HR photos\n"
    )


@pytest.mark.parametrize("folders", [["HR"], ["hr", "sky"], ["HR", "LR", "sky"], ["gt", "suv"], ["X3", "X4"], ["LR"]])
def test_classes_may_be_named_so(gsdd, folders):
    photos(*(f"data/{folder}/a.png" for folder in folders))
    assert set(json.loads(gsdd("compress", "data", *WORDS, "--dry-run", "--json").out)["classes"]) == set(folders)


def warned(gsdd, *folders: str) -> str:
    photos(*(f"data/{folder}/a.png" for folder in folders))
    err = gsdd("compress", "data", *WORDS[:-1], "--classes", "folders", "--dry-run").err
    return "".join(line for line in err.splitlines(keepends=True) if "split" in line)


@pytest.mark.parametrize(
    ("folders", "told", "meant"),
    [
        (["train", "valid"], "train and valid", "train"),
        (["test", "training", "val"], "test, training and val", "training"),
        (["DIV2K_train_HR", "DIV2K_valid_HR"], "DIV2K_train_HR and DIV2K_valid_HR", "DIV2K_train_HR"),
    ],
)
def test_splits_beside_each_other_are_warned_of(gsdd, folders, told, meant):
    assert warned(gsdd, *folders) == (
        f"{told} are named like splits of one data set: each becomes a class, photos to test on among them; if that is "
        f"not wanted, give data/{meant}\n"
    )


@pytest.mark.parametrize(
    "folders", [["boat", "train"], ["train"], ["test_bench", "test_tube"], ["a", "b", "dev", "train"]]
)
def test_classes_that_are_called_like_splits_by_chance_are_not(gsdd, folders):
    assert not warned(gsdd, *folders)


def test_a_long_run_on_a_cpu_says_what_takes_less(gsdd):
    photos("photos/sky/a.png")
    words = ["compress", "photos", "--hr-size", "32", "--ipc", "1", "--iterations", "99999999", "--device", "cpu"]
    lean = [
        "--generator",
        "realesrgan-x4plus-anime",
        "--set",
        "features.filters=16",
        "--set",
        "crops.real=4",
        "--set",
        "matching.real_batch=4",
    ]
    document = json.loads(gsdd(*words, *lean, "--dry-run", "--json").out)
    small, quick_one, both = document["quicker"]
    assert small["seconds"] < document["seconds"]["total"]
    # By the number of steps, whatever the machine does meanwhile.
    assert max(both["seconds"], quick_one["seconds"]) < small["seconds"] / 100
    (row,) = (line for line in _cost_table(document).splitlines() if "as many latents" in line)
    assert row.startswith("  as many latents with    --generator realesr-animevideov3: ")
    assert "; --preset quick: " in row
    assert "; --generator realesr-animevideov3 --preset quick: " in row


def test_a_run_that_is_not_long_says_nothing_of_others(source):
    lean = {"crops.hr_size": 32, "generator": "realesr-animevideov3"}
    lean_recipe = Recipe.preset("quick").changed(lean)
    document = dry_run(source, "a.gsdd", device="cpu", recipe=lean_recipe)
    assert document["quicker"] == []


@pytest.mark.parametrize(
    "words",
    [
        ["compress", "photos", "-o", "mine.gsdd", *WORDS],
        ["convert", "{file}", "mine.gsdd"],
        ["expand", "{file}", "-o", "photos", "--device", "cpu"],
    ],
)
def test_what_is_there_is_replaced_by_an_option_alone(refused, small_file, words):
    photo("photos/sky/a.png")
    Path("mine.gsdd").write_bytes(b"mine")
    line = refused(*(word.format(file=small_file) for word in words))
    assert "--force" in line
    assert "force=True" not in line
