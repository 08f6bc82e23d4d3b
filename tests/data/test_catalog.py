"""A folder -> its classes and usable photos, and a word about everything else."""

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest
from PIL import ExifTags, Image
from strange_photos import picture, put

from gsdd.data import threads
from gsdd.data.catalog import scan
from gsdd.data.naming import printable
from gsdd.errors import SourceError
from gsdd.monitor import Monitor


def paths(catalog) -> list[list[str]]:
    return [[photo.path for photo in photo_class.photos] for photo_class in catalog.classes]


def reasons(entries) -> dict[str, str]:
    return {item.path: item.reason for item in entries}


def test_real_photos_are_catalogued_as_they_lie_on_the_disk(photos):
    catalog = scan(photos, min_size=128)
    folders = [folder for folder in photos.iterdir() if folder.is_dir()]
    found = {folder.name: sorted(file.name for file in folder.iterdir()) for folder in folders}
    assert [photo_class.name for photo_class in catalog.classes] == sorted(found)
    for photo_class in catalog.classes:
        assert [photo.path for photo in photo_class.photos] == [
            f"{photo_class.name}/{name}" for name in found[photo_class.name]
        ]
        for photo in photo_class.photos:
            content = (photos / photo.path).read_bytes()
            assert (photo.bytes, photo.sha256) == (len(content), hashlib.sha256(content).hexdigest())
            with Image.open(photos / photo.path) as image:
                assert (photo.width, photo.height) == image.size
    assert catalog.images == sum(len(names) for names in found.values())
    assert catalog.bytes == sum(file.stat().st_size for file in photos.glob("*/*"))
    assert (catalog.skipped, catalog.ignored) == ((), 0)


def test_the_catalogs_digest_is_that_of_sha256sum_lines(tmp_path):
    one, two = put(tmp_path / "sky" / "b.png", 1), put(tmp_path / "animal" / "a.png", 2)
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(tmp_path)}\n".encode()
        for file in (one, two)
    ]
    assert scan(tmp_path, min_size=8).sha256 == hashlib.sha256(b"".join(sorted(lines))).hexdigest()


def test_width_and_height_are_those_of_the_upright_photo(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    put(tmp_path / "sky" / "a.png")
    picture(0).save(tmp_path / "sky" / "a.png", exif=exif)
    (photo,) = scan(tmp_path, min_size=8).classes[0].photos
    assert (photo.width, photo.height) == (40, 48)
    assert photo.conversions == ("EXIF orientation 6 applied",)


def test_photos_lie_one_folder_deep_and_the_rest_is_ignored_and_counted(tmp_path):
    put(tmp_path / "sky" / "a.png", 1)
    put(tmp_path / "sky" / "deeper" / "b.png", 2)
    put(tmp_path / "sky" / ".hidden.png", 3)
    put(tmp_path / ".thumbnails" / "a.png", 4)
    put(tmp_path / "cover.jpg", 5)
    put(tmp_path / "nested" / "more" / "a.png", 6)
    (tmp_path / "sky" / "notes.txt").write_text("not a photo")
    (tmp_path / "sky" / "clip.mpg").write_bytes(b"\0\0\1\xb3")
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "empty").mkdir()
    catalog = scan(tmp_path, min_size=8)
    assert paths(catalog) == [["sky/a.png"]]
    assert reasons(catalog.ignored_entries) == {
        ".thumbnails": "hidden",
        "README.md": "not an image",
        "cover.jpg": "beside the class folders",
        "empty": "a folder without photos",
        "nested": "a folder without photos",
        "sky/.hidden.png": "hidden",
        "sky/deeper": "a folder inside a class",
        "sky/notes.txt": "not an image",
    }
    assert reasons(catalog.skipped)["sky/clip.mpg"].startswith("is a video; extract frames first")
    assert catalog.ignored == 8


