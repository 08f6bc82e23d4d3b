"""Where every photo is grey, the file says so, and every pair that comes of it is exactly grey."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from recipes import run

from gsdd import DistilledPairs, merge
from gsdd.data.catalog import scan
from gsdd.data.images import is_grey
from gsdd.distilled.decode import decode
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import MergeError
from gsdd.generators.load import load_generator
from gsdd.inspect.verification import verify
from gsdd.pairs.expand import expand

GENERATOR = "realesr-animevideov3"
SMALL = {"generator": GENERATOR, "hr_size": 48, "ipc": 3, "inversion_steps": 2, "iterations": 1, "real_batch": 2,
         "real_crops": 4}  # fmt: skip


def smooth(number: int, channels: int) -> np.ndarray:
    colours = np.random.default_rng(number).integers(0, 256, (9, 12, channels), np.uint8)
    bands = [Image.fromarray(colours[..., band]).resize((96, 72), Image.Resampling.BICUBIC) for band in range(channels)]
    return np.stack([np.asarray(band) for band in bands], axis=-1)


def folder_of(root: Path, *, coloured: int = 0) -> Path:
    """Three grey photos, as grey PNG, as grey JPEG and as colours that are equal; and some in colour."""
    (root / "sky").mkdir(parents=True)
    grey = [smooth(number, 1)[..., 0] for number in range(3)]
    Image.fromarray(grey[0]).save(root / "sky" / "a.png")
    Image.fromarray(grey[1]).save(root / "sky" / "b.jpg", quality=90)
    Image.fromarray(np.stack([grey[2]] * 3, axis=-1)).save(root / "sky" / "c.png")
    for number in range(coloured):
        Image.fromarray(smooth(10 + number, 3)).save(root / "sky" / f"d{number}.png")
    return root


@pytest.fixture(scope="module")
def grey_file(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("grey")
    run(folder_of(root / "photos"), root / "grey.gsdd", **SMALL)
    return root / "grey.gsdd"


def equal_channels(images: torch.Tensor) -> bool:
    return bool((images == images[..., :1, :, :]).all())


def test_a_set_is_grey_where_every_photo_is(tmp_path):
    assert scan(folder_of(tmp_path / "grey"), min_size=48).grey
    catalog = scan(folder_of(tmp_path / "mixed", coloured=1), min_size=48)
    assert not catalog.grey
    assert [record.grey for record in catalog.records] == [True, True, True, False]


def test_one_pixel_of_colour_is_colour():
    pixels = np.full((200, 100, 3), 7, np.uint8)
    assert is_grey(pixels)
    pixels[101, 3, 2] = 8
    assert not is_grey(pixels)


def test_the_file_says_so_and_its_images_are_sound(grey_file):
    manifest = read_latents(grey_file).manifest
    assert (manifest.source.grey, manifest.minor) == (True, 4)
    assert manifest.training["hr"] == "round(255 clamp(mean of channels of G(z), 0, 1))"
    verified = verify(grey_file, decode=True, device="cpu")
    assert not verified.decoding.comparison.differing


def test_a_set_with_one_photo_in_colour_is_as_before(tmp_path):
    run(folder_of(tmp_path / "photos", coloured=1), tmp_path / "o.gsdd", **SMALL)
    latents = read_latents(tmp_path / "o.gsdd")
    assert (latents.manifest.source.grey, latents.manifest.minor) == (False, 1)
    assert not equal_channels(latents.decode(load_generator(GENERATOR, device="cpu"), slice(None)))
    assert not DistilledPairs(tmp_path / "o.gsdd", device="cpu").grey


def test_each_pair_is_exactly_grey_hr_and_lr_whole_and_cut(grey_file):
    for gt_size in (None, 32):
        pairs = DistilledPairs(grey_file, gt_size=gt_size, repeat=4, device="cpu")
        assert pairs.grey
        for number in range(len(pairs)):
            assert equal_channels(pairs[number]["gt"])
            assert equal_channels(pairs[number]["lq"])


def test_expanded_pairs_are_grey_too(grey_file, tmp_path):
    expand(read_latents(grey_file), tmp_path / "out", device="cpu")
    images = sorted((tmp_path / "out").rglob("*.png"))
    assert len(images) == 6
    for path in images:
        with Image.open(path) as image:
            assert is_grey(np.asarray(image))


def test_a_channel_is_the_rounded_mean_of_those_of_g(grey_file):
    latents = read_latents(grey_file)
    generator = load_generator(GENERATOR, device="cpu")
    padded = torch.cat([latents.latents, latents.latents[-1:].expand(5, -1, -1, -1)])
    with torch.no_grad():
        raw = generator(padded)[:3].double().numpy()
    wanted = 255 * raw.mean(axis=1).clip(0, 1)
    got = decode(generator, latents.latents, grey=True)[:, 0].numpy()
    # Half a level of rounding, and what float32 has less than float64.
    assert np.abs(got - wanted).max() < 0.5 + 1e-3
    assert equal_channels(decode(generator, latents.latents, grey=True))


def test_grey_and_coloured_files_are_not_merged_and_grey_ones_stay_grey(grey_file, tmp_path):
    other = folder_of(tmp_path / "other", coloured=1)
    (other / "sky").rename(other / "sea")
    run(other, tmp_path / "coloured.gsdd", **SMALL)
    with pytest.raises(
        MergeError, match=r"grey\.gsdd: its photos are all grey, .*coloured\.gsdd are not; keep the files"
    ):
        merge([grey_file, tmp_path / "coloured.gsdd"], tmp_path / "both.gsdd")
    (other / "sea" / "d0.png").unlink()
    run(other, tmp_path / "sea.gsdd", **SMALL)
    merge([grey_file, tmp_path / "sea.gsdd"], tmp_path / "both.gsdd")
    both = read_latents(tmp_path / "both.gsdd").manifest
    assert both.source.grey
    assert both.minor == 4
    assert not verify(tmp_path / "both.gsdd", decode=True, device="cpu").decoding.comparison.differing
