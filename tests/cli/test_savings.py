import inspect
import json

import pytest
from pairs.small_file import copy_photos, write_small_file

from gsdd.cli.main import exit_code
from gsdd.cli.savings import as_text
from gsdd.inspect.savings import savings


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return copy_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def file(tmp_path_factory, photos):
    return write_small_file(tmp_path_factory.mktemp("files") / "small.gsdd", photos)


def test_the_table_tells_the_figures_of_the_report(photos, file, capsys):
    report = savings(photos, file, sample=2)
    assert exit_code(["savings", str(photos), str(file), "--sample", "2", "-q"]) == 0
    printed = capsys.readouterr()
    assert printed.out == as_text(report) + "\n"
    assert printed.err == ""
    assert "images kept  12 for 7: -71.4% saved by count (the paper's 93.2 % is such a count)" in printed.out
    assert f"{report.bits_per_hr_pixel:.2f} bits for each pixel of its 12 HR images of 64x64" in printed.out
    assert "generator    1.2 MB for realesr-animevideov3 (fp16; 2.5 MB in fp32)" in printed.out
    assert "scaled up from 2 of 7 photos" in printed.out
    lines = printed.out.splitlines()[5:12]
    for line, rival in zip(lines, (*report.whole_source, *report.random_crops), strict=True):
        assert rival.name in line
        assert line.split()[-2:] == [f"{rival.saved:.1%}", f"{rival.saved_with_generator:.1%}"]


def test_the_command_samples_as_many_photos_as_the_function():
    from gsdd.cli.savings import savings as command

    sample = next(option for option in command.params if option.name == "sample")
    assert sample.default == inspect.signature(savings).parameters["sample"].default == 16


def test_every_line_of_the_table_fits_a_terminal(photos, file):
    assert max(map(len, as_text(savings(photos, file, sample=2)).splitlines())) <= 120


def test_json_is_the_report(photos, file, capsys):
    assert exit_code(["savings", str(photos), str(file), "--sample", "2", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads(json.dumps(savings(photos, file, sample=2).to_dict()))
    assert "re-encoding" in printed.err


def test_another_folder_is_noted_on_stderr(photos, file, tmp_path, capsys):
    other = copy_photos(tmp_path / "other")
    (other / "scene" / "rocket.png").unlink()
    assert exit_code(["savings", str(other), str(file), "--sample", "1"]) == 0
    assert "is not the folder that the file was made from" in capsys.readouterr().err


def test_a_missing_folder_is_one_line_and_exit_1(file, capsys):
    assert exit_code(["savings", "nowhere", str(file)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
