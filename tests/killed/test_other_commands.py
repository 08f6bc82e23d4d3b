"""Commands that write one file at once: on a full disk, and killed in the middle of writing."""

from pathlib import Path

import pytest
from killed.seen import contents

COMMANDS = {
    "to HDF5": ["convert", "{file}", "{out}/a.h5"],
    "to safetensors": ["convert", "{file}", "{out}/a.gsdd"],
    "merge": ["merge", "{file}", "-o", "{out}/a.gsdd"],
    "contact sheet": ["info", "{file}", "--contact-sheet", "{out}/a.png"],
    "export": ["generators", "export", "realesr-animevideov3", "-o", "{out}/a.safetensors"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_half_is_left_under_the_name_and_the_next_run_leaves_nothing_else(ask, small_file, tmp_path, name):
    words = [word.format(file=small_file, out=tmp_path) for word in COMMANDS[name]]
    full = ask(*words, bytes=3000, dies=False)
    assert (full["code"], full["text"].count("\n"), contents(tmp_path)) == (1, 1, {})
    assert full["text"].endswith(": cannot be written: File too large\n")
    assert ask(*words, bytes=3000, dies=True)["code"] < 0
    assert [len(data) for part, data in contents(tmp_path).items() if part.endswith(".part")] == [3000]
    assert ask(*words)["code"] == 0
    assert list(contents(tmp_path)) == [Path(words[-1]).name]
