"""DistilledPairs of several files: one set, each file decoded by its own generator."""

import pytest
import torch
from heard import Heard
from pairs.small_file import COMPACT, write_pairs

import gsdd
from gsdd.data.degradation import to_float
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import FingerprintError, RecipeError, SourceError
from gsdd.generators.load import load_generator


@pytest.fixture(scope="module")
def two(photos, tmp_path_factory):
    """Files of 9 and 7 pairs of 32x32, made with different generators."""
    folder = tmp_path_factory.mktemp("two")
    other = load_generator("realesrgan-x4plus-anime")
    return (
        write_pairs(folder / "b.gsdd", photos, 9, hr_size=32),
        write_pairs(folder / "a.gsdd", photos, 7, hr_size=32, generator=other, seed=1),
    )


def test_several_files_are_one_set_each_decoded_by_its_own_generator(two):
    pairs = gsdd.DistilledPairs(two, repeat=2, use_hflip=False, use_rot=False)
    assert len(pairs) == 32
    items = [pairs[number] for number in range(16)]
    for start, file, generator in ((0, two[0], COMPACT), (9, two[1], "realesrgan-x4plus-anime")):
        latents = read_latents(file)
        hr = latents.decode(load_generator(generator), range(len(latents)))
        for number in range(len(latents)):
            assert items[start + number]["gt_path"] == latents.name(number)
            assert torch.equal(items[start + number]["gt"], to_float(hr[number]))
    assert items[0]["gt_path"].startswith("b.gsdd::")
    assert items[9]["gt_path"].startswith("a.gsdd::")
    assert torch.equal(pairs[16]["gt"], items[0]["gt"])


def test_a_pattern_is_its_files_sorted_and_the_order_is_part_of_the_identity(two):
    pattern = two[0].parent / "*.gsdd"
    assert gsdd.DistilledPairs(pattern)[0]["gt_path"].startswith("a.gsdd::")
    found, swapped = gsdd.DistilledPairs(str(pattern)), gsdd.DistilledPairs([two[0], two[1]])
    assert found.identity["latents"] != swapped.identity["latents"]
    assert gsdd.DistilledPairs([two[1], str(two[0])]).identity == found.identity
    assert repr(found) == "DistilledPairs('a.gsdd, b.gsdd', 16 pairs, repeat=1)"


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(two, tmp_path):
    odd = tmp_path / "[a]*.gsdd"
    odd.write_bytes(two[0].read_bytes())
    (tmp_path / "a.gsdd").write_bytes(two[1].read_bytes())
    assert len(gsdd.DistilledPairs(odd)) == 9


def test_files_that_make_no_set_are_refused(photos, two, tmp_path):
    file = write_pairs(tmp_path / "ost.gsdd", photos, 7)
    with pytest.raises(RecipeError, match=r"a.gsdd holds images of 32 px and .*ost.gsdd of 64 px"):
        gsdd.DistilledPairs([file, two[1]])
    with pytest.raises(SourceError, match="got an empty list"):
        gsdd.DistilledPairs([])
    with pytest.raises(SourceError, match=r"none\*.gsdd"):
        gsdd.DistilledPairs(tmp_path / "none*.gsdd")


def test_other_weights_need_force_and_are_told(two):
    with pytest.raises(FingerprintError):
        gsdd.DistilledPairs(two[0], generator="realesrgan-x4plus-anime")
    heard = Heard()
    other = {"generator": "realesrgan-x4plus-anime", "force_generator": True}
    gsdd.DistilledPairs(two[0], **other, device="cpu", monitor=heard)
    (note,) = heard.notes
    assert note.startswith(f"{two[0]}: forced: ")
