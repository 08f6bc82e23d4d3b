"""`gsdd scan`, and what `compress` does with what it finds, as a user types them."""

import json
from pathlib import Path

import pytest
from recipes import quick
from strange_photos import picture, put

from gsdd.distilled.latent_set import read_latents

WORDS = [*quick(generator="realesr-animevideov3", hr_size=32, inversion_steps=1, iterations=1, real_batch=2,
         real_crops=4, ipc=1), "--device", "cpu"]  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def photos(*paths: str) -> None:
    for number, path in enumerate(paths):
        put(Path(path), number)


def test_a_survey_is_a_table_and_the_photos_that_something_is_to_be_said_of(gsdd):
    photos("data/HR/a.png", "data/HR/b.png", "data/LR/a.png")
    (Path("data/HR") / "copy.png").write_bytes(Path("data/HR/a.png").read_bytes())
    put(Path("data/HR/small.png"), 9, height=20)
    size = sum(Path("data/HR", name).stat().st_size for name in ("a.png", "b.png"))
    assert gsdd("scan", "data", "--hr-size", "32", "-q").out == "2\n"
    out, err = gsdd("scan", "data", "--hr-size", "32")
    assert out == (
        f"photos         2 in data/HR, {size / 1000:.1f} kB\n"
        "classes        1 (folders), since the photos lie in one folder, and 2 are too few for clusters\n"
        "               HR: 2\n"
        "sizes          48x40 to 48x40, median shorter side 40\n"
        "with crops of  128: 0, 192: 0, 256: 0, 288: 0, 512: 0\n"
        "formats        PNG: 2\n"
        "converted      none\n"
        "left out       1 too small, 0 unusable, 0 dropped\n"
        "ignored        the LR side of pairs: 1\n"
        "duplicates     1 exact, 0 that look alike (--drop-duplicates)\n"
        "blocky         0 with visible JPEG blocks (1 means none)\n"
        "\n"
        "left out:\n"
        "  small.png: too small: 48x20 pixels, wanted 32 a side\n"
        "\n"
        "duplicates:\n"
        "  copy.png: same as a.png\n"
    )
    assert "photos: " in err


def test_json_names_everything(gsdd):
    photos("data/sky/a.png", "data/sea/a.png", "data/README.png")
    document = json.loads(gsdd("scan", "data", "--hr-size", "32", "--json").out)
    assert document["classes"] == {"sea": 1, "sky": 1}
    assert document["notes"] == [
        "classes: 2 (folders), one for each folder of photos",
        "ignored 1 (beside the class folders)",
    ]
    assert document["ignored"] == {"README.png": "beside the class folders"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--classes", "cluster"], "--classes: got 'cluster', wanted auto, folders, none or clusters:K"),
        (["--classes", "clusters:9"], "--classes: got clusters:9, and there are 2 different photos; lower K"),
        (["--keep-above", "1"], "--scores: got none beside --keep-above; give both, or neither"),
    ],
)
def test_slips_are_usage_errors_that_name_the_option(refused, words, told):
    photos("data/a.png", "data/b.png")
    assert told in refused("scan", "data", "--hr-size", "32", "-q", *words, code=2)


def test_hr_beside_lr_gives_the_latents_of_the_hr_folder_and_one_line_says_so(gsdd):
    photos("data/DIV2K_train_HR/a.png", "data/DIV2K_train_HR/b.png", "data/DIV2K_train_LR_bicubic/X4/a.png",
           "data/DIV2K_valid_HR/c.png")  # fmt: skip
    err = gsdd("compress", "data", "-o", "root.gsdd", *WORDS).err
    assert (
        "data: takes data/DIV2K_train_HR and passes over DIV2K_train_LR_bicubic (the LR side of pairs), DIV2K_valid_HR "
        "(photos to test on)\n"
    ) in err
    gsdd("compress", "data/DIV2K_train_HR", "-o", "hr.gsdd", *WORDS)
    root, hr = read_latents("root.gsdd"), read_latents("hr.gsdd")
    assert root.latents.equal(hr.latents)
    assert root.manifest.source.sha256 == hr.manifest.source.sha256
    assert (root.manifest.source.ignored, hr.manifest.source.ignored) == (2, 0)
    for source in ("data", "data/DIV2K_train_HR"):
        gsdd("info", "root.gsdd", "--contact-sheet", f"{len(source)}.png", "--source", source, "--device", "cpu")
        assert "is not the folder" not in gsdd("savings", source, "root.gsdd").err