def test_a_flat_folder_is_one_class_with_its_real_name(tmp_path, monkeypatch):
    put(tmp_path / "holiday" / "a.png", 1)
    put(tmp_path / "holiday" / "b.jpg", 2)
    (tmp_path / "holiday" / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "holiday")
    catalog = scan(Path(), min_size=8)
    assert [photo_class.name for photo_class in catalog.classes] == ["holiday"]
    assert paths(catalog) == [["a.png", "b.jpg"]]
    assert reasons(catalog.ignored_entries) == {"empty": "a folder without photos"}


def test_the_folder_around_the_class_folders_is_pointed_out(tmp_path):
    put(tmp_path / "train" / "sky" / "a.png")
    put(tmp_path / "test" / "sky" / "a.png")
    with pytest.raises(
        SourceError, match=rf"{tmp_path}: its folders hold no photos, only folders; give {tmp_path}/train"
    ):
        scan(tmp_path, min_size=8)


def test_a_root_that_cannot_be_a_source_is_named(tmp_path):
    (tmp_path / "file.png").write_bytes(b"")
    (tmp_path / "nothing").mkdir()
    for name, what in (("missing", "no such folder"), ("file.png", "is a file"), ("nothing", "no photos in it")):
        with pytest.raises(SourceError, match=f"{name}: {what}"):
            scan(tmp_path / name, min_size=8)


def test_photos_that_are_too_small_are_skipped_with_their_size(tmp_path):
    put(tmp_path / "sky" / "fits.png", 1, height=32, width=32)
    put(tmp_path / "sky" / "flat.png", 2, height=31, width=100)
    put(tmp_path / "sky" / "thin.png", 3, height=1, width=20000)
    catalog = scan(tmp_path, min_size=32)
    assert paths(catalog) == [["sky/fits.png"]]
    assert reasons(catalog.skipped) == {
        "sky/flat.png": "too small: 100x31 pixels, wanted 32 a side",
        "sky/thin.png": "too small: 20000x1 pixels, wanted 32 a side",
    }


def test_the_same_picture_counts_once_in_a_class(tmp_path):
    original = put(tmp_path / "sky" / "b.png", 1)
    (tmp_path / "sky" / "c.png").write_bytes(original.read_bytes())
    picture(1).save(tmp_path / "sky" / "d.bmp")
    (tmp_path / "sky" / "e.png").symlink_to("b.png")
    put(tmp_path / "sky" / "f.png", 2)
    put(tmp_path / "water" / "b.png", 1)
    catalog = scan(tmp_path, min_size=8, on_bad_image="fail")
    assert paths(catalog) == [["sky/b.png", "sky/f.png"], ["water/b.png"]]
    assert reasons(catalog.skipped) == {
        "sky/c.png": "same bytes as sky/b.png",
        "sky/d.bmp": "same pixels as sky/b.png",
        "sky/e.png": "same bytes as sky/b.png",
    }


def test_bad_images_stop_the_scan_when_asked_for_at_the_first_by_name(tmp_path):
    put(tmp_path / "sky" / "a.png")
    for name in ("c.png", "b.png"):
        (tmp_path / "sky" / name).write_bytes(b"no photo")
    assert list(reasons(scan(tmp_path, min_size=8).skipped)) == ["sky/b.png", "sky/c.png"]
    with pytest.raises(SourceError, match=r"sky/b\.png: not an image that Pillow can read \(class sky\)"):
        scan(tmp_path, min_size=8, on_bad_image="fail")


def test_a_class_without_a_usable_image_is_an_error_that_names_it(tmp_path):
    put(tmp_path / "sky" / "a.png")
    (tmp_path / "water").mkdir()
    (tmp_path / "water" / "a.png").write_bytes(b"")
    put(tmp_path / "water" / "b.png", height=2)
    with pytest.raises(
        SourceError, match=r"class water .* no usable image among its 2.*water/a\.png: the file is empty"
    ):
        scan(tmp_path, min_size=8)


