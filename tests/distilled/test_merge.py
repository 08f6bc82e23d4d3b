"""Files of other classes merge: each adds its classes behind the others and leaves the rest alone."""

import hashlib
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from recipes import SMALL, run
from sample_file import MANIFEST, edited, named, without_signatures, write_sample

from gsdd.distilled.latent_set import read_latents
from gsdd.distilled.merge import merge
from gsdd.errors import FormatError, MergeError, OutputError, SourceError
from gsdd.formats import container as files
from gsdd.formats.manifest import ManifestClass, ManifestSource
from gsdd.formats.origins import origins_of
from gsdd.inspect.planned import planned_crops


@pytest.fixture
def old(tmp_path):
    """Two classes, three latents."""
    return write_sample(tmp_path / "old.gsdd")


@pytest.fixture
def new(old, tmp_path):
    source = ManifestSource(images=4, bytes=100, sha256="d4" * 32, skipped=2, ignored=1, licence="CC-BY-4.0")
    return edited(old, tmp_path / "new.gsdd", classes=named("desert", "ice"), source=lambda _: source)


def test_new_classes_stand_behind_the_old_ones_whose_bytes_stay(old, new, tmp_path):
    report = merge([old, new], tmp_path / "m.gsdd")
    before, after, merged = (files.read(path) for path in (old, new, tmp_path / "m.gsdd"))
    assert report.classes == {"Gebäude": 2, "sky": 1, "desert": 2, "ice": 1}
    assert merged.tensors["class_index"].tolist() == [0, 0, 1, 2, 2, 3]
    for name in before.tensors.keys() - {"class_index"}:
        assert merged.tensors[name].tobytes() == before.tensors[name].tobytes() + after.tensors[name].tobytes()
    assert merged.manifest.generator == before.manifest.generator


@pytest.mark.parametrize("method", ["random", "herding"])
def test_classes_that_are_compressed_apart_merge_into_the_latents_of_one_run(source, tmp_path, method):
    recipe = {**SMALL, "ipc": 2, "codec": "fp32", "crops": method}
    run(source, tmp_path / "whole.gsdd", **recipe)
    apart = [run(folder, tmp_path / f"{folder.name}.gsdd", **recipe) for folder in sorted(source.iterdir())]
    merge([report.path for report in apart], tmp_path / "m.gsdd")
    whole, merged = files.read(tmp_path / "whole.gsdd"), files.read(tmp_path / "m.gsdd")
    assert merged.manifest.classes == whole.manifest.classes
    assert merged.manifest.recipe == whole.manifest.recipe
    for name, tensor in whole.tensors.items():
        assert merged.tensors[name].tobytes() == tensor.tobytes()


def test_streams_and_signatures_of_classes_stand_behind_each_other_too(tmp_path):
    one = write_sample(tmp_path / "one.gsdd", "dct")
    two = edited(one, tmp_path / "two.gsdd", classes=named("desert", "ice"))
    merge([one, two], tmp_path / "m.gsdd")
    before, merged = files.read(one), files.read(tmp_path / "m.gsdd")
    for name in before.tensors.keys() - {"class_index"}:
        assert merged.tensors[name].tobytes() == 2 * before.tensors[name].tobytes()
    assert files.latents_of(merged).tolist() == 2 * files.latents_of(before).tolist()


def test_a_source_that_two_files_hold_classes_of_counts_once(old, tmp_path):
    rest = edited(
        old, tmp_path / "rest.gsdd", classes=named("x", "y"), source=lambda source: replace(source, licence="CC-BY-4.0")
    )
    merge([old, rest], tmp_path / "m.gsdd")
    manifest = files.read(tmp_path / "m.gsdd").manifest
    assert manifest.source == replace(MANIFEST.source, licence="CC0-1.0; CC-BY-4.0")
    assert len(origins_of(manifest)) == 2


def test_a_merged_file_sums_its_sources_and_keeps_each(old, new, tmp_path):
    merge([old, new], tmp_path / "m.gsdd")
    manifest = files.read(tmp_path / "m.gsdd").manifest
    digest = hashlib.sha256(f"{'c3' * 32}\n{'d4' * 32}\n".encode()).hexdigest()
    assert manifest.source == ManifestSource(7, 12_445, digest, 3, 1, "CC0-1.0; CC-BY-4.0")
    assert manifest.recipe == MANIFEST.recipe
    sources = [files.read(path).manifest.source for path in (old, new)]
    assert [(origin.classes, origin.run, origin.source) for origin in origins_of(manifest)] == [
        (("Gebäude", "sky"), MANIFEST.run, sources[0]),
        (("desert", "ice"), MANIFEST.run, sources[1]),
    ]


def test_it_does_not_matter_in_how_many_steps_files_are_merged(old, new, tmp_path):
    third = edited(new, tmp_path / "third.gsdd", classes=named("x", "y"), source=lambda s: replace(s, sha256="e5" * 32))
    merge([old, new, third], tmp_path / "once.gsdd")
    merge([old, new], tmp_path / "first.gsdd")
    merge([tmp_path / "first.gsdd", third], tmp_path / "twice.gsdd")
    assert (tmp_path / "twice.gsdd").read_bytes() == (tmp_path / "once.gsdd").read_bytes()


