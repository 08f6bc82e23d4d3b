"""What is in a folder decides which photos are taken and what their classes are, and one line says so."""

import os
from pathlib import Path

import numpy as np
import pytest
from heard import Heard
from PIL import Image
from strange_photos import put

from gsdd.data.catalog import Catalog, scan
from gsdd.data.decisions import decisions
from gsdd.errors import RecipeError, SourceError
from gsdd.recipe import Crops
from gsdd.selection.clusters import photo_features
from gsdd.selection.sorting import MANY, sorted_photos

SIZE = 32


def fill(root: Path, *folders: str, each: int = 1) -> Path:
    """Put photos into folders; no two are the same."""
    for number, folder in enumerate(folders):
        for photo in range(each):
            put(root / folder / f"{photo:03}.png", 1000 * number + photo)
    return root


def catalog_of(root: Path, classes: str = "auto", seed: int = 0, **more) -> Catalog:
    return sorted_photos(root, Crops(hr_size=SIZE, classes=classes, **more), seed)


def found(catalog: Catalog) -> dict[str, list[str]]:
    return {each.name: [photo.path for photo in each.photos] for each in catalog.classes}


def test_folders_of_photos_are_the_classes_and_nothing_is_recorded(tmp_path):
    fill(tmp_path, "sky", "sea", each=MANY)
    catalog = catalog_of(tmp_path)
    assert (catalog.classes, catalog.sorting.by) == (scan(tmp_path, min_size=SIZE).classes, "folders")
    assert decisions(catalog) == ("classes: 2 (folders), one for each folder of photos",)


@pytest.mark.parametrize(
    ("folders", "taken", "line"),
    [
        (["HR", "LR"], "HR", "{}: takes {}/HR and passes over LR (the LR side of pairs)"),
        (["GT_sub", "LQ_x4"], "GT_sub", "{}: takes {}/GT_sub and passes over LQ_x4 (the LR side of pairs)"),
        (
            ["DIV2K_train_HR", "DIV2K_train_LR_bicubic/X4", "DIV2K_valid_HR", "DIV2K_valid_LR_bicubic/X4"],
            "DIV2K_train_HR",
            "{}: takes {}/DIV2K_train_HR and passes over DIV2K_train_LR_bicubic (the LR side of pairs), "
            "DIV2K_valid_LR_bicubic (the LR side of pairs), DIV2K_valid_HR (photos to test on)",
        ),
        (["train", "valid", "test"], "train", "{}: takes {}/train and passes over test (photos to test on), valid "
         "(photos to test on)"),
        (
            ["train/HR", "train/LR/X2", "val/HR", "val/LR/X2"],
            "train/HR",
            "{}: takes {}/train/HR and passes over val (photos to test on), train/LR (the LR side of pairs)",
        ),
    ],
)  # fmt: skip
def test_of_a_known_layout_the_hr_photos_to_train_on_are_taken(tmp_path, folders, taken, line):
    root = fill(tmp_path / "data", *folders)
    catalog = catalog_of(root)
    assert found(catalog) == found(scan(root / taken, min_size=SIZE))
    assert catalog.sha256 == scan(root / taken, min_size=SIZE).sha256
    assert decisions(catalog)[0] == line.format(root, root)
    assert catalog.ignored == line.count("(")


def test_class_folders_below_a_layout_are_classes(tmp_path):
    fill(tmp_path, "train/HR/sky", "train/HR/sea", "train/LR/sky", "test/HR/sky")
    assert found(catalog_of(tmp_path)) == {"sea": ["sea/000.png"], "sky": ["sky/000.png"]}


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        (["valid", "test"], "leave open what to learn from; give one of them, or `classes=folders`"),
        (["HR_a", "HR_b", "LR"], "holds HR_a and HR_b beside LR, which are no classes"),
        (["LR_bicubic/X2", "LR_bicubic/X4"], "give"),
    ],
)
def test_what_a_layout_leaves_open_is_refused_by_name(tmp_path, folders, told):
    with pytest.raises(SourceError, match=told):
        catalog_of(fill(tmp_path, *folders))


def test_scales_alone_are_refused_below_an_lr_folder_and_are_classes_elsewhere(tmp_path):
    with pytest.raises(SourceError, match="holds X2 and X4, which are no classes but LR photos at several scales"):
        catalog_of(fill(tmp_path / "LR_bicubic", "X2", "X4"))
    assert list(found(catalog_of(fill(tmp_path / "cars", "X3", "X4")))) == ["X3", "X4"]


@pytest.mark.parametrize("folders", [["0000", "0001", "0002"], ["part1", "part2"], ["shard-00", "shard-01"]])
def test_numbered_shards_are_one_set(tmp_path, folders):
    catalog = catalog_of(fill(tmp_path / "big", *folders))
    assert found(catalog) == {"big": [f"{folder}/000.png" for folder in folders]}
    assert decisions(catalog)[0] == (
        f"classes: 1 (none), since {folders[0]} to {folders[-1]} are shards of one set, and {len(folders)} are too "
        "few for clusters"
    )


@pytest.mark.parametrize("folders", [["0", "1", "9"], ["1", "10"], ["1900", "sky"], ["2019", "20190"]])
def test_other_numbers_are_classes(tmp_path, folders):
    assert list(found(catalog_of(fill(tmp_path, *folders)))) == sorted(folders)


