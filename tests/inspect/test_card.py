"""The card of a file, read by the Hub's own class."""

import re
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import DatasetCard
from PIL import Image
from sample_file import edited, named

import gsdd
from gsdd.errors import OutputError
from gsdd.inspect.card import card
from gsdd.pairs.dataset import DistilledPairs


@pytest.fixture
def written(small_file, tmp_path):
    return card(small_file, tmp_path / "README.md")


def test_the_hub_s_class_reads_the_front_matter(written):
    data = DatasetCard.load(written.path).data
    assert data.pretty_name == "small"
    assert data.license == "unknown"
    assert data.task_categories == ["image-to-image"]
    assert data.size_categories == ["n<1K"]
    assert "super-resolution" in data.tags


def test_a_licence_that_the_hub_does_not_know_is_other_with_its_name(small_file, tmp_path):
    def licensed(name):
        from dataclasses import replace

        file = edited(small_file, tmp_path / "b.gsdd", source=lambda source: replace(source, licence=name))
        return DatasetCard.load(card(file, tmp_path / "b.md", previews=0, force=True).path).data

    assert licensed("CC-BY-4.0").license == "cc-by-4.0"
    other = licensed("ask: me # first")
    assert (other.license, other.license_name) == ("other", "ask: me # first")


def test_pictures_are_the_first_image_of_each_class_and_shown(written, small_file):
    assert [path.name for path in written.previews] == ["animal.png", "scene.png", "thing.png"]
    images = gsdd.open(small_file).images()
    for path, number in zip(written.previews, (0, 5, 8), strict=True):
        with Image.open(path) as picture:
            assert np.array_equal(np.asarray(picture), images[number].permute(1, 2, 0).numpy())
        assert f"(previews/{path.name})" in written.path.read_text()


def test_it_says_how_to_load_it_and_that_runs(written, small_file, monkeypatch):
    code = re.search(r"```python\n(.*?)```", written.path.read_text(), re.S)[1]
    monkeypatch.chdir(small_file.parent)
    names: dict = {}
    exec(code, names)
    assert isinstance(names["pairs"], DistilledPairs)
    assert len(names["pairs"]) == 12


def test_it_tells_classes_licences_privacy_and_what_is_saved(written, small_file):
    text, manifest = written.path.read_text(), gsdd.open(small_file).manifest
    assert "| animal | 5 |\n| scene | 3 |\n| thing | 4 |" in text
    assert f"{manifest.source.images:,} files, {manifest.source.bytes:,} bytes" in text
    assert manifest.generator.fingerprint in text
    assert "Generator: BSD-3-Clause" in text
    assert "privacy" in text


def test_a_class_is_no_markup(small_file, tmp_path):
    file = edited(small_file, tmp_path / "c.gsdd", classes=named("a|b", "<b>c", "[d](e)"))
    text = card(file, tmp_path / "c.md", previews=0).path.read_text()
    assert "| a\\|b | 5 |" in text
    assert "\\<b\\>c" in text
    assert "\\[d\\]\\(e\\)" in text


def test_nothing_is_replaced_unasked(written, small_file):
    with pytest.raises(OutputError, match=r"README\.md: exists already; `force=True` replaces it"):
        card(small_file, written.path)
    with pytest.raises(OutputError, match=r"a card is a \.md file"):
        card(small_file, Path("README"))
    card(small_file, written.path, force=True)
