import inspect
import json

from pairs.small_file import copy_photos

from gsdd.cli.savings import as_text
from gsdd.inspect.savings import savings


def test_the_table_tells_the_figures_of_the_report(source, small_file, gsdd):
    report = savings(source, small_file, sample=2)
    printed = gsdd("savings", source, small_file, "--sample", 2, "-q")
    assert printed == (as_text(report) + "\n", "")
    assert "images kept  12 for 7: -71.4% saved by count (the paper's 93.2 % is such a count)" in printed.out
    assert f"{report.bits_per_hr_pixel:.2f} bits for each pixel of its 12 HR images of 64x64" in printed.out
    assert "generator    1.2 MB for realesr-animevideov3 (fp16; 2.5 MB in fp32)" in printed.out
    assert "scaled up from 2 of 7 photos" in printed.out
    lines = printed.out.splitlines()[5:12]
    for line, baseline in zip(lines, (*report.whole_source, *report.random_crops), strict=True):
        assert baseline.name in line
        assert line.split()[-2:] == [f"{baseline.saved:.1%}", f"{baseline.saved_with_generator:.1%}"]
    head, *rows = printed.out.splitlines()[13:16]
    assert head.startswith("The same bytes hold")
    for line, place in zip(rows, report.in_its_place, strict=True):
        assert line.startswith(f"herded crops, AVIF q{place.quality} ")
        assert line.split()[-2:] == [f"~{place.crops:,}", f"~{place.crops_with_generator:,}"]


def test_the_command_samples_as_many_photos_as_the_function():
    from gsdd.cli.savings import savings as command

    sample = next(option for option in command.params if option.name == "sample")
    assert sample.default == inspect.signature(savings).parameters["sample"].default == 16


def test_every_line_of_the_table_fits_a_terminal(source, small_file):
    assert max(map(len, as_text(savings(source, small_file, sample=2)).splitlines())) <= 120


def test_json_is_the_report(source, small_file, gsdd):
    out, err = gsdd("savings", source, small_file, "--sample", 2, "--json")
    assert json.loads(out) == json.loads(json.dumps(savings(source, small_file, sample=2).to_dict()))
    assert "re-encoding" in err


def test_another_folder_is_noted_on_stderr(small_file, tmp_path, gsdd):
    other = copy_photos(tmp_path / "other")
    (other / "scene" / "rocket.png").unlink()
    assert "is not the folder that the file was made from" in gsdd("savings", other, small_file, "--sample", 1).err
