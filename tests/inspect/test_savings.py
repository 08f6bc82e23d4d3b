import io
import json
from dataclasses import replace

import numpy as np
import pytest
from heard import Heard
from pairs.small_file import COMPACT, copy_photos
from PIL import Image

from gsdd.data.catalog import scan
from gsdd.data.crops import grid_crops, read_crops
from gsdd.errors import FormatError, RecipeError, SourceError
from gsdd.inspect.avif import SETTINGS
from gsdd.inspect.savings import sample_photos, savings
from gsdd.selection.starting import starting_crops


@pytest.fixture(scope="module")
def report(source, small_file):
    return savings(source, small_file)


def recoded(path, **setting):
    buffer = io.BytesIO()
    with Image.open(path) as photo:
        photo.save(buffer, **setting)
    return buffer.tell()


def test_images_saved_is_the_count_that_the_paper_reports(report):
    assert (report.images, report.latents) == (7, 12)
    assert report.images_saved == 1 - 12 / 7
    assert pytest.approx(0.932, abs=5e-4) == 1 - 700 / 10_324


def test_the_source_counts_as_found(report, source, small_file):
    found = report.whole_source[0]
    assert (found.name, found.estimated) == ("as found", False)
    assert found.bytes == sum(path.stat().st_size for path in source.glob("*/*"))
    assert found.saved == 1 - small_file.stat().st_size / found.bytes


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("PNG", {"format": "PNG", "optimize": True}),
        ("WebP lossless", {"format": "WEBP", "lossless": True}),
        ("AVIF q75", {"format": "AVIF", "quality": 75}),
    ],
)
def test_a_sample_of_all_photos_gives_the_exact_size_in_each_codec(report, source, name, setting):
    baseline = next(each for each in report.whole_source if each.name == name)
    assert report.sampled == 7
    assert not baseline.estimated
    assert baseline.bytes == sum(recoded(path, **setting) for path in source.glob("*/*"))


def test_the_generator_counts_with_two_bytes_a_weight(report, small_file):
    assert report.generator == COMPACT
    assert report.generator_bytes == 2 * 621_424
    assert report.generator_bytes_fp32 == 4 * 621_424
    for baseline in (*report.whole_source, *report.random_crops):
        assert baseline.saved_with_generator == 1 - (small_file.stat().st_size + 2 * 621_424) / baseline.bytes


def test_a_file_that_is_larger_saves_a_negative_share(report):
    assert report.images_saved < 0
    assert all(baseline.saved_with_generator < 0 for baseline in report.random_crops)


def test_bits_per_pixel_are_those_of_the_file_over_the_images_it_gives_back(report, small_file):
    assert report.bits_per_hr_pixel == small_file.stat().st_size * 8 / (12 * 64 * 64)


def test_a_sample_is_scaled_by_pixels_and_said_to_be(source, small_file):
    report = savings(source, small_file, sample=3)
    records = sample_photos(scan(source, min_size=64), 3, 0)
    pixels = [record.width * record.height for record in records]
    sizes = [recoded(record.file, format="PNG", optimize=True) for record in records]
    png = report.whole_source[1]
    assert (report.sampled, png.estimated) == (3, True)
    assert png.bytes == round(sum(sizes) * 7 * 240 * 200 / sum(pixels))


def test_the_sample_spreads_over_the_classes_and_follows_the_seed(source):
    catalog = scan(source, min_size=64)
    samples = {seed: [record.path for record in sample_photos(catalog, 3, seed)] for seed in range(8)}
    assert all(len({path.split("/")[0] for path in paths}) >= 2 for paths in samples.values())
    assert samples[0] == [record.path for record in sample_photos(catalog, 3, 0)]
    assert len({tuple(paths) for paths in samples.values()}) > 1
    everyone = {record.path for each in catalog.classes for record in each.photos}
    assert {path for paths in samples.values() for path in paths} == everyone


def test_random_crops_have_the_size_and_number_of_the_images_in_the_file(report):
    raw = 12 * 64 * 64 * 3
    png, webp, avif = report.random_crops
    assert 0.2 * raw < png.bytes < 1.1 * raw
    assert avif.bytes < webp.bytes < png.bytes
    assert all(baseline.estimated for baseline in report.random_crops)


def test_equal_seeds_give_equal_reports(report, source, small_file):
    assert savings(source, small_file) == report
    assert savings(source, small_file, seed=1).random_crops != report.random_crops


def test_another_folder_is_noted(report, small_file, source, tmp_path):
    assert report.note is None
    other = copy_photos(tmp_path / "other")
    (other / "scene" / "rocket.png").unlink()
    note = savings(other, small_file).note
    assert "not the folder that the file was made from" in note
    assert "has 6 photos" in note
    assert "from 7" in note


def test_the_monitor_hears_of_the_stages_and_of_another_folder(source, small_file, tmp_path):
    monitor = Heard()
    savings(source, small_file, sample=3, monitor=monitor)
    assert monitor.stages[6] == ("photos", 7, 7)
    assert monitor.stages[-1] == ("re-encoding", 3, 3)
    assert monitor.notes == []
    (copy_photos(tmp_path / "other") / "scene" / "rocket.png").unlink()
    report = savings(tmp_path / "other", small_file, sample=1, monitor=monitor)
    assert monitor.notes == [report.note]


def test_the_report_is_plain_json(report):
    document = json.loads(json.dumps(report.to_dict()))
    assert document["whole_source"][1] == {
        "name": "PNG",
        "bytes": report.whole_source[1].bytes,
        "estimated": False,
        "saved": report.whole_source[1].saved,
        "saved_with_generator": report.whole_source[1].saved_with_generator,
    }
    assert replace(report, note="x").to_dict()["note"] == "x"


def test_what_cannot_be_compared_is_refused(source, small_file, tmp_path):
    with pytest.raises(RecipeError):
        savings(source, small_file, sample=0)
    with pytest.raises(SourceError):
        savings(tmp_path, small_file)
    (tmp_path / "damaged.gsdd").write_bytes(small_file.read_bytes()[:-1])
    with pytest.raises(FormatError):
        savings(source, tmp_path / "damaged.gsdd")


def test_the_same_bytes_hold_as_many_herded_crops_as_their_mean_size_says(report, source, small_file):
    """Of all seven photos: the crops by the definition of herding, stored one below the other by Pillow."""
    catalog = scan(source, min_size=64)
    counts = [min(-(-32 // len(catalog.classes)), len(grid_crops(catalog, k, 64))) for k in range(len(catalog.classes))]
    crops = starting_crops(catalog, counts, 64, 0, "herding")
    pixels = read_crops(catalog, crops, 64)
    for place, quality in zip(report.in_its_place, (15, 30), strict=True):
        buffer = io.BytesIO()
        strip = Image.fromarray(np.concatenate([crop.transpose(1, 2, 0) for crop in pixels]))
        strip.save(buffer, "AVIF", quality=quality, **SETTINGS)
        each, size = len(buffer.getvalue()) / len(crops), small_file.stat().st_size
        assert place.quality == quality
        assert (place.crops, place.crops_with_generator) == (int(size / each), int((size + 2 * 621_424) / each))
    assert report.in_its_place[0].crops > report.in_its_place[1].crops