def test_symlinks_are_followed_but_not_in_circles(tmp_path):
    root, store = tmp_path / "root", tmp_path / "store"
    put(store / "a.png", 1)
    put(store / "whole" / "b.png", 2)
    (root / "sky").mkdir(parents=True)
    (root / "sky" / "a.png").symlink_to(store / "a.png")
    (root / "sky" / "gone.png").symlink_to(store / "gone.png")
    (root / "sky" / "self.png").symlink_to("self.png")
    (root / "sky" / "up").symlink_to("..")
    (root / "linked").symlink_to(store / "whole")
    (root / "here").symlink_to(".")
    (root / "outside").symlink_to("..")
    catalog = scan(root, min_size=8)
    assert paths(catalog) == [["linked/b.png"], ["sky/a.png"]]
    assert reasons(catalog.ignored_entries) == {
        "here": "symlink loop",
        "outside": "symlink loop",
        "sky/gone.png": "broken symlink",
        "sky/self.png": "symlink loop",
        "sky/up": "a folder inside a class",
    }


def test_names_of_any_bytes_are_printable_and_can_still_be_opened(tmp_path):
    folder = tmp_path / os.fsdecode(b"cl\xe4ss")
    names = [b"n\xff.png", b"line\nbreak.png", "日本.png".encode(), b"back\\slash.png", b"x" * 251 + b".png"]
    for number, name in enumerate(names):
        put(folder / os.fsdecode(name), number)
    catalog = scan(tmp_path, min_size=8)
    assert catalog.classes[0].name == "cl\\xe4ss"
    texts = [photo.path.removeprefix("cl\\xe4ss/") for photo in catalog.classes[0].photos]
    assert texts == ["back\\\\slash.png", "line\\u000abreak.png", "n\\xff.png", "x" * 251 + ".png", "日本.png"]
    assert all(photo.file.read_bytes() for photo in catalog.classes[0].photos)
    json.dumps([photo.path for photo in catalog.classes[0].photos], ensure_ascii=False).encode("utf-8")


def test_different_names_stay_different_when_printed():
    names = ["a\udc85", "a\x85", "a\\x85", "a\\u0085", "a\n", "a\\u000a", "a\\", "a", "ä"]
    texts = [printable(name) for name in names]
    assert len(set(texts)) == len(names)
    assert all(text.isprintable() for text in texts)


def test_the_catalog_depends_on_neither_threads_nor_file_system_order(tmp_path, monkeypatch):
    for folder, order in (("one", range(12)), ("two", reversed(range(12)))):
        for number in order:
            put(tmp_path / folder / "B" / f"{number}.png", number, height=20 + 40 * (number % 3))
        put(tmp_path / folder / "a" / "0.png")
    threaded = scan(tmp_path / "one", min_size=8)
    monkeypatch.setattr(threads, "MAX_THREADS", 1)
    single = scan(tmp_path / "two", min_size=8)
    assert (threaded.classes, threaded.skipped, threaded.sha256) == (single.classes, single.skipped, single.sha256)
    assert paths(single)[0] == [f"B/{n}.png" for n in sorted(map(str, range(12)))]
    assert [photo_class.name for photo_class in single.classes] == ["B", "a"]


def test_progress_is_told_in_the_callers_thread(tmp_path):
    for number in range(5):
        put(tmp_path / "sky" / f"{number}.png", number)
    seen = []

    class Watches(Monitor):
        def progress(self, stage, done, total, loss=None, images=0.0) -> None:
            seen.append((stage, done, total, threading.current_thread()))

    scan(tmp_path, min_size=8, monitor=Watches())
    assert seen == [("photos", done, 5, threading.main_thread()) for done in range(1, 6)]


def test_what_pillow_only_warns_of_is_used_in_silence(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    for number in range(6):
        put(tmp_path / "sky" / f"{number}.png", number)
    picture(9).save(tmp_path / "sky" / "exif.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09")
    catalog = scan(tmp_path, min_size=8)
    assert (catalog.images, catalog.skipped) == (7, ())


def test_the_source_is_left_as_it_was(tmp_path):
    file = put(tmp_path / "sky" / "a.png")
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    scan(tmp_path, min_size=8)
    assert before == (file.read_bytes(), file.stat().st_mtime_ns)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.png", "sky"]
