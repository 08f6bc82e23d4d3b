"""Parts of a source merge into the very file of one run; other sources add classes and leave the rest alone."""

import hashlib
import tracemalloc
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from pairs.small_file import copy_photos, write_small_file
from sample_file import MANIFEST, without_signatures, write_sample

import gsdd
from gsdd.errors import FormatError, Interrupted, MergeError, OutputError, RecipeError, SourceError
from gsdd.formats import container as files
from gsdd.formats.manifest import ManifestClass, ManifestSource
from gsdd.formats.origins import ManifestPart, origins_of, part_of
from gsdd.plan import make_plan
from gsdd.report import planned_crops
from gsdd.savings import savings

SMALL = {
    "preset": "quick", "generator": "realesr-animevideov3", "hr_size": 32, "crops": "random",
    "inversion_steps": 2, "iterations": 2,
    "real_batch": 2, "real_crops": 4, "feature_filters": 32, "calibration": 6, "ipc": 2, "codec": "fp32",
}  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three classes."""
    return copy_photos(tmp_path_factory.mktemp("source") / "photos")


def parts_of(photos, folder, count, **options):
    paths = [folder / f"{number}-of-{count}.gsdd" for number in range(1, count + 1)]
    for number, path in enumerate(paths, 1):
        gsdd.compress(photos, path, part=f"{number}/{count}", **(SMALL | options))
    return paths


@pytest.fixture(scope="module")
def halves(photos, tmp_path_factory):
    return parts_of(photos, tmp_path_factory.mktemp("halves"), 2)


@pytest.mark.parametrize(
    ("count", "options"),
    [
        (2, {"features": "local-fourier", "ipc": {"animal": 3, "*": 1}, "real_batch": 3}),
        (2, {"features": "resnet18"}),
        (3, {"features": "resnet18", "start": "noise", "inversion_features": 0.1}),
        (3, {"ipc": {"animal": 1, "scene": 2, "thing": 1}, "real_batch": 1, "codec": "uint8"}),
    ],
)
def test_parts_in_any_order_make_the_bytes_of_one_run(photos, tmp_path, count, options):
    gsdd.compress(photos, tmp_path / "whole.gsdd", **(SMALL | options))
    paths = parts_of(photos, tmp_path, count, **options)
    for number, order in enumerate(permutations(paths)):
        report = gsdd.merge(order, tmp_path / f"{number}.gsdd")
        assert (report.path.read_bytes(), report.notes) == ((tmp_path / "whole.gsdd").read_bytes(), ())
    gsdd.merge(paths, tmp_path / "m.h5", container="hdf5")
    files.convert(tmp_path / "m.h5", tmp_path / "back.gsdd", container="safetensors")
    assert (tmp_path / "back.gsdd").read_bytes() == (tmp_path / "whole.gsdd").read_bytes()


def test_a_part_tells_the_whole_source_and_what_it_holds_of_it(photos, halves):
    first, second = (gsdd.open(path) for path in halves)
    assert (first.class_names, second.class_names) == (("animal", "thing"), ("scene",))
    assert first.manifest.source == second.manifest.source
    assert first.manifest.source.images == 7
    part = part_of(second.manifest)
    assert (str(part), [each.name for each in part.classes]) == ("2/2", ["animal", "scene", "thing"])
    assert part.numbers(second.manifest.classes) == (2, 3)


def test_a_part_reads_the_real_crops_of_its_own_classes_and_calibrates_with_all(photos):
    options = {name: value for name, value in SMALL.items() if name != "ipc"}
    for family, pool in (("local-fourier", 1), ("resnet18", 3)):
        work = make_plan(photos, part="2/2", ipc=2, **options, features=family)
        real = work.real_crops()
        assert (work.class_names, len(real), len(work.calibration_pool(real))) == (("scene",), 1, pool)
        whole = make_plan(photos, ipc=2, **options, features=family).real_crops()
        assert torch.equal(real[0], whole[1])


def test_the_checkpoint_of_one_part_is_not_taken_for_anothers(photos, halves, tmp_path):
    target = tmp_path / "o.gsdd"
    with pytest.raises(Interrupted):
        gsdd.compress(photos, target, part="1/2", stop=lambda: True, **SMALL)
    with pytest.raises(OutputError, match="part: there '1/2', here '2/2'"):
        gsdd.compress(photos, target, part="2/2", **SMALL)
    gsdd.compress(photos, target, part="1/2", **SMALL)
    assert target.read_bytes() == halves[0].read_bytes()


def test_more_parts_than_classes_are_refused(photos, tmp_path):
    with pytest.raises(RecipeError, match="got 4 parts for 3 classes"):
        gsdd.compress(photos, tmp_path / "o.gsdd", part="1/4", **SMALL)


def test_the_crops_of_a_part_are_found_again_and_its_savings_are_not_told(photos, halves):
    for path in halves:
        distilled = gsdd.open(path)
        catalog, crops = planned_crops(distilled, photos)
        names = [catalog.classes[crop.class_index].name for crop in crops]
        assert names == [distilled.class_names[k] for k in distilled.class_index]
        with pytest.raises(SourceError, match=r"is part ./2 of its source"):
            savings(photos, path)


def test_parts_that_a_budget_cut_short_stay_runs_of_their_own(photos, halves, tmp_path):
    short = edited(halves[1], tmp_path / "short.gsdd", run=lambda run: {**run, "iterations": 1})
    gsdd.merge([halves[0], short], tmp_path / "m.gsdd")
    merged = gsdd.open(tmp_path / "m.gsdd").manifest
    assert [(origin.classes, origin.run["iterations"]) for origin in origins_of(merged)] == [
        (("animal", "thing"), 2),
        (("scene",), 1),
    ]
    assert [each.name for each in merged.classes] == ["animal", "scene", "thing"]
    assert merged.source == gsdd.open(halves[0]).manifest.source


def edited(path, target, **changes):
    """A file with another manifest, and the same tensors."""
    contents = files.read(path)
    manifest = replace(
        contents.manifest, **{name: change(getattr(contents.manifest, name)) for name, change in changes.items()}
    )
    files.write_stored(target, manifest, contents.tensors)
    return target


def named(*names):
    return lambda classes: tuple(ManifestClass(name, each.latents) for name, each in zip(names, classes, strict=True))


@pytest.fixture
def old(tmp_path):
    """Two classes, three latents."""
    return write_sample(tmp_path / "old.gsdd")


@pytest.fixture
def new(old, tmp_path):
    source = ManifestSource(images=4, bytes=100, sha256="d4" * 32, skipped=2, ignored=1, licence="CC-BY-4.0")
    return edited(old, tmp_path / "new.gsdd", classes=named("desert", "ice"), source=lambda _: source)


def test_new_classes_stand_behind_the_old_ones_whose_bytes_stay(old, new, tmp_path):
    report = gsdd.merge([old, new], tmp_path / "m.gsdd")
    before, after, merged = (files.read(path) for path in (old, new, tmp_path / "m.gsdd"))
    assert report.classes == {"Gebäude": 2, "sky": 1, "desert": 2, "ice": 1}
    assert merged.tensors["class_index"].tolist() == [0, 0, 1, 2, 2, 3]
    for name in before.tensors.keys() - {"class_index"}:
        assert merged.tensors[name].tobytes() == before.tensors[name].tobytes() + after.tensors[name].tobytes()
    assert merged.manifest.generator == before.manifest.generator


def test_a_merged_file_sums_its_sources_and_keeps_each(old, new, tmp_path):
    gsdd.merge([old, new], tmp_path / "m.gsdd")
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
    gsdd.merge([old, new, third], tmp_path / "once.gsdd")
    gsdd.merge([old, new], tmp_path / "first.gsdd")
    gsdd.merge([tmp_path / "first.gsdd", third], tmp_path / "twice.gsdd")
    assert (tmp_path / "twice.gsdd").read_bytes() == (tmp_path / "once.gsdd").read_bytes()


def test_one_whole_file_is_copied(old, tmp_path):
    gsdd.merge([old], tmp_path / "m.gsdd")
    assert (tmp_path / "m.gsdd").read_bytes() == old.read_bytes()


def test_another_number_of_steps_is_noted_and_kept_with_its_classes(old, new, tmp_path):
    first = edited(old, tmp_path / "a.gsdd", recipe=lambda recipe: {**recipe, "seed": 0})
    other = edited(new, tmp_path / "b.gsdd", recipe=lambda recipe: {**recipe, "seed": 1})
    report = gsdd.merge([first, other], tmp_path / "m.gsdd")
    assert report.notes == (f"seed: {first} has 0, {other} has 1; the file tells which classes have which",)
    manifest = files.read(tmp_path / "m.gsdd").manifest
    assert "seed" not in manifest.recipe
    assert [origin.recipe["seed"] for origin in origins_of(manifest)] == [0, 1]


def test_crops_of_a_merged_file_are_not_looked_for_in_a_folder(photos, tmp_path):
    path = write_small_file(tmp_path / "a.gsdd", photos)
    new = edited(path, tmp_path / "b.gsdd", classes=named("x", "y", "z"),
                 source=lambda source: replace(source, sha256="0" * 64))  # fmt: skip
    gsdd.merge([path, new], tmp_path / "m.gsdd")
    with pytest.raises(SourceError, match=r"m\.gsdd: was merged from 2 runs"):
        planned_crops(gsdd.open(tmp_path / "m.gsdd"), photos)


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
        gsdd.merge([old, bad], tmp_path / "m.gsdd")
    assert not (tmp_path / "m.gsdd").exists()


def test_another_codec_is_refused(old, new, tmp_path):
    contents = files.read(new)
    manifest = replace(contents.manifest, codec="fp16")
    index, signatures = (contents.tensors[name] for name in ("source_index", "signatures"))
    files.write(tmp_path / "bad.gsdd", manifest, files.latents_of(contents), contents.tensors["class_index"], index,
                signatures)  # fmt: skip
    with pytest.raises(MergeError, match=r"bad\.gsdd: codec: got fp16, but .*old\.gsdd has uint8"):
        gsdd.merge([old, tmp_path / "bad.gsdd"], tmp_path / "m.gsdd")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"recipe": lambda r: {**r, "seed": 9}}, "not of one run .seed: there 0, here 9"),
        ({"source": lambda s: replace(s, skipped=9)}, "not of one run .skipped: there 0, here 9"),
        ({"run": lambda r: {**r, "part": {**r["part"], "of": 3}}}, "not of one run .parts: there 2, here 3"),
    ],
)
def test_parts_of_other_runs_are_refused(halves, tmp_path, change, told):
    bad = edited(halves[1], tmp_path / "bad.gsdd", **change)
    with pytest.raises(MergeError, match=told):
        gsdd.merge([halves[0], bad], tmp_path / "m.gsdd")


def test_missing_and_repeated_parts_are_named(halves, tmp_path):
    with pytest.raises(MergeError, match=r"2-of-2\.gsdd: classes animal, thing of the source are missing; .* 1/2 made"):
        gsdd.merge([halves[1]], tmp_path / "m.gsdd")
    with pytest.raises(MergeError, match=r"class animal is in .*1-of-2\.gsdd and in .*1-of-2\.gsdd"):
        gsdd.merge([halves[0], *halves], tmp_path / "m.gsdd")
    with pytest.raises(MergeError, match="got no files"):
        gsdd.merge([], tmp_path / "m.gsdd")


def test_a_file_without_signatures_is_refused(old, new, tmp_path):
    new.write_bytes(without_signatures(new.read_bytes()))
    with pytest.raises(MergeError, match=r"new\.gsdd: is of format 1\.0"):
        gsdd.merge([old, new], tmp_path / "m.gsdd")


@pytest.mark.parametrize(
    "part", [3, {}, {"number": 1, "of": 1, "classes": 3}, {"number": 2, "of": 1, "classes": []},
             {"number": 1, "of": 2, "classes": [{"name": "sky", "latents": 1}]}],
)  # fmt: skip
def test_a_part_that_no_run_writes_is_an_unsound_file(old, tmp_path, part):
    bad = edited(old, tmp_path / "bad.gsdd", run=lambda run: {**run, "part": part})
    with pytest.raises(FormatError, match=r"bad\.gsdd: run\.part"):
        gsdd.merge([bad], tmp_path / "m.gsdd")


@pytest.mark.parametrize("origins", [3, [], [3], [{"classes": ["sky"], "recipe": {}, "run": {}, "source": {}}]])
def test_origins_that_no_merge_writes_are_an_unsound_file(old, tmp_path, origins):
    bad = edited(old, tmp_path / "bad.gsdd", run=lambda run: {"origins": origins})
    with pytest.raises(FormatError, match=r"bad\.gsdd: run\.origins"):
        gsdd.merge([bad], tmp_path / "m.gsdd")


def test_an_input_is_never_the_output(old, new):
    before = old.read_bytes()
    with pytest.raises(OutputError, match="is the source itself"):
        gsdd.merge([new, old], old, force=True)
    assert old.read_bytes() == before


def test_memory_holds_the_latents_once_and_one_of_the_files(tmp_path):
    latents, count = np.random.default_rng(0).random((20, 3, 64, 64), np.float32), 8
    paths = []
    for number in range(count):
        source = replace(MANIFEST.source, sha256=f"{number:064x}")
        manifest = replace(
            MANIFEST, hr_size=256, codec="fp32", classes=(ManifestClass(f"{number}", 20),), source=source
        )
        paths.append(tmp_path / f"{number}.gsdd")
        rows = np.zeros(20, np.int32)
        files.write(paths[-1], manifest, latents, rows, rows, np.zeros((20, 8, 8), np.uint8))
    tracemalloc.start()
    gsdd.merge(paths, tmp_path / "m.gsdd")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Checked for NaN while it is written: a byte for each number.
    assert peak < latents.nbytes * (count * 1.25 + 2.1)


def test_the_numbers_of_a_parts_latents_are_those_of_the_whole():
    classes = tuple(map(ManifestClass, "abc", (2, 3, 1)))
    assert ManifestPart(1, 2, classes).numbers((classes[0], classes[2])) == (0, 1, 5)
