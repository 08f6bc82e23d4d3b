from dataclasses import replace

import numpy as np
import pytest
import torch
from heard import Heard
from pairs.small_file import compact_generator, copy_photos, write_small_file
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from gsdd.data.crops import crops_digest, read_crops
from gsdd.distill.run import Run
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import FormatError, OutputError, RecipeError, SourceError
from gsdd.inspect.contact_sheet import contact_sheet
from gsdd.inspect.planned import planned_crops
from gsdd.inspect.reinvert import invert_again, recipe_of
from gsdd.inspect.sheet import LABEL_WIDTH, MARGIN, Row, Tile, draw_sheet


@pytest.fixture(scope="module")
def file(tmp_path_factory, source):
    return write_small_file(tmp_path_factory.mktemp("file") / "small.gsdd", source, hr_size=128)


def holds(sheet, image):
    """Whether a sheet shows an image, pixel for pixel; the sheet's tiles start in columns that we search."""
    wanted = image.transpose(1, 2, 0)
    side = wanted.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(sheet[..., 0], (1, side))[:, :, 0]
    rows, columns = np.nonzero((windows == wanted[0, :, 0]).all(axis=-1))
    return any(np.array_equal(sheet[y : y + side, x : x + side], wanted) for y, x in zip(rows, columns, strict=True))


def test_the_sheet_shows_real_inverted_and_distilled_images_unchanged(file, source, tmp_path):
    report = contact_sheet(file, tmp_path / "sheet.png", source=source, per_class=2)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    distilled = read_latents(file)
    shown = [0, 1, 5, 6, 8, 9]
    catalog, crops = planned_crops(distilled, source)
    real = read_crops(catalog, [crops[number] for number in shown], 128)
    assert sheet.shape == (report.height, report.width, 3)
    inverted = invert_again(Run(recipe_of(distilled.manifest), compact_generator()), catalog, real, shown)
    for images in (real, inverted, distilled.decode(compact_generator(), shown).numpy()):
        assert all(holds(sheet, image) for image in images)
    assert not holds(sheet, distilled.decode(compact_generator(), [2]).numpy()[0])


def test_the_inversion_is_repeated_with_the_steps_that_the_run_made(file):
    manifest = read_latents(file).manifest
    assert recipe_of(manifest).inversion.steps == 2
    assert recipe_of(replace(manifest, run={"inversion_steps": 1})).inversion.steps == 1
    with pytest.raises(RecipeError, match="does not know"):
        recipe_of(replace(manifest, recipe={"later": 1}))


def test_the_planned_crops_are_those_that_the_latents_were_made_from(file, source):
    distilled = read_latents(file)
    catalog, crops = planned_crops(distilled, source)
    real = read_crops(catalog, crops, 128)
    given_back = distilled.decode(compact_generator(), range(12)).numpy()
    decibels = [[peak_signal_noise_ratio(a, b) for b in real] for a in given_back]
    assert np.argmax(decibels, axis=1).tolist() == list(range(12))


def test_without_the_source_the_sheet_shows_distilled_images_alone(file, tmp_path):
    contact_sheet(file, tmp_path / "sheet.png", per_class=5)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    images = read_latents(file).decode(compact_generator(), range(12)).numpy()
    assert all(holds(sheet, image) for image in images)


def test_equal_calls_give_equal_bytes(file, source, tmp_path):
    for name in ("a.png", "b.png"):
        contact_sheet(file, tmp_path / name, source=source)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_another_folder_is_refused(file, tmp_path):
    other = copy_photos(tmp_path / "other")
    (other / "scene" / "rocket.png").unlink()
    with pytest.raises(SourceError, match="not the folder"):
        contact_sheet(file, tmp_path / "sheet.png", source=other)
    assert not (tmp_path / "sheet.png").exists()


def test_a_file_whose_crops_cannot_be_planned_again_is_refused(file, source):
    distilled = read_latents(file)
    for seed, error in (({}, FormatError), ({"seed": True}, FormatError), ({"seed": 8}, SourceError)):
        with pytest.raises(error):
            planned_crops(replace(distilled, manifest=replace(distilled.manifest, recipe=seed)), source)


