"""F3: what SR sets and `gsdd expand` lay out as HR beside LR is never taken for classes.

Either the HR side is taken, and a line says so, or the command is refused with the folder to give.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from faults.commands import SHORT, TRAIN
from PIL import Image
from sklearn.datasets import load_sample_images

NAMES = ("a", "b", "c")
CORESET = ["--ipc", "1", "--method", "random", "--hr-size", "32"]
COMMANDS = {
    "compress": ["compress", "q", *SHORT, "--dry-run", "-o", "o.gsdd"],
    "train": ["train", "q", *TRAIN, "1", "-o", "m.safetensors"],
    "evaluate": ["evaluate", "bicubic", "q", "--metrics", "psnr-y"],
    "coreset": ["coreset", "q", *CORESET, "-o", "c.csv"],
    "scan": ["scan", "q", "--hr-size", "32"],
}
# These take the side that is meant, and say so, where the names of folders leave no doubt.
RESOLVING = {"compress", "coreset", "scan"}
every_command = pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)


@cache
def real_photos() -> list[np.ndarray]:
    return load_sample_images().images


def photo(number: int, side: int) -> Image.Image:
    """A part of a real photo, so that smaller copies are like it."""
    return Image.fromarray(real_photos()[number % 2][80 * number : 80 * number + side, :side])


def laid_out(folders: dict[str, int], name: Callable[[str, int], str] = lambda name, scale: f"{name}.png") -> None:
    """Folders of the same three photos, each by how many times smaller than 192 pixels."""
    for folder, scale in folders.items():
        Path("q", folder).mkdir(parents=True)
        for number, each in enumerate(NAMES):
            small = photo(number, 192).resize((192 // scale, 192 // scale), Image.Resampling.BICUBIC)
            small.save(Path("q", folder, name(each, scale)))


@pytest.mark.parametrize("words", [["evaluate", "bicubic", "ex", "--metrics", "psnr-y"], ["train", "ex", *TRAIN, "1"]])
def test_f3_our_own_tree_is_refused_with_its_hr_folder(command, tree, words):
    more = ["-o", "m.safetensors"] if words[0] == "train" else []
    assert command(*words, *more, "-q").refused("ex: holds HR beside LR_x4", "give ex/HR")
    assert not Path("m.safetensors").exists()


@every_command
def test_f3_folders_of_basicsr_are_the_two_sides_of_pairs(command, words):
    laid_out({"GTmod12": 1, "LRbicx3": 3, "LRbicx4": 4})
    done = command(*words)
    if words[0] in RESOLVING:
        assert done.did()
        assert "q/GTmod12" in done.out + done.err
        assert "the LR side of pairs" in done.out + done.err
    else:
        assert done.code == 1
        assert "which are no classes but the two sides of pairs" in done.err
        assert done.err.endswith("give q/GTmod12\n")


@pytest.mark.parametrize(
    ("words", "scale"),
    [*((words, 4) for words in COMMANDS.values()), *((COMMANDS["coreset"], scale) for scale in (2, 3, 8))],
    ids=[*COMMANDS, "at 1/2", "at 1/3", "at 1/8"],
)
def test_f3_classes_that_repeat_another_smaller_are_refused_with_the_folder_to_give(command, words, scale):
    laid_out({"large": 1, "small": scale})
    line = command(*words).err.splitlines()[-1]
    assert line.startswith(f"gsdd: q: small repeats the photos of large at 1/{scale} of their size")
    assert line.endswith("give q/large")


def test_f3_also_where_names_end_in_the_scale_and_others_lie_beside_them(command):
    laid_out({"images": 1, "down": 4}, lambda name, scale: f"{name}x{scale}.png" if scale > 1 else f"{name}.png")
    Path("q/others").mkdir()
    photo(3, 100).save("q/others/a.png")
    assert command(*COMMANDS["train"], "-q").refused("down repeats the photos of images at 1/4", "give q/images")


def test_f3_numbered_photos_of_other_things_are_classes(command):
    laid_out({"large": 1})
    Path("q/small").mkdir()
    for number, each in enumerate(NAMES):
        photo(4 - number, 192).transpose(Image.Transpose.ROTATE_180).resize((48, 48)).save(f"q/small/{each}.png")
    assert command(*COMMANDS["coreset"]).did()
