"""Images beyond the limit lie in a mapped file, and are read and written as a tensor's rows are."""

from pathlib import Path

import pytest
import torch

from gsdd.data import image_store as stores
from gsdd.data.catalog import scan
from gsdd.data.crops import plan_crops, read_crops
from gsdd.data.image_store import image_store, stored_crops
from gsdd.errors import OutputError

SHAPE = (9, 3, 8, 6)
ROWS = [torch.tensor([7, 0, 0, 3]), torch.arange(9) % 2 == 0, slice(2, 8, 3), slice(0, 0), 4, -1]


def images(count: int) -> torch.Tensor:
    return torch.randint(256, (count, *SHAPE[1:]), generator=torch.Generator().manual_seed(count)).to(torch.uint8)


def both(directory: Path) -> tuple[torch.Tensor, torch.Tensor]:
    return image_store(SHAPE, directory), image_store(SHAPE, directory, ram_bytes=0)


def mapped_files() -> list[str]:
    """Files that are mapped and have no name any more."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "(deleted)" in line]


def test_up_to_the_limit_nothing_is_mapped_and_beyond_it_a_file_is(tmp_path):
    size, before = torch.Size(SHAPE).numel(), len(mapped_files())
    kept = [image_store(SHAPE, tmp_path, ram_bytes=size)]
    assert len(mapped_files()) == before
    kept.append(image_store(SHAPE, tmp_path, ram_bytes=size - 1))
    assert len(mapped_files()) == before + 1


@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_rows_are_written_and_read_as_those_of_a_tensor(rows, tmp_path):
    tensor, mapped = both(tmp_path)
    tensor[:] = mapped[:] = images(9)
    assert torch.equal(mapped[rows], tensor[rows])
    changed = 255 - tensor[rows]
    tensor[rows] = changed
    mapped[rows] = changed
    assert torch.equal(mapped, tensor)


def test_a_store_is_black_at_first(tmp_path):
    assert not any(store.any() for store in both(tmp_path))


def test_no_file_is_left_or_seen_and_none_stays_open_or_mapped(tmp_path):
    before, maps = len(list(Path("/proc/self/fd").iterdir())), len(mapped_files())
    _, mapped = both(tmp_path)
    assert not list(tmp_path.iterdir())
    del mapped
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert len(mapped_files()) == maps


@pytest.mark.parametrize("place", [".", "nowhere"])
def test_a_directory_without_room_is_told_at_once(place, tmp_path):
    with pytest.raises(OutputError, match=r"got no room for 844,\d+,\d+ MB of images"):
        image_store((2**24, 3, 4096, 4096), tmp_path / place)


@pytest.mark.parametrize("ram_bytes", [0, stores.RAM_BYTES])
def test_crops_are_stored_in_their_order_however_few_are_read_together(photos, tmp_path, monkeypatch, ram_bytes):
    monkeypatch.setattr(stores, "READ_TOGETHER", 5)
    monkeypatch.setattr(stores, "RAM_BYTES", ram_bytes)
    catalog = scan(photos, min_size=32)
    crops = plan_crops(catalog, [3] * len(catalog.classes), 32, 0)[::-1]
    store = stored_crops(catalog, crops, 32, tmp_path)
    assert torch.equal(store, torch.from_numpy(read_crops(catalog, crops, 32)))