def test_what_classes_are_is_in_the_file_where_they_are_not_folders(gsdd):
    photos("flat/a.png", "flat/b.png", "flat/c.png")
    gsdd("compress", "flat", "-o", "flat.gsdd", *WORDS)
    gsdd("compress", "flat", "-o", "clusters.gsdd", *WORDS, "--classes", "clusters:2")
    plain, clusters = read_latents("flat.gsdd").manifest, read_latents("clusters.gsdd").manifest
    assert [each.name for each in plain.classes] == ["flat"]
    assert "classes" not in plain.recipe
    assert [each.name for each in clusters.classes] == ["cluster-00", "cluster-01"]
    assert {name: clusters.recipe[name] for name in ("classes", "classes_why")} == {
        "classes": "clusters:2", "classes_why": "as asked for",
    }  # fmt: skip
    gsdd("info", "clusters.gsdd", "--contact-sheet", "sheet.png", "--source", "flat", "--device", "cpu")


def test_what_was_dropped_is_in_the_file_by_reason(gsdd):
    photos("data/sky/a.png", "data/sky/b.png")
    alike = picture(5, 12, 16).resize((96, 72), 3)
    Path("data/sea").mkdir()
    alike.save("data/sea/large.png")
    alike.resize((64, 48), 3).save("data/sky/small.png")
    Path("scores.csv").write_text("a.png,0.1\nb.png,0.9\nlarge.png,0.9\nsmall.png,0.8\n")
    drop = ["--scores", "scores.csv", "--keep-above", "0.5", "--drop-duplicates"]
    document = json.loads(gsdd("compress", "data", "-o", "o.gsdd", *WORDS, *drop, "--json").out)
    assert document["dropped"] == [
        "sky: sky/a.png: score 0.1, wanted above 0.5",
        "sky: sky/small.png: duplicate of sea/large.png",
    ]
    manifest = read_latents("o.gsdd").manifest
    assert dict(manifest.source.dropped) == {"duplicate": 1, "score": 1}
    assert (manifest.source.images, manifest.source.skipped, manifest.minor) == (2, 0, 4)
    assert (manifest.recipe["keep_above"], manifest.recipe["drop_duplicates"]) == (0.5, True)
    assert manifest.recipe["scores"].startswith("sha256 ")
    assert (
        "its photos were chosen by scores"
        in gsdd("info", "o.gsdd", "--contact-sheet", "s.png", "--source", "data", "--device", "cpu", code=1).err
    )
    gsdd("verify", "o.gsdd")
    gsdd("convert", "o.gsdd", "o.h5")
    assert read_latents("o.h5").manifest == manifest


def test_a_coreset_takes_the_same_photos_and_classes(gsdd):
    photos("flat/a.png", "flat/b.png", "flat/c.png", "flat/d.png")
    words = ["coreset", "flat", "--ipc", "1", "--method", "random", "--hr-size", "32"]
    gsdd(*words, "-o", "core", "--classes", "clusters:2")
    facts = json.loads(Path("core/coreset.json").read_text())
    assert facts["classes"] == {"cluster-00": 1, "cluster-01": 1}
    assert facts["source"]["classes"] == "clusters:2"
    gsdd(*words, "-o", "plain")
    assert set(json.loads(Path("plain/coreset.json").read_text())["source"]) == {"images", "bytes", "sha256"}
