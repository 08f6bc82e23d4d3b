"""Images beyond the limit lie on disk, and are read and written as a tensor's rows are."""

from pathlib import Path

import pytest
import torch

from gsdd.data.catalog import scan
from gsdd.data.crops import plan_crops, read_crops
from gsdd.distill import spill
from gsdd.distill.spill import RAM_BYTES, SpilledImages, images_store, stored_crops
from gsdd.errors import OutputError

SHAPE = (9, 3, 8, 6)
ROWS = [torch.tensor([7, 0, 0, 3]), torch.arange(9) % 2 == 0, slice(2, 8, 3), slice(0, 0), 4, -1]


def images(count: int) -> torch.Tensor:
    return torch.randint(256, (count, *SHAPE[1:]), generator=torch.Generator().manual_seed(count)).to(torch.uint8)


def both(directory: Path) -> tuple[torch.Tensor, SpilledImages]:
    return images_store(SHAPE, directory), images_store(SHAPE, directory, ram_bytes=0)


def test_a_store_is_a_tensor_up_to_the_limit_and_a_file_beyond_it(tmp_path):
    size = torch.Size(SHAPE).numel()
    assert isinstance(images_store(SHAPE, tmp_path, ram_bytes=size), torch.Tensor)
    assert isinstance(images_store(SHAPE, tmp_path, ram_bytes=size - 1), SpilledImages)


@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_rows_are_written_and_read_as_those_of_a_tensor(rows, tmp_path):
    tensor, spilled = both(tmp_path)
    tensor[:] = spilled[:] = images(9)
    assert torch.equal(spilled[rows], tensor[rows])
    changed = 255 - tensor[rows]
    tensor[rows] = changed
    spilled[rows] = changed
    assert torch.equal(spilled[:], tensor)
    assert len(spilled) == len(tensor)


def test_a_store_is_black_at_first_and_reading_it_copies(tmp_path):
    for store in both(tmp_path):
        index = torch.tensor([1, 2])
        assert not store[index].any()
        store[index].fill_(7)
        assert not store[index].any()


def test_strided_images_are_written_by_value(tmp_path):
    _, spilled = both(tmp_path)
    flipped = images(9).flip(0).to(memory_format=torch.channels_last)
    spilled[:] = flipped
    assert torch.equal(spilled[:], flipped)


@pytest.mark.parametrize("row", [9, -10])
def test_rows_that_are_not_there_are_refused(row, tmp_path):
    with pytest.raises(IndexError):
        both(tmp_path)[1][torch.tensor([row])]


def test_no_file_is_left_or_seen_and_its_descriptor_is_closed(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    _, spilled = both(tmp_path)
    assert not list(tmp_path.iterdir())
    del spilled
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("place", [".", "nowhere"])
def test_a_directory_without_room_is_told_at_once(place, tmp_path):
    with pytest.raises(OutputError, match=r"got no room for 844,\d+,\d+ MB of images"):
        images_store((2**24, 3, 4096, 4096), tmp_path / place)


@pytest.mark.parametrize("ram_bytes", [0, RAM_BYTES])
def test_crops_are_stored_in_their_order_however_few_are_read_together(photos, tmp_path, monkeypatch, ram_bytes):
    monkeypatch.setattr(spill, "READ_TOGETHER", 5)
    catalog = scan(photos, min_size=32)
    crops = plan_crops(catalog, [3] * len(catalog.classes), 32, 0)[::-1]
    store = stored_crops(catalog, crops, 32, tmp_path, ram_bytes)
    assert torch.equal(store[:], torch.from_numpy(read_crops(catalog, crops, 32)))
