"""Studies on tiny real data: cells, resuming after a kill, and what the files say."""

import csv
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from heard import Heard
from PIL import Image
from safetensors.torch import save_file
from small_study import NOTHING_YET, TINY, apart_from, run
from torch import nn

from gsdd.data.degradation import to_uint8
from gsdd.errors import GeneratorNotFoundError, Interrupted, OutputError, RecipeError, SourceError
from gsdd.metrics.registry import Files, find_metrics
from gsdd.networks.categories import category_condition
from gsdd.students.checkpoint import save
from gsdd.students.named import build
from gsdd.study.blind import BlindCell
from gsdd.study.board import Board
from gsdd.study.cells import Workshop, in_order, read_result, run_cells, stem
from gsdd.study.comparison import contenders, write_compare
from gsdd.study.photos import Photos, split_for_tuning
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.scales import settings_of
from gsdd.study.study import EXPERIMENTS, study


def results(folder: Path) -> dict[str, object]:
    """What cells found, by file, without times."""
    found = {}
    for path in sorted((folder / "cells").iterdir()):
        result = json.loads(path.read_text())["result"]
        found[path.name] = {name: value for name, value in result.items() if name != "seconds"}
    return found


@pytest.fixture(scope="module")
def whole(few, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    outcome = run(folder, few)
    assert (outcome.cells, outcome.left) == (5 + 2 * 16, 0)
    return folder


def test_a_comparison_has_a_row_a_source_and_every_interval(whole):
    text = (whole / "compare.md").read_text()
    for label in (
        "all crops of the folder",
        "random crops",
        "coreset, loss",
        "AVIF 50",
        "G(down-sampled crops)",
        "inverted",
    ):
        assert label in text
    assert " dB |\n" in text and "| s to a quality |" not in text
    assert "95 % interval" in text and text.count(" .. ") >= 12
    with (whole / "compare.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["n"] for row in rows] == ["2"] * 8
    stored, distilled = (next(row for row in rows if what in row["trained on"]) for what in ("AVIF", "distilled"))
    assert int(stored["bytes"].replace(",", "")) <= int(distilled["bytes"].replace(",", ""))
    assert int(stored["images"]) > int(distilled["images"]) == 2


def test_a_killed_study_goes_on_to_the_same_results(whole, few, tmp_path):
    interrupted, monitor = 0, Heard(lambda asked: asked % 12 == 0)
    while True:
        try:
            outcome = run(tmp_path, few, monitor=monitor)
        except Interrupted:
            interrupted += 1
        else:
            break
    assert outcome.left == 0 and interrupted > 3
    assert results(tmp_path) == results(whole)
    assert not list(tmp_path.rglob("*.checkpoint*"))


def test_a_study_killed_in_the_middle_goes_on_to_the_same_results(whole, few, tmp_path):
    folder, config = tmp_path / "study", tmp_path / "tiny.toml"
    config.write_text("".join(f"{name} = {toml(value)}\n" for name, value in TINY.items()))
    words = ["compare", str(few), str(apart_from(few)), "-o", str(folder), "--config", str(config), "-q"]
    process = subprocess.Popen([sys.executable, "-m", "gsdd", "study", *words])
    while len(list(folder.glob("cells/*.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run(folder, few).left == 0
    assert results(folder) == results(whole)


def toml(value) -> str:
    """Spell a value as TOML, where that is not JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)


def test_a_done_study_works_nothing_out_again(whole, few):
    before = {path: path.stat().st_mtime_ns for path in (whole / "cells").iterdir()}
    assert run(whole, few).left == 0
    assert {path: path.stat().st_mtime_ns for path in (whole / "cells").iterdir()} == before


def test_so_many_cells_are_worked_out_and_a_partial_table_is_paired(few, tmp_path):
    outcome = run(tmp_path, few, at_most=5)
    assert (outcome.cells, outcome.left) == (37, 32)
    assert len(list((tmp_path / "cells").iterdir())) == 5
    plan = plan_of(few)
    cells = [cell.name for cell in in_order(EXPERIMENTS["compare"].cells(plan, NOTHING_YET))]
    trainings = [name for name in cells if name.startswith("small-small-on")]
    assert all(name.endswith("seed0") for name in trainings[:8])
    assert all(name.endswith("seed1") for name in trainings[8:])


def plan_of(few: Path, **options) -> StudyPlan:
    settings = settings_of("compare", "small", {**TINY, **options})
    return StudyPlan(settings, Photos.of(few, 48), Photos.of(apart_from(few), 4))


@pytest.mark.parametrize("crops", ["random", "herding"])
def test_what_g_makes_of_crops_and_the_inverted_are_of_the_same_crops(few, tmp_path, crops):
    plan = plan_of(few, coreset="herding", distillation={**TINY["distillation"], "crops.method": crops})
    workshop = Workshop(tmp_path)
    real_crops = plan.random(1, 0) if crops == "random" else plan.coreset(1, 0)
    inverted = plan.inverted(1, 0, "compact")
    run_cells([*real_crops.needs, *inverted.needs], workshop)
    real, made = real_crops.data(workshop).pairs, plan.upscaled(1, 0, "compact").data(workshop).pairs
    assert real.names == made.names and real.classes == made.classes
    images = inverted.data(workshop).pairs.hr
    gaps = [[abs(crop.astype("float32") - image).mean() for image in images] for crop in real.hr]
    assert [min(range(len(row)), key=row.__getitem__) for row in gaps] == list(range(len(images)))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"distillation": {"crops.method": "random"}},
            "random crops of a draw are the crops that its latents begin from",
        ),
        ({"coreset": "herding"}, "the coreset of a draw are the crops that its latents begin from"),
        ({"coreset": "kmeans"}, "begin from crops chosen by herding, which no row has"),
        ({"coreset": "herding", "baselines": ["random"]}, "begin from crops chosen by herding, which no row has"),
    ],
)
def test_a_comparison_says_which_row_has_the_crops_that_latents_begin_from(few, options, told):
    given = {**options, "distillation": {**TINY["distillation"], **options.get("distillation", {})}}
    assert told in "\n".join(write_compare(plan_of(few, **given), Results({}, Workshop(few))).remarks)


def test_settings_that_decide_a_result_give_another_cell(few):
    plan = plan_of(few)
    cell = plan.scored(plan.distilled(1, 0, "compact"), "small", 0)
    others = [
        plan.scored(plan.distilled(1, 1, "compact"), "small", 0),
        plan.scored(plan.distilled(1, 0, "compact", {"matching.lam": 0.3}), "small", 0),
        plan.scored(plan.distilled(1, 0, "compact"), "small:small", 0),
        plan.scored(plan.distilled(1, 0, "compact"), "small", 1),
        replace(cell, metrics=("psnr-rgb",)),
    ]
    # Three distillations, five trainings: of those with other metrics there is one.
    assert len(in_order([cell, *others])) == 3 + 5 + 6


def test_other_weights_at_the_same_path_give_another_cell(few, tmp_path):
    cells = []
    file = tmp_path / "mine.safetensors"
    for filters in (4, 8):
        save_file({"body.weight": torch.ones(filters)}, file)
        plan = plan_of(few, generators={"mine": str(file)})
        sources = plan.distilled(1, 0, "mine"), plan.upscaled(1, 0, "mine")
        found = (
            *(plan.scored(source, "small", 0) for source in sources),
            *EXPERIMENTS["table2"].cells(plan, NOTHING_YET),
        )
        cells.append([(cell.name, stem(cell)) for cell in found])
    for (name, one), (same, other) in zip(*cells, strict=True):
        assert name == same and (one == other) == (name == "blind-bicubic")
    with pytest.raises(GeneratorNotFoundError, match="nowhere"):
        run(tmp_path / "study", few, options={**TINY, "generators": {"mine": str(tmp_path / "nowhere.safetensors")}})


def test_photos_enlarged_by_sftgan_are_enlarged_as_their_class(few, tmp_path):
    network = build("sftgan", seed=1, size="small").eval()
    # Untrained it makes black images of whatever class; so its conditions make a difference that 8 bits show.
    (last,) = (each for each in network.modules() if isinstance(each, nn.Conv2d) and each.out_channels == 3)
    with torch.no_grad():
        last.weight *= 5e3
        last.bias += 0.5
        for weight in network.CondNet.parameters():
            weight *= 30
    save(network, "sftgan", tmp_path / "mine.safetensors")
    sky = tmp_path / "photos" / "sky"
    sky.mkdir(parents=True)
    sky.joinpath("1.png").symlink_to(next(apart_from(few).rglob("*.png")))
    cell = BlindCell(str(tmp_path / "mine.safetensors"), Photos.of(sky.parent, 4), 64, ("niqe",))
    with Image.open(sky / "1.png") as image:
        left, top = (image.width - 64) // 2, (image.height - 64) // 2
        square = np.asarray(image.crop((left, top, left + 64, top + 64)), dtype=np.float32) / 255
    small = torch.from_numpy(square).permute(2, 0, 1)[None]
    niqe = find_metrics(("niqe",))[0].load(Files(), torch.device("cpu"))
    with torch.no_grad():
        images = [to_uint8(network(small, category_condition([name]))) for name in ("sky", "background")]
    as_sky, as_background = (float(niqe(image, image)) for image in images)
    found = cell.run(Workshop(tmp_path))["scores"]["niqe"]
    assert found == pytest.approx(as_sky, rel=1e-3) and found != pytest.approx(as_background, rel=1e-2)


def test_a_damaged_result_is_named_not_used(few, tmp_path):
    run(tmp_path, few, name="fig3")
    plan = plan_of(few)
    (path,) = (tmp_path / "cells").iterdir()
    cell = in_order(EXPERIMENTS["fig3"].cells(plan, NOTHING_YET))[0]
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "identity": {"makes": "something else"}}))
    with pytest.raises(OutputError, match=f"{path.name}.*another cell"):
        read_result(cell, Workshop(tmp_path))
    path.write_text("{")
    with pytest.raises(OutputError, match=f"{path.name}.*remove it"):
        read_result(cell, Workshop(tmp_path))


# Where the first metric's numbers stand.
MEASURED = {"table1": -1, "table2": -1, "table3": 1, "fig6": -1, "fig7": -1, "fig8": 2}


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "fig3", "fig6", "fig7", "fig8"])
def test_every_experiment_writes_its_table_beside_the_papers(name, whole, few):
    one_seed = {**TINY, "seeds": [0]}
    outcome = run(whole, few, name=name, options=one_seed)
    assert outcome.left == 0
    text = (whole / f"{name}.md").read_text()
    assert "the paper" in text and "10,324 of OST" in text
    with (whole / f"{name}.csv").open() as file:
        _, *rows = csv.reader(file)
    assert name not in MEASURED or all(float(row[MEASURED[name]]) > 0 for row in rows)
    for path in outcome.files:
        assert path.stat().st_size > 0
        assert path.suffix != ".png" or path.read_bytes().startswith(b"\x89PNG")
    assert ("png" in {path.suffix[1:] for path in outcome.files}) == (name not in ("table2", "table3"))


def test_full_data_count_once_for_all_draws(few):
    plan = plan_of(few, draws=[0, 1])
    rows = contenders(plan, NOTHING_YET)
    cells = in_order(EXPERIMENTS["compare"].cells(plan, NOTHING_YET))
    assert sum(cell.name.startswith("small-small-on-all") for cell in cells) == 2
    trained = {s: Board(plan, NOTHING_YET, "small:small", rows).cell(rows[0], (0, s)) for s in (0, 1)}
    again = {s: Board(plan, NOTHING_YET, "small:small", rows).cell(rows[0], (1, s)) for s in (0, 1)}
    assert [cell.identity for cell in trained.values()] == [cell.identity for cell in again.values()]


def test_tuning_holds_every_fifth_photo_out(few, tmp_path):
    photos = tmp_path / "photos" / "sky"
    photos.mkdir(parents=True)
    for number, photo in enumerate(sorted(few.rglob("*.*g"))[:4] + sorted(few.rglob("*.*g"))[:1]):
        if number < 4:
            (photos / f"{number}{photo.suffix}").symlink_to(photo.resolve())
    with pytest.raises(RecipeError, match="no class has 5"):
        split_for_tuning(tmp_path / "photos", tmp_path / "split", 48)
    Image.effect_noise((64, 64), 50).convert("RGB").save(photos / "9.png")
    train, test = split_for_tuning(tmp_path / "photos", tmp_path / "split", 48)
    assert [path.name for path in test.rglob("*.*")] == ["9.png"]
    assert len(list(train.rglob("*.*"))) == 4 and not list(photos.glob("split"))
    assert split_for_tuning(tmp_path / "photos", tmp_path / "split", 48) == (train, test)
    # One photo more, and another is the fifth: it was trained on.
    Image.effect_noise((64, 64), 50).convert("RGB").save(photos / "00.png")
    with pytest.raises(OutputError, match="of a split of other photos"):
        split_for_tuning(tmp_path / "photos", tmp_path / "split", 48)


def test_what_is_trained_on_is_not_tested_on(few, tmp_path):
    photo = next(few.rglob("*.*g"))
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / f"another name{photo.suffix}").write_bytes(photo.read_bytes())
    with pytest.raises(RecipeError, match=f"another name.* is .*{photo.name}.*trained on"):
        study("compare", few, tmp_path / "test", Workshop(tmp_path / "study"), options=TINY)


def test_a_dry_run_of_a_tuning_writes_nothing_and_the_run_after_a_killed_split_goes_on(photos, tmp_path):
    workshop = Workshop(tmp_path / "study")
    try:
        listed = study("compare", photos, None, workshop, options=TINY, tune=True, dry_run=True)
    except RecipeError as error:  # the photos of installed packages are few
        assert "no class has 5" in str(error)
        return
    assert not workshop.folder.exists()
    split_for_tuning(photos, workshop.folder / "tune", TINY["hr_size"])
    outcome = study("compare", photos, None, workshop, options=TINY, tune=True, at_most=0)
    assert (outcome.cells, outcome.left) == (listed.cells, listed.left)


def test_a_folder_with_other_files_or_in_the_photos_is_refused(few, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="no study's folder"):
        run(tmp_path, few)
    with pytest.raises(OutputError, match="only read from"):
        run(few / "study", few)
    with pytest.raises(SourceError):
        run(tmp_path / "new", tmp_path / "nowhere")
