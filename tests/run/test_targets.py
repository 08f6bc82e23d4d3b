"""A file of a size: what a target makes of real photos."""

import json

import pytest
from PIL import Image
from recipes import SMALL, quick, run

from gsdd.distilled.latent_set import read_latents
from gsdd.errors import RecipeError
from gsdd.formats import container as files

TARGETED = {**SMALL, "hr_size": 64}


def made(photos, output, **options):
    run(photos, output, **{**TARGETED, **options})
    return files.read(output)


def bits_for_each_pixel(contents) -> float:
    return 8 * contents.size / (contents.manifest.latents * 64**2)


@pytest.mark.parametrize("size", ["4KB", "9000"])
def test_the_file_has_the_size_or_at_most_3_percent_less(photos, tmp_path, size):
    wanted = 4000 if size == "4KB" else 9000
    contents = made(photos, tmp_path / "a.gsdd", target=size)
    assert 0.97 * wanted <= contents.size == (tmp_path / "a.gsdd").stat().st_size <= wanted
    assert (contents.container, contents.manifest.codec) == ("deflated", "dct")
    assert contents.manifest.recipe["target_size"] == size


@pytest.mark.parametrize("iterations", [0, 3])
def test_bits_for_each_pixel_are_those_of_the_whole_file(photos, tmp_path, iterations):
    contents = made(photos, tmp_path / "a.gsdd", ipc=6, target="1.2bpp", iterations=iterations)
    assert 0.97 * 1.2 <= bits_for_each_pixel(contents) <= 1.2


def test_equal_runs_give_equal_bytes_and_other_containers_their_own_size(photos, tmp_path):
    first, second = (made(photos, tmp_path / name, ipc=4, target="1.5bpp") for name in ("a.gsdd", "b.gsdd"))
    assert (tmp_path / "a.gsdd").read_bytes() == (tmp_path / "b.gsdd").read_bytes()
    plain = made(photos, tmp_path / "c.gsdd", ipc=12, target="1.2bpp", container="safetensors")
    assert plain.container == "safetensors"
    assert 0.97 * 1.2 <= bits_for_each_pixel(plain) <= 1.2
    assert first.document.digest == second.document.digest


def test_latents_that_take_turns_keep_their_own_shares(photos, tmp_path):
    options = {"ipc": 3, "latent_batch": 2, "iterations": 4, "finish": 0.8}
    contents = made(photos, tmp_path / "a.gsdd", target="1.2bpp", **options)
    assert 0.97 * 1.2 <= bits_for_each_pixel(contents) <= 1.2


def test_what_is_read_back_is_what_was_signed(photos, tmp_path, gsdd):
    made(photos, tmp_path / "a.gsdd", ipc=3, target="2bpp")
    distilled = read_latents(tmp_path / "a.gsdd")
    assert distilled.signatures.shape == (len(distilled.class_names), 4, 4)
    generator, _ = distilled.load_generator()
    seen = distilled.compare(generator)
    assert (seen.images, seen.differing) == (len(distilled.class_names), ())
    gsdd("verify", "--decode", "-q", tmp_path / "a.gsdd")


def test_another_generator_is_seen_by_one_signature_a_class(photos, tmp_path):
    made(photos, tmp_path / "a.gsdd", ipc=3, target="2bpp")
    distilled = read_latents(tmp_path / "a.gsdd")
    generator, _ = distilled.load_generator()
    distilled.signatures[1, 2, 3] += 100
    assert distilled.compare(generator).differing == (1,)


def test_more_bytes_bring_latents_nearer_to_those_that_were_found(photos, tmp_path):
    fine = made(photos, tmp_path / "fine.gsdd", ipc=3, codec="fp32", iterations=0, inversion_steps=0)
    errors = []
    for bpp in (0.6, 0.8, 1.0):
        coarse = made(photos, tmp_path / f"{bpp}.gsdd", ipc=3, target=f"{bpp}bpp", iterations=0, inversion_steps=0)
        errors.append(float(abs(files.latents_of(coarse) - files.latents_of(fine)).mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.003
    assert errors[0] > 1.3 * errors[-1]


def test_where_signatures_are_much_of_the_file_they_are_counted_as_they_are(photos, tmp_path):
    image = Image.open(next(path for path in sorted(photos.rglob("*")) if path.is_file())).convert("RGB")
    for k in range(80):
        (tmp_path / "many" / f"class {k}").mkdir(parents=True)
        image.crop((k, k, k + 40, k + 40)).save(tmp_path / "many" / f"class {k}" / "a.png")
    options = {**SMALL, "ipc": 1, "inversion_steps": 1, "iterations": 0}
    for size in (5000, 6000):
        run(tmp_path / "many", tmp_path / f"{size}.gsdd", **options, target=f"{size}B")
        assert 0.97 * size <= (tmp_path / f"{size}.gsdd").stat().st_size <= size


def test_a_size_too_small_for_the_latents_is_refused_before_the_search(photos, tmp_path):
    with pytest.raises(RecipeError, match=r"target of 900 bytes: so many latents take at least 1,\d+; choose"):
        run(photos, tmp_path / "a.gsdd", **{**TARGETED, "ipc": 2, "target": "900"})
    assert not (tmp_path / "a.gsdd").exists()


def test_the_command_explains_the_number_and_the_depth_of_latents(photos, target, gsdd):
    out, err = gsdd("compress", photos, "-o", target, *quick(**TARGETED, target="5KB"), "--dry-run", "--json")
    assert json.loads(out)["bytes"] == pytest.approx(5000, rel=0.1)
    assert "target 5,000 bytes" in err
    assert "a class)" in err
