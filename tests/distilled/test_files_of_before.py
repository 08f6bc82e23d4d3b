"""Files that commit 7ccf13e (gsdd 0.1.0) wrote open, verify, decode and merge as they did then, or are refused by name.

Beside them lies what that commit made of them: the sha256 of the float32 latents, and the HR images in a row.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_file import edited, named

from gsdd.distilled.latent_set import read_latents
from gsdd.distilled.merge import merge
from gsdd.errors import FormatError
from gsdd.formats import container as files
from gsdd.inspect.verification import verify
from gsdd.recipe import Recipe, from_record

GOLDEN = Path(__file__).parents[1] / "golden"
LATENTS_SHA256 = json.loads((GOLDEN / "latents_sha256.json").read_text())
GIVEN_UP = {"uint4-ans.gsdd": "codec 'uint4-ans'", "shards.json": "an index of shards"}
# Of the image values, how many another machine may round the other way.
ROUNDED_OTHERWISE = 1e-3

each_file = pytest.mark.parametrize("name", LATENTS_SHA256)


def test_every_file_of_before_is_looked_at():
    assert {path.name for path in GOLDEN.iterdir() if path.suffix not in (".png", ".json")} | {"shards.json"} == {
        *LATENTS_SHA256,
        *GIVEN_UP,
    }


@each_file
def test_it_verifies_to_the_images_of_its_author(name):
    told = verify(GOLDEN / name, decode=True)
    assert told.problem is None
    assert told.decoding.note is None
    assert told.latents == len(read_latents(GOLDEN / name))


@each_file
def test_it_decodes_to_the_same_latents_and_images(name):
    distilled = read_latents(GOLDEN / name)
    assert hashlib.sha256(distilled.latents.numpy().tobytes()).hexdigest() == LATENTS_SHA256[name]
    generator, _ = distilled.load_generator()
    images = distilled.decode(generator, slice(None)).numpy().astype(int)
    recorded = np.asarray(Image.open((GOLDEN / name).with_suffix(".png"))).astype(int)
    difference = np.abs(np.concatenate(images, axis=2).transpose(1, 2, 0) - recorded)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= ROUNDED_OTHERWISE


@each_file
def test_its_recipe_is_read(name):
    recipe = from_record(read_latents(GOLDEN / name).manifest.recipe)
    assert isinstance(recipe, Recipe)
    assert (recipe.crops.hr_size, recipe.matching.iterations) == (32, 3)
    assert recipe.storage.target == {"deflated.gsdd": "2200B"}.get(name, "")


@pytest.mark.parametrize("container", ["safetensors", "hdf5"])
def test_it_converts_to_either_container_with_the_same_content(tmp_path, container):
    for name in LATENTS_SHA256:
        files.convert(GOLDEN / name, tmp_path / name, container=container)
        assert files.read(tmp_path / name).document == files.read(GOLDEN / name).document
    assert (tmp_path / "uint8.gsdd").read_bytes() == (tmp_path / "uint8.h5").read_bytes()


def test_files_of_other_classes_merge_into_the_bytes_of_before(tmp_path):
    merge([GOLDEN / "uint8.gsdd", GOLDEN / "other.gsdd"], tmp_path / "m.gsdd")
    assert (tmp_path / "m.gsdd").read_bytes() == (GOLDEN / "merged.gsdd").read_bytes()


def test_a_part_of_a_source_merges_as_any_file_and_keeps_what_it_says(tmp_path):
    report = merge([GOLDEN / "part.gsdd", GOLDEN / "other.gsdd"], tmp_path / "m.gsdd")
    merged, part, other = map(read_latents, (tmp_path / "m.gsdd", GOLDEN / "part.gsdd", GOLDEN / "other.gsdd"))
    assert report.classes == {"people": 2, "nature": 2}
    assert merged.latents.tolist() == [*part.latents.tolist(), *other.latents.tolist()]
    assert merged.manifest.run["origins"][0]["run"] == part.manifest.run
    assert "part" in part.manifest.run


@pytest.mark.parametrize("earlier", ["other.gsdd", "merged.gsdd"])
def test_recipes_that_tell_no_reduction_go_with_those_that_tell_the_sum(tmp_path, earlier):
    old = GOLDEN / earlier
    recipe = dict(files.read(GOLDEN / "other.gsdd").manifest.recipe)
    del recipe["reduction"]
    new = edited(GOLDEN / "other.gsdd", tmp_path / "new.gsdd", recipe=lambda _: recipe, classes=named("new"))
    for number, order in enumerate(([old, new], [new, old])):
        report = merge(order, tmp_path / f"{number}.gsdd")
        assert report.notes == ()
        assert files.read(report.path).manifest.recipe == recipe


@pytest.mark.parametrize("name", GIVEN_UP)
def test_what_is_no_longer_read_names_the_last_version_that_reads_it(tmp_path, name):
    path, target = GOLDEN / name, tmp_path / "m.gsdd"
    told = f"{path}: {GIVEN_UP[name]} is no longer read; gsdd 0.1.0 was the last version that reads it"
    for attempt in (
        lambda: read_latents(path),
        lambda: verify(path),
        lambda: merge([path], target),
        lambda: files.convert(path, target, container="hdf5"),
    ):
        with pytest.raises(FormatError) as caught:
            attempt()
        assert str(caught.value) == told
    assert not target.exists()
