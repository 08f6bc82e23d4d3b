"""Photos of 16 bits a sample: the search sees all of them, and the file says so."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from recipes import run
from strange_photos import rgb_png

from gsdd.data.catalog import Catalog, scan
from gsdd.data.crops import grid_crops, read_crops
from gsdd.data.decisions import decisions
from gsdd.data.degradation import to_float
from gsdd.data.image_store import stored_crops
from gsdd.distilled.latent_set import read_latents
from gsdd.inspect.contact_sheet import contact_sheet

SIDE = 32
SMALL = {"generator": "realesr-animevideov3", "hr_size": SIDE, "ipc": 1, "inversion_steps": 2, "iterations": 1,
         "real_batch": 2, "real_crops": 4}  # fmt: skip


def levels(number: int, channels: int = 3) -> np.ndarray:
    """A smooth picture of 16 bits a sample."""
    stream = np.random.default_rng(number)
    coarse = [Image.fromarray(stream.uniform(0, 65535, (3, 4)).astype(np.float32)) for _ in range(channels)]
    bands = [np.asarray(band.resize((48, 40), Image.Resampling.BICUBIC)) for band in coarse]
    return np.stack(bands, axis=-1).clip(0, 65535).round().astype(np.uint16)


def filtered(pixels: np.ndarray) -> bytes:
    """Rows of a PNG under each of its filters in turn, each as its definition has it (PNG specification, 9.2)."""
    lines = pixels.astype(">u2").view(np.uint8).reshape(len(pixels), -1).astype(int)
    rows = []
    for number, line in enumerate(lines):
        up = lines[number - 1] if number else np.zeros_like(line)
        left, corner = (np.concatenate([np.zeros(6, int), each[:-6]]) for each in (line, up))
        estimate = left + up - corner
        far = [np.abs(estimate - each) for each in (left, up, corner)]
        paeth = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], up, corner))
        predicted = [0, left, up, (left + up) // 2, paeth][number % 5]
        rows.append(bytes([number % 5]) + ((line - predicted) % 256).astype(np.uint8).tobytes())
    return b"".join(rows)


def put_deep(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(rgb_png(pixels.shape[1], pixels.shape[0], 16, filtered(pixels)))


def whole(catalog: Catalog, **how: bool) -> np.ndarray:
    return read_crops(catalog, grid_crops(catalog, 0, SIDE), SIDE, **how)


def cut(pixels: np.ndarray) -> np.ndarray:
    """The one tile of a picture of 40x48."""
    return pixels[4:36, 8:40].transpose(2, 0, 1)


def test_all_bits_of_a_png_in_colour_reach_the_crops(tmp_path):
    put_deep(tmp_path / "a.png", levels(0))
    catalog = scan(tmp_path, min_size=SIDE)
    crops = whole(catalog, in_full=True)
    assert crops.dtype == np.float32
    np.testing.assert_array_equal(crops[0], cut(levels(0)).astype(np.float32) / np.float32(65535))
    assert decisions(catalog)[0] == (
        "1 photos have 16 bits: latents are inverted from all of them, and crops are chosen by 8"
    )
    assert whole(catalog).dtype == np.uint8


def test_all_bits_of_grey_reach_the_crops_from_png_and_tiff(tmp_path):
    grey = levels(1, 1)[..., 0]
    Image.fromarray(grey).save(tmp_path / "a.png")
    Image.fromarray(np.rot90(grey, 2)).save(tmp_path / "b.tif")
    crops = whole(scan(tmp_path, min_size=SIDE), in_full=True)
    for crop, picture in zip(crops, (grey, np.rot90(grey, 2)), strict=True):
        np.testing.assert_allclose(crop, np.stack([picture[4:36, 8:40]] * 3) / 65535, rtol=1e-6)


def test_8_bits_beside_16_are_what_they_are(tmp_path):
    put_deep(tmp_path / "a.png", levels(0))
    plain = (levels(2) >> 8).astype(np.uint8)
    Image.fromarray(plain).save(tmp_path / "b.png")
    catalog = scan(tmp_path, min_size=SIDE)
    crops = whole(catalog, in_full=True)
    np.testing.assert_array_equal(crops[1], to_float(torch.from_numpy(cut(plain))).numpy())
    store = stored_crops(catalog, grid_crops(catalog, 0, SIDE), SIDE, tmp_path)
    np.testing.assert_array_equal(store[torch.tensor([1, 0])].numpy(), crops[::-1])
    assert len(store) == 2


def test_where_all_have_8_bits_crops_are_uint8(tmp_path):
    Image.fromarray((levels(2) >> 8).astype(np.uint8)).save(tmp_path / "a.png")
    catalog = scan(tmp_path, min_size=SIDE)
    assert whole(catalog, in_full=True).dtype == np.uint8
    assert stored_crops(catalog, grid_crops(catalog, 0, SIDE), SIDE, tmp_path)[0].dtype == torch.uint8


@pytest.mark.parametrize("what", ["profile", "turned", "alpha"])
def test_what_needs_more_than_a_cut_is_brought_to_8_bits(tmp_path, what):
    grey = Image.fromarray(levels(1, 1)[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 3
    options = {
        "profile": {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()},
        "turned": {"exif": exif},
        "alpha": {"transparency": int(levels(1, 1)[20, 20, 0])},
    }[what]
    grey.save(tmp_path / "a.png", **options)
    (record,) = scan(tmp_path, min_size=SIDE).records
    assert record.bits == 8


def test_the_file_says_so_and_its_latents_are_other_ones(tmp_path):
    for name, keep in (("deep", 0xFFFF), ("cut", 0xFF00)):
        put_deep(tmp_path / name / "a.png", levels(0) & keep)
        run(tmp_path / name, tmp_path / f"{name}.gsdd", codec="fp32", **SMALL)
    deep, shallow = read_latents(tmp_path / "deep.gsdd"), read_latents(tmp_path / "cut.gsdd")
    assert (deep.manifest.source.bits, deep.manifest.minor) == (16, 4)
    # The high bytes are equal, and so are all crops of 8 bits.
    assert not deep.latents.equal(shallow.latents)
    sheet = contact_sheet(deep, tmp_path / "sheet.png", source=tmp_path / "deep", device="cpu")
    assert sheet.path.exists()


def test_the_latent_without_a_step_is_the_crop_of_all_bits_downscaled(tmp_path):
    put_deep(tmp_path / "p" / "a.png", levels(3))
    none = {**SMALL, "inversion_steps": 0, "iterations": 0}
    run(tmp_path / "p", tmp_path / "o.gsdd", codec="fp32", crops="herding", **none)
    distilled = read_latents(tmp_path / "o.gsdd")
    tile = torch.from_numpy(cut(levels(3)).astype(np.float64) / 65535)[None]
    wanted = torch.nn.functional.interpolate(tile, scale_factor=0.25, mode="bicubic", antialias=True)
    assert (distilled.latents - wanted).abs().max() < 1e-6
