import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from heard import Heard
from killed.seen import contents
from killed.seen import tree as bytes_and_times
from pairs.numpy_bicubic import downscale_by_hand
from pairs.small_file import compact_generator, write_small_file
from PIL import Image
from safetensors import safe_open
from spandrel import ModelLoader

from gsdd.errors import FingerprintError, GeneratorNotFoundError, Interrupted, OutputError, RecipeError
from gsdd.generators.export import export
from gsdd.generators.load import load_generator
from gsdd.pairs.expand import expand
from gsdd.pairs.tree import MARKER, RECORD, read_marker

NAMES = (
    [f"animal_{k:06d}" for k in range(5)]
    + [f"scene_{k:06d}" for k in (5, 6, 7)]
    + [f"thing_{k:06d}" for k in range(8, 12)]
)


@pytest.fixture(scope="module")
def expanded(tmp_path_factory, small_file):
    """One expansion that tests may read and must not change."""
    folder = tmp_path_factory.mktemp("expanded") / "e"
    expand(small_file, folder)
    return folder


@pytest.fixture
def own(expanded, tmp_path):
    """A copy of it that a test may change."""
    return shutil.copytree(expanded, tmp_path / "own")


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_the_tree_is_what_basicsr_reads(expanded):
    assert sorted(path.name for path in expanded.iterdir()) == [MARKER, RECORD, "HR", "LR_x4", "meta_info.txt"]
    for side in ("HR", "LR_x4"):
        assert sorted(path.name for path in (expanded / side).iterdir()) == [f"{name}.png" for name in NAMES]
    assert (expanded / "meta_info.txt").read_text() == "".join(f"{name}.png (64,64,3)\n" for name in NAMES)


def test_hr_images_are_those_of_numpy_and_spandrel_alone(expanded, small_file, tmp_path):
    export(compact_generator(), tmp_path / "g.safetensors")
    network = ModelLoader().load_from_file(tmp_path / "g.safetensors").model.eval()
    with safe_open(small_file, "numpy") as tensors:
        codes, scale, offset = (tensors.get_tensor(f"latents{part}") for part in ("", ".scale", ".offset"))
    latents = codes.astype(np.float32) * scale[..., None, None] + offset[..., None, None]
    with torch.no_grad():
        outputs = [network(torch.from_numpy(z[None]))[0] for z in latents]
    expected = np.stack([np.rint(255 * np.clip(hr.double().numpy(), 0, 1)).transpose(1, 2, 0) for hr in outputs])
    images = np.stack([pixels(expanded / "HR" / f"{name}.png") for name in NAMES])
    assert images.shape == (12, 64, 64, 3)
    assert np.abs(images - expected).max() <= 1
    assert np.mean(images != expected) <= 0.001


def test_lr_images_are_antialiased_bicubic_of_the_stored_hr(expanded):
    for name in NAMES:
        hr, lr = (pixels(expanded / side / f"{name}.png") for side in ("HR", "LR_x4"))
        assert np.abs(lr - downscale_by_hand(hr.transpose(2, 0, 1), 4).transpose(1, 2, 0)).max() <= 1


def test_a_second_run_changes_no_byte_and_no_time(expanded, small_file):
    before = bytes_and_times(expanded)
    report = expand(small_file, expanded)
    assert (report.written, report.kept) == (0, 12)
    assert bytes_and_times(expanded) == before


def test_a_second_run_needs_no_generator(tmp_path, source):
    weights = tmp_path / "mine.safetensors"
    export(compact_generator(), weights)
    file = write_small_file(tmp_path / "mine.gsdd", source, generator=load_generator(str(weights)))
    with pytest.raises(GeneratorNotFoundError):
        expand(file, tmp_path / "e")
    expand(file, tmp_path / "e", generator=str(weights))
    assert expand(file, tmp_path / "e").kept == 12


@pytest.mark.parametrize("lost", ["HR/scene_000006.png", "LR_x4/animal_000000.png", "HR/*", "meta_info.txt"])
def test_what_is_missing_is_completed_and_the_rest_is_kept(expanded, small_file, own, lost):
    doomed = list(own.glob(lost))
    for path in doomed:
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in own.rglob("*.png")}
    report = expand(small_file, own)
    assert report.written == len([path for path in doomed if path.suffix == ".png"])
    assert contents(own) == contents(expanded)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())


def test_an_empty_image_left_by_a_crash_is_written_again(expanded, small_file, own):
    (own / "HR" / "thing_000011.png").write_bytes(b"")
    assert expand(small_file, own).written == 1
    assert contents(own) == contents(expanded)


def test_the_monitor_hears_of_pairs_up_to_all_of_them(small_file, tmp_path):
    heard = Heard()
    expand(small_file, tmp_path / "e", monitor=heard)
    assert heard.stages == [("pairs", 0, 12), ("pairs", 8, 12), ("pairs", 12, 12)]
    (tmp_path / "e" / "HR" / "thing_000011.png").unlink()
    again = Heard()
    expand(small_file, tmp_path / "e", monitor=again)
    assert again.stages == [("pairs", 11, 12), ("pairs", 12, 12)]