def test_folders_as_asked_for_are_classes_whatever_they_are_called(tmp_path):
    fill(tmp_path, "train", "valid")
    assert list(found(catalog_of(tmp_path, "folders"))) == ["train", "valid"]


@pytest.mark.parametrize(("images", "clusters"), [(MANY - 1, 0), (MANY, 4), (100, 5)])
def test_a_flat_set_is_clustered_from_64_photos_on(tmp_path, images, clusters):
    catalog = catalog_of(fill(tmp_path / "flat", "", each=images))
    assert catalog.images == images
    assert catalog.sorting.by == (f"clusters:{clusters}" if clusters else "folders")
    names = [f"cluster-{n:02}" for n in range(clusters)] or ["flat"]
    assert list(found(catalog)) == names


def test_none_is_one_class_of_all_photos_in_folders_and_beside_them_and_a_picture_counts_once(tmp_path):
    root = fill(tmp_path / "all", "sky", "", "sea")
    put(root / "sky" / "again.png", 2000)
    catalog = catalog_of(root, "none")
    assert found(catalog) == {"all": ["000.png", "sea/000.png", "sky/000.png"]}
    assert [(photo.path, photo.reason) for photo in catalog.skipped] == [("sky/again.png", "same bytes as sea/000.png")]


def textures(root: Path) -> Path:
    """Nine photos of three kinds, in no order: smooth slopes, stripes and noise."""
    y, x = np.mgrid[0:64, 0:96]
    root.mkdir()
    for number in range(9):
        stream = np.random.default_rng(number)
        kind = number % 3
        grey = [x + y + 10 * number, 128 + 100 * np.sin(x + number), stream.integers(0, 256, x.shape)][kind]
        pixels = np.stack([grey] * 3, axis=-1).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
    return root


def test_clusters_are_photos_that_look_alike(tmp_path):
    catalog = catalog_of(textures(tmp_path / "t"), "clusters:3")
    kinds = [{int(Path(path).stem) % 3 for path in paths} for paths in found(catalog).values()]
    # In the order of their first photos.
    assert kinds == [{0}, {1}, {2}]
    assert list(found(catalog)) == ["cluster-00", "cluster-01", "cluster-02"]


def test_photos_of_a_cluster_are_nearer_to_its_mean_than_to_any_other(tmp_path):
    root = fill(tmp_path / "noise", "", each=12)
    rows = photo_features(scan(root, min_size=SIZE), SIZE, seed=3)
    catalog = catalog_of(root, "clusters:4", seed=3)
    numbers = [[int(Path(path).stem) for path in paths] for paths in found(catalog).values()]
    means = np.stack([rows[members].mean(axis=0) for members in numbers])
    for own, members in enumerate(numbers):
        for row in rows[members]:
            assert np.square(means - row).sum(axis=1).argmin() == own


def test_features_of_a_photo_are_the_mean_of_its_tiles_and_depend_on_no_other_photo(tmp_path):
    root = fill(tmp_path / "two", "", each=2)
    put(root / "wide.png", 7, height=SIZE, width=2 * SIZE)
    rows = photo_features(scan(root, min_size=SIZE), SIZE, seed=0)
    with Image.open(root / "wide.png") as wide:
        for number in range(2):
            (tmp_path / "halves").mkdir(exist_ok=True)
            wide.crop((number * SIZE, 0, (number + 1) * SIZE, SIZE)).save(tmp_path / "halves" / f"{number}.png")
    halves = photo_features(scan(tmp_path / "halves", min_size=SIZE), SIZE, seed=0)
    np.testing.assert_allclose(rows[2], halves.mean(axis=0), rtol=1e-12)


def test_the_seed_decides_clusters_and_the_number_of_threads_does_not(tmp_path, monkeypatch):
    root = fill(tmp_path / "noise", "", each=20)
    first = found(catalog_of(root, "clusters:4"))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert found(catalog_of(root, "clusters:4")) == first
    assert any(found(catalog_of(root, "clusters:4", seed=seed)) != first for seed in (1, 2))


def test_more_clusters_than_photos_are_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"got clusters:3, and there are 2 different photos"):
        catalog_of(fill(tmp_path, "", each=2), "clusters:3")


@pytest.mark.parametrize("classes", ["cluster:3", "clusters:1", "clusters:", "clusters:x", "Folders", ""])
def test_what_are_no_classes_is_refused(classes):
    with pytest.raises(RecipeError, match=r"Crops\.classes`: got .*, wanted auto, folders, none or clusters:K"):
        Crops(classes=classes)


def test_the_tiles_that_are_looked_at_are_told(tmp_path):
    told = Heard()
    sorted_photos(fill(tmp_path, "", each=3), Crops(hr_size=SIZE, classes="clusters:2"), 0, told)
    assert os.fspath(tmp_path) not in "".join(told.notes)


def test_what_auto_clustered_is_clustered_likewise_where_it_is_asked_for(tmp_path):
    root = fill(tmp_path / "set", "images", each=MANY)
    put(root / "beside.png", 99999)
    chosen = catalog_of(root)
    assert chosen.images == MANY + 1
    assert catalog_of(root, chosen.sorting.by).classes == chosen.classes
