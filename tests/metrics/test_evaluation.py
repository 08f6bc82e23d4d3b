"""An evaluation of a folder of real photos, against each step done by hand."""

import csv
import hashlib
import json

import numpy as np
import pytest
import torch
from metrics.real_pairs import midsts, real_pairs
from nrqm_model import save_model, trained_structs
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from states import random_states_kept
from torch.nn import functional as F

from gsdd.data.catalog import scan
from gsdd.errors import DivergedError, OutputError, RecipeError, SourceError
from gsdd.metrics.evaluation import score_folder
from gsdd.metrics.niqe import niqe
from gsdd.metrics.nrqm import nrqm, perceptual_index
from gsdd.metrics.outputs import Outputs
from gsdd.metrics.registry import FAMILIES, METRICS, Files, find_metrics


def enlarge(small):
    """Nearest neighbour: what can be done again in numpy without a library."""
    assert not torch.is_grad_enabled()
    return F.interpolate(small, scale_factor=4, mode="nearest")


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory):
    """Parts of three photos, one of them of odd sides."""
    root = tmp_path_factory.mktemp("test")
    parts = midsts(photos, 3, 112, 120).items()
    for (name, pixels), (width, height) in zip(parts, [(120, 100), (97, 110), (64, 64)], strict=True):
        (root / name).mkdir()
        Image.fromarray(pixels[:height, :width]).save(root / name / "one.png")
    return root


@pytest.fixture(scope="module")
def evaluation(folder):
    return score_folder(enlarge, folder, ["psnr", "ssim", "nrqm", "st-lpips"])


