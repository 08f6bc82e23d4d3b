"""Training as a job: each kind of data, what is written, and that an interrupted run ends in the same bytes."""

import json
from dataclasses import replace

import pytest
import torch
from alike import same_weights
from heard import Heard
from killed.seen import contents
from pairs.small_file import COMPACT
from spandrel import ModelLoader

from gsdd.errors import Interrupted, OutputError, RecipeError, SourceError
from gsdd.recipe import Recipe
from gsdd.run.compress import compress
from gsdd.selection.coreset import coreset
from gsdd.students.evaluation import evaluate
from gsdd.students.job import train
from gsdd.students.models import find_model
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.sources import Reading, read_pairs

TINY = TrainingRecipe(student="small", size="small", iterations=4, batch=2, crop=32)
GAN = replace(TINY, iterations=2, gan_iterations=2, discriminator_channels=4, perceptual="none")


@pytest.fixture(scope="module")
def validated(source):
    return {"validation": source / "scene", "validate_every": 2}


@pytest.fixture(scope="module")
def whole(source, validated, tmp_path_factory):
    """All files of an uninterrupted run."""
    target = tmp_path_factory.mktemp("whole") / "m.safetensors"
    train(source, target, recipe=GAN, **validated)
    return contents(target.parent)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "m.safetensors"


def stopped(source, target, recipe, after, **options):
    """Run until it has asked `after` times whether to stop."""
    heard = Heard(lambda asked: asked == after)
    with pytest.raises(Interrupted, match=r"\.m\.safetensors\.checkpoint"):
        train(source, target, recipe=recipe, monitor=heard, **options)
    return heard


def read(data, seed=0, **how):
    return read_pairs(data, replace(TINY, seed=seed), Reading(**how))


def test_whole_photos_of_class_folders(source):
    pairs = read(source)
    assert [image.shape for image in pairs.hr] == [(3, 200, 240)] * 7
    assert sorted(set(pairs.classes)) == ["animal", "scene", "thing"]


def test_a_flat_folder_is_one_class(source):
    assert read(source / "thing").classes == ("thing",) * 3


def test_decoding_is_told(small_file):
    heard = Heard()
    read_pairs(small_file, TINY, Reading(), monitor=heard)
    assert heard.stages == [("decode", 8, 12), ("decode", 12, 12)]
    assert heard.notes == []


def test_a_subset_is_so_many_crops_as_evenly_over_the_classes_as_can_be(source):
    pairs = read(source, subset=7, subset_size=48)
    assert [pairs.classes.count(name) for name in ("animal", "scene", "thing")] == [3, 2, 2]
    assert {image.shape for image in pairs.hr} == {(3, 48, 48)}
    assert pairs.sha256 == read(source, subset=7, subset_size=48).sha256
    assert pairs.sha256 != read(source, subset=7, subset_size=48, seed=1).sha256


def test_a_file_gives_what_gsdd_pairs_serves(small_file):
    import gsdd

    served = gsdd.DistilledPairs(small_file, use_hflip=False, use_rot=False)
    pairs = read(small_file)
    for number in range(len(served)):
        assert torch.from_numpy(pairs.hr[number]).float().div(255).equal(served[number]["gt"])
        assert torch.from_numpy(pairs.lr[number]).float().div(255).equal(served[number]["lq"])
    assert pairs.classes == ("animal",) * 5 + ("scene",) * 3 + ("thing",) * 4


def test_several_files_are_one_set(small_file, tmp_path):
    other = tmp_path / "other.gsdd"
    other.write_bytes(small_file.read_bytes())
    one, both = read(small_file), read([small_file, other])
    assert len(both) == 2 * len(one) == 24
    assert both.classes == one.classes * 2
    assert both.names == (*one.names, *(name.replace(small_file.name, other.name) for name in one.names))
    assert all(image.tobytes() == again.tobytes() for image, again in zip(both.lr[12:], one.lr, strict=True))
    assert read(str(tmp_path / "*.gsdd")).names == both.names[12:]
    with pytest.raises(SourceError, match="is a folder among several data"):
        read([small_file, tmp_path])


def test_every_kind_of_data_trains(source, small_file, tmp_path):
    coreset(source, tmp_path / "coreset", ipc=2, method="random", hr_size=48)
    kinds = [(small_file, Reading(), 12), (source, Reading(), 7), (tmp_path / "coreset", Reading(), 6)]
    kinds.append((source, Reading(subset=3, subset_size=48), 3))
    for data, reading, pairs in kinds:
        assert train(data, tmp_path / f"{pairs}.safetensors", recipe=TINY, reading=reading).pairs == pairs


