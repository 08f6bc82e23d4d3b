import csv
import json

import pytest
from pairs.small_file import copy_photos
from PIL import Image

from gsdd.cli.main import exit_code
from gsdd.students.evaluation import evaluate


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return copy_photos(tmp_path_factory.mktemp("photos"))


def gsdd(capsys, *words):
    code = exit_code(["evaluate", *map(str, words)])
    return code, *capsys.readouterr()


def test_the_table_has_a_line_a_metric_with_its_convention(photos, capsys):
    code, out, err = gsdd(capsys, "bicubic", photos, "--metrics", "psnr,ssim", "-q")
    found = evaluate("bicubic", photos, metrics=["psnr", "ssim"])
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "bicubic (interpolation, a = -0.5), 7 photos"
    lines = [line.split() for line in out.splitlines()[2:7]]
    assert lines[0] == ["metric", "mean", "photos", "better", "channel", "shaved", "range", "by"]
    assert lines[1] == ["psnr-y", f"{found.mean('psnr-y'):.4f}", "dB", "7", "higher", "Y", "4", "px", "0..255", "gsdd"]
    assert lines[4] == ["ssim-rgb", f"{found.mean('ssim-rgb'):.4f}", "7", "higher", "RGB", "4", "px", "0..255", "gsdd"]


def test_metrics_without_weights_are_told_as_missing_and_the_command_succeeds(photos, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    code, out, _ = gsdd(capsys, "bicubic", photos, "--metrics", "lpips,pi")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[:3] for line in lines[3:5]] == [["lpips", "missing", "0"], ["pi", "missing", "0"]]
    assert lines[-2].startswith(
        f"lpips is missing: LPIPS needs torchvision's ImageNet weights of its trunk, and {tmp_path}"
    )
    assert lines[-1].startswith(
        "pi is missing: NRQM, and PI with it, need NRQM's model, and none was given; get model.mat"
    )
    assert list(tmp_path.iterdir()) == []


def test_json_is_the_evaluation_and_names_the_model(photos, capsys):
    code, out, _ = gsdd(capsys, "realesr-animevideov3", photos, "--metrics", "psnr-y", "--json")
    document = json.loads(out)
    found = evaluate("realesr-animevideov3", photos, metrics=["psnr-y"])
    assert code == 0
    assert document["model"] == "realesr-animevideov3"
    assert document["about"].startswith("Compact 64nf 16nc, 621,424 parameters, weights ")
    assert document == json.loads(json.dumps(found.to_dict()))


def test_files_are_written_and_not_replaced_unasked(photos, capsys, tmp_path):
    words = ("bicubic", photos, "--metrics", "psnr", "--csv", tmp_path / "a.csv", "--images", tmp_path / "seen", "-q")
    assert gsdd(capsys, *words)[0] == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["path"] for row in rows][:2] == ["animal/astronaut.png", "animal/chelsea.png"]
    assert len(list((tmp_path / "seen").rglob("*.png.png"))) == len(rows) == 7
    code, out, err = gsdd(capsys, *words)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "exists already; --force" in err
    assert gsdd(capsys, *words, "--force")[0] == 0


def test_what_was_cropped_or_left_out_is_noted_on_stderr(photos, capsys, tmp_path):
    with Image.open(photos / "scene" / "china.png") as photo:
        photo.crop((0, 0, 209, 200)).save(tmp_path / "odd.png")
        photo.crop((0, 0, 100, 100)).save(tmp_path / "tiny.png")
    code, out, err = gsdd(capsys, "bicubic", tmp_path, "--metrics", "niqe,psnr-y")
    assert code == 0
    assert out.splitlines()[3].split()[2:4] == ["1", "lower"]
    notes = [line for line in err.splitlines() if line.startswith("note: ")]
    assert notes[0].startswith("note: 1 of 2 photos were cropped at the right and the bottom to multiples of 4")
    assert notes[1].startswith("note: niqe is over 1 of 2 photos; tiny.png: NIQE")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("bicubic", "photos", "--metrics", "vmaf"), 2, "metrics: got 'vmaf'; wanted some of psnr, ssim, psnr-y"),
        (("bicubic", "photos", "--lpips-trunk", "nowhere.pth"), 2, "File 'nowhere.pth' does not exist"),
        (("nobody", "photos"), 1, "nobody: no such file, and no model of that name"),
        (("bicubic", "nowhere"), 1, "nowhere: no such folder"),
        (("bicubic", "photos", "--csv", "-"), 2, "a file appears whole or not at all"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(photos, capsys, words, code, message):
    given = [photos if word == "photos" else word for word in words]
    got, out, err = gsdd(capsys, *given)
    assert (got, out, err.count("\n")) == (code, "", 1)
    assert message in err


def test_every_line_of_the_scores_fits_a_terminal(photos, capsys):
    _, out, _ = gsdd(capsys, "bicubic", photos / "scene", "--metrics", "psnr,ssim,st-lpips,nrqm")
    assert max(len(line) for line in out.splitlines() if " is missing: " not in line) <= 120