def by_hand(file):
    """LR and HR of a file, uint8 `[H, W, 3]`, by Pillow's antialiased bicubic; its rounding is at times one off."""
    pixels = np.asarray(Image.open(file))
    height, width = (side // 4 * 4 for side in pixels.shape[:2])
    photo = Image.fromarray(pixels[:height, :width])
    return np.asarray(photo.resize((width // 4, height // 4), Image.Resampling.BICUBIC)), np.asarray(photo)


def test_every_photo_is_scored_against_what_the_model_makes_of_its_lr(folder, evaluation):
    files = sorted(folder.rglob("*.png"))
    assert [photo.path for photo in evaluation.photos] == [file.relative_to(folder).as_posix() for file in files]
    for photo, file in zip(evaluation.photos, files, strict=True):
        small, reference = by_hand(file)
        enlarged = small.repeat(4, axis=0).repeat(4, axis=1)
        inner = (slice(4, -4), slice(4, -4))
        expected = peak_signal_noise_ratio(reference[inner], enlarged[inner], data_range=255)
        assert photo.values["psnr-rgb"] == pytest.approx(expected, abs=0.02)


def test_photos_are_cropped_to_multiples_of_the_scale_and_it_is_said(evaluation):
    sizes = {(photo.width, photo.height): photo.cropped for photo in evaluation.photos}
    assert sizes == {(120, 100): False, (96, 108): True, (64, 64): False}
    assert evaluation.cropped == 1


def test_a_mean_counts_every_photo_once(evaluation):
    for name in ("psnr-y", "psnr-rgb", "ssim-y", "ssim-rgb", "st-lpips"):
        values = [photo.values[name] for photo in evaluation.photos]
        assert len(values) == 3
        assert evaluation.mean(name) == pytest.approx(np.mean(values))


def test_a_metric_without_its_weights_is_missing_with_the_reason_and_has_no_number(evaluation):
    nrqm = next(score for score in evaluation.scores if score.metric.name == "nrqm")
    assert (nrqm.mean, nrqm.images, nrqm.implementation) == (None, 0, "")
    assert "model.mat from https://github.com/chaoma99/sr-metric" in nrqm.missing
    assert all("nrqm" not in photo.values for photo in evaluation.photos)


def test_the_metrics_come_in_the_order_asked_for_with_their_conventions(evaluation):
    found = {score.metric.name: str(score.metric.convention) for score in evaluation.scores}
    assert found == {
        "psnr-y": "Y of BT.601 (16..235, not rounded), 4 px shaved, range 0..255",
        "psnr-rgb": "RGB, 4 px shaved, range 0..255",
        "ssim-y": "Y of BT.601 (16..235, not rounded), 4 px shaved, range 0..255",
        "ssim-rgb": "RGB, 4 px shaved, range 0..255",
        "nrqm": "Y of BT.601 (16..235, rounded), 4 px shaved, range 0..255",
        "st-lpips": "RGB, nothing shaved, range -1..1",
    }


def test_a_photo_that_is_too_small_for_a_metric_is_left_out_of_its_mean_and_named(folder):
    found = score_folder(enlarge, folder, ["niqe", "psnr"])
    assert [score.images for score in found.scores] == [0, 3, 3]
    assert found.mean("niqe") is None
    assert "96x96" in found.scores[0].missing
    assert ["NIQE" in photo.left_out["niqe"] for photo in found.photos] == [True] * 3


def test_an_infinite_psnr_counts_in_no_mean_and_is_named_in_json_and_in_the_table(folder, tmp_path):
    for photo in folder.iterdir():
        (tmp_path / photo.name).symlink_to(photo)
    (tmp_path / "flat").mkdir()
    Image.new("RGB", (40, 40), (90, 120, 30)).save(tmp_path / "flat" / "flat.png")
    outputs = Outputs(tmp_path.parent / f"{tmp_path.name}.csv")
    found = score_folder(enlarge, tmp_path, ["psnr-y", "ssim-y"], outputs=outputs)
    assert found.mean("psnr-y") == score_folder(enlarge, folder, ["psnr-y"]).mean("psnr-y")
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    (flat,) = (photo for photo in document["photos"] if photo["path"] == "flat/flat.png")
    assert flat["left_out"]["psnr-y"].startswith("is infinite: the image equals the photo")
    assert flat["ssim-y"] == pytest.approx(1)
    assert [each["images"] for each in document["metrics"]] == [len(document["photos"]) - 1, len(document["photos"])]
    rows = {row["path"]: row["psnr-y"] for row in csv.DictReader(outputs.table.read_text().splitlines())}
    assert [path for path, cell in rows.items() if cell == "inf"] == ["flat/flat.png"]


def test_where_every_psnr_is_infinite_the_metric_is_missing_with_the_reason(tmp_path):
    Image.new("RGB", (40, 40), (90, 120, 30)).save(tmp_path / "flat.png")
    (score,) = score_folder(enlarge, tmp_path, ["psnr-y"]).scores
    assert (score.mean, score.images) == (None, 0)
    assert score.missing.startswith("is infinite")


def test_a_model_that_makes_nan_is_refused_by_the_photos_name(folder):
    with pytest.raises(DivergedError, match=r"the image that the model makes of it is not finite"):
        score_folder(lambda small: enlarge(small) * float("nan"), folder, ["psnr-y"])


def test_the_document_says_all_that_a_number_depends_on(folder, evaluation):
    document = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert document["sha256"] == scan(folder, min_size=1).sha256
    assert (document["scale"], document["images"], document["cropped"], document["skipped"]) == (4, 3, 1, [])
    assert document["metrics"][0] == {
        "metric": "psnr-y",
        "mean": evaluation.mean("psnr-y"),
        "images": 3,
        "missing": None,
        "unit": "dB",
        "better": "higher",
        "channel": "Y",
        "shave": 4,
        "rounded": False,
        "range": [0, 255],
        "implementation": "gsdd",
    }
    assert document["photos"][1]["ssim-rgb"] == evaluation.photos[1].values["ssim-rgb"]


def test_the_table_has_a_row_a_photo_and_an_empty_cell_for_what_is_missing(folder, tmp_path):
    table = tmp_path / "scores.csv"
    found = score_folder(enlarge, folder, ["psnr", "pi"], outputs=Outputs(table=table))
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert list(rows[0]) == ["path", "width", "height", "cropped", "psnr-y", "psnr-rgb", "pi"]
    assert [float(row["psnr-y"]) for row in rows] == [photo.values["psnr-y"] for photo in found.photos]
    assert [(row["path"], row["pi"]) for row in rows] == [(photo.path, "") for photo in found.photos]


def test_pictures_show_lr_output_and_hr_beside_each_other(folder, evaluation, tmp_path):
    score_folder(enlarge, folder, ["psnr-y"], outputs=Outputs(pictures=tmp_path / "seen"))
    photo = evaluation.photos[0]
    with Image.open(tmp_path / "seen" / f"{photo.path}.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (photo.height, 3 * photo.width + 16, 3)
    left, middle, right = (pixels[:, k * (photo.width + 8) :][:, : photo.width] for k in range(3))
    np.testing.assert_array_equal(left, middle)  # this model enlarges as the picture does
    np.testing.assert_array_equal(right, by_hand(folder / photo.path)[1])
    assert (pixels[:, photo.width : photo.width + 8] == 255).all()
    assert len(list((tmp_path / "seen").rglob("*.png"))) == 3


@pytest.mark.parametrize("existing", ["scores.csv", "seen"])
def test_nothing_is_replaced_unless_forced_and_nothing_is_computed_before_that_is_known(folder, tmp_path, existing):
    outputs = Outputs(tmp_path / "scores.csv", tmp_path / "seen")
    first = scan(folder, min_size=1).classes[0].photos[0].path
    mine = outputs.table if existing == "scores.csv" else outputs.pictures / f"{first}.png"
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    calls = []
    with pytest.raises(OutputError, match="exists already"):
        score_folder(lambda small: calls.append(small), folder, ["psnr-y"], outputs=outputs)
    assert (mine.read_text(), calls) == ("mine", [])
    score_folder(enlarge, folder, ["psnr-y"], outputs=Outputs(outputs.table, outputs.pictures, force=True))
    assert mine.stat().st_size > 100


@pytest.mark.parametrize("outputs", [Outputs(table="scores.csv"), Outputs(pictures="seen")])
def test_the_photos_folder_is_only_read_from(folder, outputs):
    inside = Outputs(*(part and folder / part for part in (outputs.table, outputs.pictures)))
    with pytest.raises(OutputError, match="only read from"):
        score_folder(enlarge, folder, ["psnr-y"], outputs=inside)


def test_a_bad_photo_is_named_and_stops_the_run_or_is_listed(folder, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "good.png").write_bytes(next(folder.rglob("*.png")).read_bytes())
    with pytest.raises(SourceError, match=r"broken\.png: not an image"):
        score_folder(enlarge, tmp_path, ["psnr-y"])
    found = score_folder(enlarge, tmp_path, ["psnr-y"], on_bad_image="skip")
    assert [photo.path for photo in found.photos] == ["good.png"]
    assert [(item.path, item.reason) for item in found.skipped] == [("broken.png", "not an image that Pillow can read")]


def test_a_model_of_another_scale_is_refused(folder):
    with pytest.raises(RecipeError, match=r"the model made \[1, 3, 50, 60\] of LR \[1, 3, 25, 30\]; wanted"):
        score_folder(lambda small: F.interpolate(small, scale_factor=2), folder, ["psnr-y"])


def test_metrics_without_a_reference_look_at_the_output_inside_the_border_as_pirm_does(photos, tmp_path):
    file = tmp_path / "model.mat"
    save_model(file, trained_structs())
    images, references = real_pairs(photos, 1, 200, 204)
    inside = images[..., 4:-4, 4:-4]
    expected = {"niqe": niqe(inside), "nrqm": nrqm(inside, file)}
    expected["pi"] = (10 - expected["nrqm"] + expected["niqe"]) / 2
    assert torch.equal(perceptual_index(images, file), expected["pi"])
    for name, value in expected.items():
        measure = METRICS[name].load(Files(nrqm_model=file), torch.device("cpu"))
        torch.testing.assert_close(measure(images, references), value)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        assert name == "niqe" or measure.implementation == f"gsdd, NRQM's model sha256 {digest}"


def test_a_family_is_its_members_and_each_comes_once():
    names = [metric.name for metric in find_metrics(["ssim-y", "psnr", "ssim"])]
    assert names == ["ssim-y", "psnr-y", "psnr-rgb", "ssim-rgb"]
    assert {member for family in FAMILIES.values() for member in family} <= set(METRICS)
    assert all(metric.name == name for name, metric in METRICS.items())


@pytest.mark.parametrize(("names", "got"), [(["psnr", "vmaf"], "'vmaf'"), ([], "none")])
def test_an_unknown_metric_is_refused_with_those_that_there_are(names, got):
    with pytest.raises(RecipeError, match=f"`metrics`: got {got}; wanted some of psnr, ssim, psnr-y, .*, pi"):
        find_metrics(names)


def test_no_random_state_is_read_or_set(folder):
    with random_states_kept():
        score_folder(enlarge, folder, ["psnr", "ssim", "st-lpips"], files=Files())
