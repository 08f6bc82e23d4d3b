"""Images of a run lie in a file without a name, and are read and written as a tensor's rows are."""

from pathlib import Path

import pytest
import torch

from gsdd.data import image_store as stores
from gsdd.data.catalog import scan
from gsdd.data.crops import plan_crops, read_crops
from gsdd.data.image_store import ImageStore, stored_crops
from gsdd.errors import OutputError

SHAPE = (9, 3, 8, 6)
ROWS = [torch.tensor([7, 0, 0, 3]), torch.arange(9) % 2 == 0, slice(2, 8, 3), slice(0, 0), 4, -1]


def images(count: int) -> torch.Tensor:
    return torch.randint(256, (count, *SHAPE[1:]), generator=torch.Generator().manual_seed(count)).to(torch.uint8)


def mapped_files() -> list[str]:
    """Files that are mapped and have no name any more."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "(deleted)" in line]


@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_rows_are_written_and_read_as_those_of_a_tensor(rows, tmp_path):
    tensor, store = torch.zeros(SHAPE, dtype=torch.uint8), ImageStore(SHAPE, tmp_path)
    tensor[:] = store[:] = images(9)
    assert torch.equal(store[rows], tensor[rows])
    changed = 255 - tensor[rows]
    tensor[rows] = changed
    store[rows] = changed
    assert torch.equal(store[:], tensor)
    assert len(store) == len(tensor)


def test_a_store_is_black_at_first_and_reading_it_copies(tmp_path):
    store = ImageStore(SHAPE, tmp_path)
    assert not store[1:3].any()
    store[1:3].fill_(7)
    assert not store[:].any()


@pytest.mark.parametrize("row", [9, -10])
def test_rows_that_are_not_there_are_refused(row, tmp_path):
    with pytest.raises(IndexError):
        ImageStore(SHAPE, tmp_path)[torch.tensor([row])]


def test_no_file_is_left_or_seen_and_none_stays_open_or_mapped(tmp_path):
    before, maps = len(list(Path("/proc/self/fd").iterdir())), len(mapped_files())
    store = ImageStore(SHAPE, tmp_path)
    store[:] = images(9)
    assert not list(tmp_path.iterdir())
    assert len(mapped_files()) == maps
    del store
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("place", [".", "nowhere"])
def test_a_directory_without_room_is_told_at_once(place, tmp_path):
    with pytest.raises(OutputError, match=r"no room for 844,\d+,\d+ MB of images"):
        ImageStore((2**24, 3, 4096, 4096), tmp_path / place)


def test_crops_are_stored_in_their_order_however_few_are_read_together(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "READ_TOGETHER", 5)
    catalog = scan(photos, min_size=32)
    crops = plan_crops(catalog, [3] * len(catalog.classes), 32, 0)[::-1]
    store = stored_crops(catalog, crops, 32, tmp_path)
    assert torch.equal(store[:], torch.from_numpy(read_crops(catalog, crops, 32)))
