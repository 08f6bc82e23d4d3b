import csv
import json

from PIL import Image

from gsdd.students.evaluation import evaluate


def test_the_table_has_a_line_a_metric_with_its_convention(source, gsdd):
    out, err = gsdd("evaluate", "bicubic", source, "--metrics", "psnr,ssim", "-q")
    found = evaluate("bicubic", source, metrics=["psnr", "ssim"])
    assert err == ""
    assert out.splitlines()[0] == "bicubic (interpolation, a = -0.5), 7 photos"
    lines = [line.split() for line in out.splitlines()[2:7]]
    assert lines[0] == ["metric", "mean", "photos", "better", "channel", "shaved", "range", "by"]
    assert lines[1] == ["psnr-y", f"{found.mean('psnr-y'):.4f}", "dB", "7", "higher", "Y", "4", "px", "0..255", "gsdd"]
    assert lines[4] == ["ssim-rgb", f"{found.mean('ssim-rgb'):.4f}", "7", "higher", "RGB", "4", "px", "0..255", "gsdd"]


def test_metrics_without_weights_are_told_as_missing_and_the_command_succeeds(source, gsdd, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    lines = gsdd("evaluate", "bicubic", source, "--metrics", "lpips,pi").out.splitlines()
    assert [line.split()[:3] for line in lines[3:5]] == [["lpips", "missing", "0"], ["pi", "missing", "0"]]
    assert lines[-2].startswith(
        f"lpips is missing: LPIPS needs torchvision's ImageNet weights of its trunk, and {tmp_path}"
    )
    assert lines[-1].startswith(
        "pi is missing: NRQM, and PI with it, need NRQM's model, and none was given; get model.mat"
    )
    assert list(tmp_path.iterdir()) == []


def test_json_is_the_evaluation_and_names_the_model(source, gsdd):
    document = json.loads(gsdd("evaluate", "realesr-animevideov3", source, "--metrics", "psnr-y", "--json").out)
    found = evaluate("realesr-animevideov3", source, metrics=["psnr-y"])
    assert document["model"] == "realesr-animevideov3"
    assert document["about"].startswith("Compact 64nf 16nc, 621,424 parameters, weights ")
    assert document == json.loads(json.dumps(found.to_dict()))


def test_files_are_written_and_not_replaced_unasked(source, gsdd, refused, tmp_path):
    files = ("--csv", tmp_path / "a.csv", "--images", tmp_path / "seen")
    words = ("evaluate", "bicubic", source, "--metrics", "psnr", *files, "-q")
    gsdd(*words)
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["path"] for row in rows][:2] == ["animal/astronaut.png", "animal/chelsea.png"]
    assert len(list((tmp_path / "seen").rglob("*.png.png"))) == len(rows) == 7
    assert "exists already; --force" in refused(*words)
    gsdd(*words, "--force")


def test_what_was_cropped_or_left_out_is_noted_on_stderr(source, gsdd, tmp_path):
    with Image.open(source / "scene" / "china.png") as photo:
        photo.crop((0, 0, 209, 200)).save(tmp_path / "odd.png")
        photo.crop((0, 0, 100, 100)).save(tmp_path / "tiny.png")
    out, err = gsdd("evaluate", "bicubic", tmp_path, "--metrics", "niqe,psnr-y")
    assert out.splitlines()[3].split()[2:4] == ["1", "lower"]
    notes = [line for line in err.splitlines() if line.startswith("note: ")]
    assert notes[0].startswith("note: 1 of 2 photos were cropped at the right and the bottom to multiples of 4")
    assert notes[1].startswith("note: niqe is over 1 of 2 photos; tiny.png: NIQE")


def test_every_line_of_the_scores_fits_a_terminal(source, gsdd):
    out, _ = gsdd("evaluate", "bicubic", source / "scene", "--metrics", "psnr,ssim,st-lpips,nrqm")
    assert max(len(line) for line in out.splitlines() if " is missing: " not in line) <= 120