def test_a_run_that_was_told_to_stop_can_go_on(expanded, small_file, tmp_path):
    with pytest.raises(Interrupted, match="interrupted after 8 of 12 pairs"):
        expand(small_file, tmp_path / "e", monitor=Heard(lambda asked: asked == 2))
    assert expand(small_file, tmp_path / "e").kept == 8
    assert contents(tmp_path / "e") == contents(expanded)


def test_several_files_are_one_tree_and_classes_of_one_name_are_one(expanded, small_file, source, tmp_path):
    """The second file has a class that the first one has too, and one that it has not."""
    further = tmp_path / "further.gsdd"
    write_small_file(further, source, counts=(1, 1, 0), class_names=("thing", "new"), seed=3)
    report = expand([small_file, further], tmp_path / "e", by_class=True)
    expand(further, tmp_path / "alone")
    assert (report.pairs, report.written) == (14, 14)
    flat, alone = contents(expanded / "HR"), contents(tmp_path / "alone" / "HR")
    assert contents(tmp_path / "e" / "HR") == {
        **{f"{name.split('_')[0]}/{name}.png": flat[f"{name}.png"] for name in NAMES},
        "thing/thing_000012.png": alone["thing_000000.png"],
        "new/new_000013.png": alone["new_000001.png"],
    }
    both = "".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in (small_file, further))
    assert read_marker(tmp_path / "e").file == hashlib.sha256(both.encode()).hexdigest()
    assert expand([small_file, further], tmp_path / "e", by_class=True).kept == 14
    (tmp_path / "e" / "HR" / "new" / "new_000013.png").unlink()
    assert expand([small_file, further], tmp_path / "e", by_class=True).written == 1
    with pytest.raises(OutputError, match="another file's images"):
        expand([further, small_file], tmp_path / "e", by_class=True)


def test_by_class_gives_each_class_a_folder(expanded, small_file, tmp_path):
    folder = tmp_path / "e"
    expand(small_file, folder, by_class=True)
    flat = contents(expanded)
    assert contents(folder / "HR") == {f"{name.split('_')[0]}/{name}.png": flat[f"HR/{name}.png"] for name in NAMES}
    assert (folder / "meta_info.txt").read_text().startswith("animal/animal_000000.png (64,64,3)\n")


def test_webp_holds_the_pixels_of_png(expanded, small_file, tmp_path):
    expand(small_file, tmp_path / "e", image_format="webp")
    for side in ("HR", "LR_x4"):
        for name in NAMES:
            webp = tmp_path / "e" / side / f"{name}.webp"
            assert webp.read_bytes()[8:12] == b"WEBP"
            assert np.array_equal(pixels(webp), pixels(expanded / side / f"{name}.png"))
    assert (tmp_path / "e" / "meta_info.txt").read_text().startswith("animal_000000.webp (64,64,3)\n")


def test_the_folder_is_named_after_the_file_in_the_current_directory(small_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = expand(small_file)
    assert report.folder == Path("small_expanded")
    assert (tmp_path / "small_expanded" / "HR" / "animal_000000.png").is_file()


def test_a_dry_run_counts_and_writes_nothing(small_file, tmp_path):
    report = expand(small_file, tmp_path / "e", dry_run=True)
    assert (report.pairs, report.written, report.kept) == (12, 12, 0)
    assert not (tmp_path / "e").exists()


HOSTILE = ["..\u2028x", "con", "-rf " + "я" * 100, "Con", "CON.png", "a:b*?", "a_b__", "$(rm x)", "~"]


def test_hostile_class_names_stay_inside_the_folder(source, tmp_path):
    file = write_small_file(tmp_path / "hostile.gsdd", source, counts=(3, 3, 3), class_names=HOSTILE)
    expand(file, tmp_path / "e" / "e", by_class=True)
    images = [Path(name) for name in contents(tmp_path) if name.endswith(".png")]
    folders = {path.parent.name for path in images if path.parts[2] == "HR"}
    assert all(path.parts[:2] == ("e", "e") for path in images)
    assert len(images) == 18
    assert folders == {
        "_x",
        "_con",
        "rf_" + "_" * 61,
        "_Con_2",
        "_CON.png",
        "a_b__",
        "a_b___2",
        "__rm_x_",
        "_",
    }


@pytest.mark.parametrize("inside", ["HR", "LR_x4", "HR/animal"])
def test_a_link_that_leads_out_of_the_folder_is_refused(small_file, tmp_path, inside):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "animal_000000.png").write_bytes(b"a photo of mine")
    link = tmp_path / "e" / inside
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside, target_is_directory=True)
    for force in (False, True):
        with pytest.raises(OutputError):
            expand(small_file, tmp_path / "e", by_class=True, force=force)
    assert contents(outside) == {"animal_000000.png": b"a photo of mine"}