def test_the_result_opens_here_and_in_spandrel(source, target):
    train(source, target, recipe=replace(TINY, student="compact"))
    model = find_model(str(target))
    opened = ModelLoader().load_from_file(target)
    assert (opened.architecture.id, opened.scale) == ("Compact", 4) and model.about.startswith("student compact, ")
    assert same_weights(opened.model, model.network)


def test_a_log_a_curve_and_pictures_lie_beside_the_model(source, target):
    report = train(source, target, recipe=TINY, validation=source / "scene", validate_every=2)
    log = json.loads(target.with_suffix(".json").read_text())
    assert [point["step"] for point in log["points"]] == [1, 2, 3, 4]
    assert [entry["step"] for entry in log["validations"]] == [2, 4]
    assert log["validations"][-1]["psnr_y"] == report.psnr_y
    assert target.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert len(list(target.with_name("m-validation").rglob("*.png"))) == 2


@pytest.mark.parametrize("student", ["small", "sftgan"])
def test_validation_is_what_evaluate_measures(source, target, student):
    report = train(source, target, recipe=replace(TINY, student=student), validation=source)
    found = evaluate(target, source, metrics=["psnr-y"])
    assert report.psnr_y == pytest.approx(found.mean("psnr-y"), abs=1e-3)
    assert found.model == "m.safetensors" and found.about.startswith(f"student {student}, ")


def test_an_sftgan_is_given_the_class_that_a_photo_s_folder_names(source, target):
    """Without it all would be background, and the numbers of its validation others."""
    train(source, target, recipe=replace(TINY, student="sftgan", iterations=1))
    model, grey = find_model(str(target)), torch.full((1, 3, 8, 8), 0.5)
    assert not model.of_class("animal")(grey).equal(model(grey))


@pytest.mark.parametrize("after", range(1, 5))
def test_stopped_after_any_step_it_goes_on_to_the_same_bytes(source, target, validated, whole, after):
    """Student, average, Adam, discriminator and its Adam: what any of them lost would show in the model or the log."""
    stopped(source, target, GAN, after, **validated)
    assert ".m.safetensors.checkpoint" in contents(target.parent)
    train(source, target, recipe=GAN, **validated)
    assert contents(target.parent) == whole


def test_another_recipe_or_other_data_are_refused_by_name(source, target):
    stopped(source, target, TINY, 2)
    with pytest.raises(OutputError, match=r"lr: there 0.0005, here 0.25\); give what it was made with"):
        train(source, target, recipe=replace(TINY, lr=0.25))
    with pytest.raises(OutputError, match=r"data \(sha256 of the pairs\): there"):
        train(source / "thing", target, recipe=TINY)
    train(source, target, recipe=replace(TINY, lr=0.25), force=True)
    assert target.exists()


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_and_refused_where_there_is_none(source, target):
    stopped(source, target, TINY, 2)
    newest, previous = target.with_name(".m.safetensors.checkpoint"), ".m.safetensors.checkpoint.previous"
    damage(newest)
    heard = stopped(source, target, TINY, 2)
    assert "digest does not match; the one before it is sound" in heard.notes[1]
    assert "continuing after step 1 of 4" in heard.notes[2]
    damage(newest)
    damage(newest.with_name(previous))
    with pytest.raises(OutputError, match="digest does not match; `force=True`"):
        train(source, target, recipe=TINY)


def test_the_checkpoint_of_a_compression_is_not_taken_for_that_of_a_training(source, target):
    with pytest.raises(Interrupted):
        compress(source, target, recipe=Recipe.preset("quick").changed({"crops.ipc": 1, "generator": COMPACT}),
                 monitor=Heard(lambda asked: True))  # fmt: skip
    with pytest.raises(OutputError, match="is of another kind of job, 'inversion'; `force=True` starts anew"):
        train(source, target, recipe=TINY)


def damage(checkpoint):
    data = bytearray(checkpoint.read_bytes())
    data[-5] ^= 1
    checkpoint.write_bytes(data)


@pytest.mark.parametrize("name", ["m.safetensors", "m.json", "m.png", "m-validation"])
def test_nothing_that_was_there_is_replaced(source, target, name):
    target.with_name(name).write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        train(source, target, recipe=TINY)
    assert contents(target.parent) == {name: b"mine"}


def test_what_cannot_be_trained_on_is_refused(source, small_file, target):
    with pytest.raises(SourceError):
        train(target.with_name("none"), target, recipe=TINY)
    with pytest.raises(SourceError, match="make the coreset as a folder"):
        train(target.with_name("list.csv"), target, recipe=TINY)
    with pytest.raises(RecipeError, match="a subset is of a folder"):
        train(small_file, target, recipe=TINY, reading=Reading(subset=3))
    with pytest.raises(OutputError, match=r"\.safetensors"):
        train(source, target.with_suffix(".pth"), recipe=TINY)
    with pytest.raises(OutputError, match="only read from"):
        train(source, source / "m.safetensors", recipe=TINY)
