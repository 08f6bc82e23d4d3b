import json

import pytest
from click.testing import CliRunner

from gsdd.cli.students import students as command
from gsdd.students.named import students


def gsdd_students(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, words)
    return done.exit_code, done.stdout


def test_the_list_is_a_table_of_names_sizes_and_what_each_takes():
    code, out = gsdd_students()
    lines = out.splitlines()
    assert (code, lines[0].split()) == (0, ["name", "parameters", "small", "takes", "what", "it", "is"])
    assert [line.split()[0] for line in lines[1:]] == list(students())
    assert lines[1].split()[:5] == ["small", "125,744", "21,328", "LR", "image"]
    assert "LR image, outdoor category" in lines[-1]


def test_the_list_as_json_has_every_fact():
    code, out = gsdd_students("--json")
    entries = {entry["name"]: entry for entry in json.loads(out)["students"]}
    assert (code, list(entries)) == (0, list(students()))
    assert entries["esrgan"] == {
        "name": "esrgan",
        "about": "RRDBNet as ESRGAN has it",
        "architecture": "rrdbnet",
        "home": "https://github.com/xinntao/ESRGAN",
        "needs": "LR image",
        "sizes": {
            "full": {"parameters": 16_697_987, "num_filters": 64, "num_blocks": 23},
            "small": {"parameters": 1_699_555, "num_filters": 32, "num_blocks": 4},
        },
    }


@pytest.mark.parametrize("words", [["-q"], ["--quiet"]])
def test_quietly_it_prints_the_names_alone(words):
    assert gsdd_students(*words) == (0, "\n".join(students()) + "\n")