def test_an_image_that_is_a_link_is_replaced_not_followed(expanded, small_file, own, tmp_path):
    (tmp_path / "mine.png").write_bytes(b"")
    image = own / "HR" / "animal_000000.png"
    image.unlink()
    image.symlink_to(tmp_path / "mine.png")
    expand(small_file, own)
    assert (tmp_path / "mine.png").read_bytes() == b""
    assert contents(own) == contents(expanded)


def test_a_folder_with_other_files_is_refused_unless_forced(expanded, small_file, tmp_path):
    folder = tmp_path / "e"
    (folder / "HR").mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (folder / "HR" / "animal_000000.png").write_bytes(b"not one of ours")
    before = contents(folder)
    with pytest.raises(OutputError, match=r"holds other files; .*`force=True`"):
        expand(small_file, folder)
    assert contents(folder) == before
    expand(small_file, folder, force=True)
    assert (folder / "notes.txt").read_text() == "mine"
    (folder / "notes.txt").unlink()
    assert contents(folder) == contents(expanded)


def test_a_file_where_the_folder_should_be_is_refused(small_file, tmp_path):
    (tmp_path / "e").write_text("mine")
    for force in (False, True):
        with pytest.raises(OutputError):
            expand(small_file, tmp_path / "e", force=force)
    assert (tmp_path / "e").read_text() == "mine"


def test_another_files_folder_is_refused_and_replaced_when_forced(small_file, source, tmp_path):
    larger = write_small_file(tmp_path / "larger.gsdd", source, counts=(6, 6, 6), seed=1)
    expand(larger, tmp_path / "e")
    before = contents(tmp_path / "e")
    with pytest.raises(OutputError, match="another file's images"):
        expand(small_file, tmp_path / "e")
    assert contents(tmp_path / "e") == before
    report = expand(small_file, tmp_path / "e", force=True)
    assert report.written == 12
    assert sorted(path.stem for path in (tmp_path / "e" / "HR").iterdir()) == NAMES
    assert (tmp_path / "e" / "meta_info.txt").read_text().count("\n") == 12


def test_the_same_file_in_another_form_is_refused(small_file, expanded):
    for options in ({"by_class": True}, {"image_format": "webp"}):
        with pytest.raises(OutputError, match="in another form"):
            expand(small_file, expanded, **options)


def test_force_writes_every_image_again(expanded, small_file, own):
    damaged = own / "HR" / "scene_000005.png"
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert expand(small_file, own, force=True).written == 12
    assert contents(own) == contents(expanded)


def test_other_weights_are_refused_unless_forced(small_file, tmp_path):
    with pytest.raises(FingerprintError):
        expand(small_file, tmp_path / "e", generator="realesrgan-x4plus-anime")
    assert not (tmp_path / "e").exists()
    heard = Heard()
    other = {"generator": "realesrgan-x4plus-anime", "force_generator": True}
    expand(small_file, tmp_path / "e", **other, device="cpu", monitor=heard)
    (note,) = heard.notes
    assert note.startswith(f"{small_file}: forced: ")
    for image in ("HR/animal_000000.png", "LR_x4/animal_000000.png"):
        with pytest.raises(OutputError, match="made with other weights"):
            expand(small_file, tmp_path / "e")
        (tmp_path / "e" / image).unlink()


def test_the_same_weights_from_a_file_go_on_with_the_same_folder(expanded, small_file, tmp_path):
    export(compact_generator(), tmp_path / "same.safetensors")
    before = bytes_and_times(expanded)
    heard = Heard()
    expand(small_file, expanded, generator=str(tmp_path / "same.safetensors"), device="cpu", monitor=heard)
    assert heard.notes == []
    assert bytes_and_times(expanded) == before


def test_the_marker_says_which_file_weights_and_form(expanded, small_file):
    assert json.loads((expanded / MARKER).read_bytes()) == {
        "file": hashlib.sha256(small_file.read_bytes()).hexdigest(),
        "generator": compact_generator().fingerprint,
        "by_class": False,
        "image_format": "png",
        "scales": "4",
        "to": "folder",
    }


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"file": 1}', b"\xff\xfe"])
def test_a_marker_that_cannot_be_read_is_none(tmp_path, content):
    (tmp_path / MARKER).write_bytes(content)
    assert read_marker(tmp_path) is None


def test_another_image_format_is_refused(small_file, tmp_path):
    with pytest.raises(RecipeError, match="`image_format`: got 'jpg'"):
        expand(small_file, tmp_path / "e", image_format="jpg")
    assert not (tmp_path / "e").exists()


def test_the_report_carries_configuration_for_each_trainer(small_file, tmp_path):
    report = expand(small_file, tmp_path / "e", dry_run=True)
    assert f'"{tmp_path}/e/HR"' in report.trainers["BasicSR"]
    assert report.to_dict()["trainers"] == report.trainers
