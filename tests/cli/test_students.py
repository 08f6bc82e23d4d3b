import json

import pytest

from gsdd.students.named import students


def test_the_list_is_a_table_of_names_sizes_and_what_each_takes(gsdd):
    lines = gsdd("students").out.splitlines()
    assert lines[0].split() == ["name", "parameters", "small", "takes", "what", "it", "is"]
    assert [line.split()[0] for line in lines[1:]] == list(students())
    assert lines[1].split()[:5] == ["small", "125,744", "21,328", "LR", "image"]
    assert "LR image, outdoor category" in lines[-1]


def test_the_list_as_json_has_every_fact(gsdd):
    entries = {entry["name"]: entry for entry in json.loads(gsdd("students", "--json").out)["students"]}
    assert list(entries) == list(students())
    assert entries["esrgan"] == {
        "name": "esrgan",
        "about": "RRDBNet as ESRGAN has it",
        "architecture": "rrdbnet",
        "home": "https://github.com/xinntao/ESRGAN",
        "scales": [1, 2, 4],
        "needs": "LR image",
        "sizes": {
            "full": {"parameters": 16_697_987, "num_filters": 64, "num_blocks": 23},
            "small": {"parameters": 1_699_555, "num_filters": 32, "num_blocks": 4},
        },
    }


@pytest.mark.parametrize("words", [["-q"], ["--quiet"]])
def test_quietly_it_prints_the_names_alone(words, gsdd):
    assert gsdd("students", *words).out == "\n".join(students()) + "\n"