def test_one_whole_file_is_copied(old, tmp_path):
    merge([old], tmp_path / "m.gsdd")
    assert (tmp_path / "m.gsdd").read_bytes() == old.read_bytes()


def test_another_number_of_steps_is_noted_and_kept_with_its_classes(old, new, tmp_path):
    first = edited(old, tmp_path / "a.gsdd", recipe=lambda recipe: {**recipe, "seed": 0})
    other = edited(new, tmp_path / "b.gsdd", recipe=lambda recipe: {**recipe, "seed": 1})
    report = merge([first, other], tmp_path / "m.gsdd")
    assert report.notes == (f"seed: {first} has 0, {other} has 1; the file tells which classes have which",)
    manifest = files.read(tmp_path / "m.gsdd").manifest
    assert "seed" not in manifest.recipe
    assert [origin.recipe["seed"] for origin in origins_of(manifest)] == [0, 1]


def test_crops_of_a_merged_file_are_not_looked_for_in_a_folder(small_file, source, tmp_path):
    new = edited(small_file, tmp_path / "b.gsdd", classes=named("x", "y", "z"),
                 source=lambda source: replace(source, sha256="0" * 64))  # fmt: skip
    merge([small_file, new], tmp_path / "m.gsdd")
    with pytest.raises(SourceError, match=r"m\.gsdd: was merged from 2 runs"):
        planned_crops(read_latents(tmp_path / "m.gsdd"), source)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"classes": named("desert", "sky")}, r"class sky is in .*old\.gsdd and in .*bad\.gsdd"),
        ({"generator": lambda g: replace(g, fingerprint="0" * 64)}, r"bad\.gsdd: generator: got .*, but .*old\.gsdd"),
        ({"recipe": lambda r: {**r, "lr": 0.5}}, r"bad\.gsdd: lr: got 0\.5, but .*old\.gsdd has 0\.001: another"),
        ({"recipe": lambda r: {**r, "later": 1}}, r"later: got 1, but .* has 'none'"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_by_name(old, new, tmp_path, change, told):
    bad = edited(new, tmp_path / "bad.gsdd", **change)
    with pytest.raises(MergeError, match=told):
        merge([old, bad], tmp_path / "m.gsdd")
    assert not (tmp_path / "m.gsdd").exists()


def test_another_codec_is_refused(old, tmp_path):
    halves = write_sample(tmp_path / "halves.gsdd", "fp16")
    bad = edited(halves, tmp_path / "bad.gsdd", classes=named("desert", "ice"))
    with pytest.raises(MergeError, match=r"bad\.gsdd: codec: got fp16, but .*old\.gsdd has uint8"):
        merge([old, bad], tmp_path / "m.gsdd")


def test_a_file_twice_or_none_at_all_is_refused(old, new, tmp_path):
    with pytest.raises(MergeError, match=r"class Gebäude is in .*old\.gsdd and in .*old\.gsdd"):
        merge([new, old, old], tmp_path / "m.gsdd")
    with pytest.raises(MergeError, match="got no files"):
        merge([], tmp_path / "m.gsdd")


def test_a_file_without_signatures_is_refused(old, new, tmp_path):
    new.write_bytes(without_signatures(new.read_bytes()))
    with pytest.raises(MergeError, match=r"new\.gsdd: is of format 1\.0"):
        merge([old, new], tmp_path / "m.gsdd")


@pytest.mark.parametrize("origins", [3, [], [3], [{"classes": ["sky"], "recipe": {}, "run": {}, "source": {}}]])
def test_origins_that_no_merge_writes_are_an_unsound_file(old, tmp_path, origins):
    bad = edited(old, tmp_path / "bad.gsdd", run=lambda run: {"origins": origins})
    with pytest.raises(FormatError, match=r"bad\.gsdd: run\.origins"):
        merge([bad], tmp_path / "m.gsdd")


def test_an_input_is_never_the_output(old, new):
    before = old.read_bytes()
    with pytest.raises(OutputError, match="is the source itself"):
        merge([new, old], old, force=True)
    assert old.read_bytes() == before


def test_memory_holds_the_latents_once_and_one_of_the_files(tmp_path):
    latents, count = np.random.default_rng(0).random((20, 3, 64, 64), np.float32), 8
    paths = []
    for number in range(count):
        manifest = replace(MANIFEST, hr_size=256, codec="fp32", classes=(ManifestClass(f"{number}", 20),))
        paths.append(tmp_path / f"{number}.gsdd")
        arrays = files.Arrays(latents, np.zeros(20, np.int32), np.zeros((20, 8, 8), np.uint8))
        files.write(paths[-1], manifest, arrays)
    tracemalloc.start()
    merge(paths, tmp_path / "m.gsdd")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Checked for NaN while it is written: a byte for each number.
    assert peak < latents.nbytes * (count * 1.25 + 2.1)
