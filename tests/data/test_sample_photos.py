"""Real photos from installed packages."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from gsdd.data.catalog import scan
from gsdd.data.sample_photos import SAMPLE_PHOTOS, package_photos

REPOSITORY = Path(__file__).parents[2]


def test_the_packages_photos_make_a_source_of_six_classes_of_two(tmp_path):
    catalog = scan(package_photos(tmp_path), min_size=128, on_bad_image="fail")
    sizes = {photo_class.name: len(photo_class.photos) for photo_class in catalog.classes}
    assert sizes == {"building": 2, "ground": 2, "nature": 2, "object": 2, "people": 2, "sky": 2}
    assert catalog.ignored == 0


def test_a_photo_with_an_adobe_rgb_profile_is_among_them_and_conversions_are_counted(tmp_path):
    conversions = scan(package_photos(tmp_path), min_size=128).conversions
    assert conversions == {"grey to RGB": 5, "RGB to sRGB by its ICC profile (Adobe RGB (1998))": 1}


def test_files_that_are_there_are_left_alone(tmp_path):
    package_photos(tmp_path)
    marked = tmp_path / "sky" / "rocket.jpg"
    marked.write_bytes(b"mine")
    package_photos(tmp_path)
    assert marked.read_bytes() == b"mine"


def test_every_photo_has_a_licence_and_a_place_of_its_own():
    assert all(photo.licence for photo in SAMPLE_PHOTOS)
    assert Counter(photo.path for photo in SAMPLE_PHOTOS).most_common(1)[0][1] == 1


def test_without_the_packages_the_error_names_them(tmp_path):
    # -S leaves out the installed packages, which these two modules do not need.
    code = "import pathlib, sys; from {} import package_photos; package_photos(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-S", "-c", code.format(package_photos.__module__), str(tmp_path / "photos")]
    result = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(REPOSITORY)}, check=False)
    assert "MissingExtraError: the sample photo data/brick.png of skimage is not installed" in result.stderr
    assert "pip install scikit-image scikit-learn" in result.stderr
    assert not (tmp_path / "photos").exists()
