"""The frontier: what is compared at equal bytes, and by what its choices are made."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from small_study import TINY, apart_from, run

from gsdd.errors import RecipeError
from gsdd.study.cells import Workshop, read_result
from gsdd.study.photos import Photos
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.scales import settings_of
from gsdd.study.study import EXPERIMENTS, study

RATE = {
    **TINY, "budgets": [3000, 6000], "avif_qualities": [20, 60], "generators": {"net": "realesr-animevideov3"},
    "seeds": [0], "seeds_of": {"6000": [0, 1]}, "latent_bpp": [1.0, 2.0],
}  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_frontier_compares_files_of_equal_bytes(few, tmp_path, monkeypatch):
    folder = tmp_path / "rate"
    monkeypatch.setattr("gsdd.study.frontier.weights_of", lambda plan, name: 1234)
    run(folder, few, "rate", options=RATE)
    for path in (folder / "cells").glob("avif*.json"):
        result = json.loads(path.read_text())["result"]
        assert 0.8 * result["budget"] < result["bytes"] <= result["budget"] and result["budget"] in (3000, 6000)
    for path in (folder / "made").glob("*.gsdd"):
        wanted = 3000 if "-3000B-" in path.name else 6000
        assert 0.97 * wanted <= path.stat().st_size <= wanted
    rows = rows_of(folder / "rate.csv")
    several = {(row["bytes"], row["n"]) for row in rows if not row["trained on"].startswith("random")}
    assert several == {("3,000", "1"), ("6,000", "2")}
    assert {row["n"] for row in rows if row["trained on"].startswith("random")} == {"1"}
    labels = [row["trained on"] for row in rows if row["bytes"] == "6,000"]
    assert labels[0] == "all crops of the folder"
    counts = {2 * round(8 * 6000 / bpp / 48**2 / 2) for bpp in (1.0, 2.0)}
    assert [label.partition(" latents, ")[2] for label in labels[-2:]] == [
        "inverted, net",
        "distilled by local-fourier, net",
    ]
    assert int(labels[-1].split()[0]) in counts
    assert {label.partition(" crops as AVIF ")[0] for label in labels[1:-2]} == {"random", "herded"}
    for row in rows:
        assert float(row["mean"]) > 5
        assert (row["minus all crops"] == "-") == (row["trained on"] == labels[0])
    text = (folder / "rate.md").read_text()
    assert "net 1,234 bytes in fp16" in text and "too few" in text and "on the test photos themselves" in text
    assert (folder / "rate-small-small-psnr-y.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def five(few, tmp_path) -> Path:
    """One class of five photos: quarters of real ones, so that every machine has them."""
    folder = tmp_path / "five"
    (folder / "one").mkdir(parents=True)
    pieces = (piece for photo in sorted(few.rglob("*.*g")) for piece in quarters(photo))
    for number, piece in zip(range(5), pieces, strict=False):
        piece.save(folder / "one" / f"{number}.png")
    return folder


def quarters(photo: Path) -> Iterator[Image.Image]:
    with Image.open(photo) as image:
        width, height = (side // 2 for side in image.size)
        for left, top in ((0, 0), (width, 0), (0, height), (width, height)):
            yield image.convert("RGB").crop((left, top, left + width, top + height))


def test_the_quality_of_avif_is_chosen_on_held_out_photos_of_the_training_folder(five, few, tmp_path):
    """By the definition: the quality with the best mean among trainings on four fifths, scored on the last."""
    workshop, parts = Workshop(tmp_path / "rate"), tmp_path / "rate" / "tune"
    options = {**RATE, "budgets": [3000], "seeds_of": {}, "latent_bpp": [2.0]}
    study("rate", five, apart_from(few), workshop, options=options, at_most=6)
    assert len(list((parts / "train").rglob("*.png"))) == 4 and len(list((parts / "test").rglob("*.png"))) == 1
    settings = settings_of("rate", "small", options)
    judge = StudyPlan(settings, Photos.of(parts / "train", 48), Photos.of(parts / "test", 4), tuned=True)
    plan = StudyPlan(settings, Photos.of(five, 48), Photos.of(apart_from(few), 4), tuning=judge)
    scores = {}
    for quality in (20, 60):
        found = read_result(
            judge.scored(judge.stored("herding", quality, 0, 3000), "small:small", 0, curve=True), workshop
        )
        assert found is not None
        scores[quality] = found["scores"]["psnr-y"]
    assert scores[20] != scores[60]
    best = max(scores, key=scores.__getitem__)
    rows = EXPERIMENTS["rate"].cells(plan, Results.read(EXPERIMENTS["rate"].choosing(plan), workshop))
    stored = {cell.trained.source.name for cell in rows if cell.trained.source.name.startswith("avif")}
    assert stored == {f"avif{best}-{method}-draw0-3000bytes" for method in ("random", "herding")}


def test_seeds_and_bytes_are_of_something_that_the_curve_has():
    for wrong in ({"seeds_of": {"7000": [0]}}, {"budgets_of": {"x4plus": [3000]}}):
        with pytest.raises(RecipeError, match="wanted some of"):
            settings_of("rate", "small", {**RATE, **wrong})