def test_crops_at_other_places_of_the_same_photos_are_told(file, source):
    distilled = read_latents(file)
    catalog, crops = planned_crops(distilled, source)
    digests = {
        each.name: crops_digest([crop for crop in crops if crop.class_index == number])
        for number, each in enumerate(catalog.classes)
    }

    def again(written):
        run = {**distilled.manifest.run, "crops_sha256": written}
        return planned_crops(replace(distilled, manifest=replace(distilled.manifest, run=run)), source)[1]

    assert again(digests) == crops
    with pytest.raises(SourceError, match="another processor"):
        again({**digests, catalog.classes[1].name: crops_digest(crops[:2])})
    with pytest.raises(FormatError, match=r"run\.crops_sha256"):
        again({"sky": "0"})


def test_nothing_is_replaced_unless_forced(file, tmp_path):
    (tmp_path / "sheet.png").write_bytes(b"mine")
    for anything in (file, tmp_path / "nowhere.gsdd"):
        with pytest.raises(OutputError):
            contact_sheet(anything, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes() == b"mine"
    contact_sheet(file, tmp_path / "sheet.png", force=True)
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_options_without_meaning_are_refused(file, tmp_path):
    with pytest.raises(OutputError, match=r"ends in \.png"):
        contact_sheet(file, tmp_path / "sheet.jpg")
    with pytest.raises(RecipeError):
        contact_sheet(file, tmp_path / "sheet.png", per_class=0)
    assert not list(tmp_path.iterdir())


def flat_tile(value, side=128, caption=""):
    return Tile(np.full((3, side, side), value, dtype=np.uint8), caption)


def test_small_images_are_enlarged_by_a_whole_factor_without_smoothing():
    pixels = np.arange(3 * 48 * 48, dtype=np.uint8).reshape(3, 48, 48)
    sheet = np.asarray(draw_sheet("t", [], ["distilled"], [Row("a", "", ((Tile(pixels, ""),),))]))
    assert holds(sheet, pixels.repeat(3, axis=1).repeat(3, axis=2))


def test_texts_of_any_length_stay_out_of_the_images():
    long = "very long name " * 30
    rows = [Row(long, long, ((flat_tile(90, caption=long), flat_tile(200, caption=long)),))]
    sheet = np.asarray(draw_sheet("title", [], ["real crop", "distilled"], rows)).astype(int)
    for value in (90, 200):
        rows_of, columns_of = np.nonzero((sheet == value).all(axis=-1))
        assert np.ptp(rows_of) == np.ptp(columns_of) == 127
    assert (sheet[:, MARGIN + LABEL_WIDTH - 8 : MARGIN + LABEL_WIDTH] == 255).all()


def test_psnr_below_an_image_is_that_of_skimage(file, source):
    from gsdd.inspect.triptych import Column, compared

    real = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    noisy = np.clip(real.astype(int) + 7, 0, 255).astype(np.uint8)
    column = compared("distilled", noisy, [Column("real crop", real, ("", ""))])
    assert column.captions == tuple(f"{peak_signal_noise_ratio(a, b):.1f} dB" for a, b in zip(real, noisy, strict=True))
    assert torch.is_grad_enabled()


def test_a_sheet_of_many_classes_shows_the_first_of_them_and_says_so(tmp_path, source):
    names = [f"class {number:03}" for number in range(12)]
    path = write_small_file(tmp_path / "many.gsdd", source, class_names=names)
    heard = Heard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gsdd.inspect.contact_sheet.MOST_PIXELS", 3 * 4 * (64 + 128) ** 2)
        sheet = contact_sheet(path, tmp_path / "sheet.png", monitor=heard)
    assert "the sheet shows the first 3 of 12 classes" in heard.notes
    assert sheet.height < 800


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"inversion_steps": 10**9}, "at most 10000 and 16384 are repeated"),
        ({"feature_filters": 10**12}, "at most 10000 and 16384 are repeated"),
        ({"lr": "x"}, "lr"),
        ({"features": [1]}, "wanted|no run writes"),
        ({"target_bpp": {}, "target_size": [1]}, "wanted|no run writes"),
        ({"feature_weights": 7}, "wanted|no run writes"),
    ],
)
def test_a_recipe_of_a_file_that_no_run_wrote_is_refused_in_one_line(small_file, recipe, said):
    manifest = read_latents(small_file).manifest
    with pytest.raises(RecipeError, match=said) as caught:
        recipe_of(replace(manifest, recipe={**manifest.recipe, **recipe}))
    assert "\n" not in str(caught.value)
