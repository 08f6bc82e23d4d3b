"""Weights of strangers: no more memory than their files are long, nothing run, nothing waited for."""

import os
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gsdd.errors import GeneratorError
from gsdd.generators.tensor_files import read_state_dict, tensors_in

MB = 1 << 20


def refusal(path: Path) -> str:
    with pytest.raises(GeneratorError) as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def zipped(entries: dict[str, bytes], path: Path, compression: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path.read_bytes()


def entries_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_tensor_that_is_one_number_spread_out_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1).expand(40_000, 50_000)}, tmp_path / "a.pth")
    assert "[40000, 50000] is not stored whole" in refusal(tmp_path / "a.pth")


@pytest.mark.parametrize("tensor", [torch.empty(1 << 40, device="meta"), torch.eye(3).to_sparse()])
def test_tensors_without_memory_and_sparse_ones_are_refused(tmp_path, tensor):
    torch.save({"a": tensor}, tmp_path / "x.pth")
    said = refusal(tmp_path / "x.pth")
    assert "stored whole" in said or "more than tensors" in said


def test_one_tensor_under_many_names_is_refused_by_the_sum_and_tied_weights_are_not(tmp_path):
    shared = torch.zeros(MB)
    torch.save({str(number): shared for number in range(9)}, tmp_path / "many.pth")
    assert "bytes of tensors in a file of" in refusal(tmp_path / "many.pth")
    torch.save({"a": shared, "b": shared}, tmp_path / "tied.pth")
    assert len(read_state_dict(tmp_path / "tied.pth")) == 2


def test_an_archive_with_two_lists_of_its_entries_gives_torch_the_checked_one(tmp_path):
    torch.save({"a": torch.zeros(3 * MB)}, tmp_path / "large.pth")
    torch.save({"a": torch.ones(3)}, tmp_path / "small.pth")
    large = zipped(entries_of(tmp_path / "large.pth"), tmp_path / "deflated.zip", zipfile.ZIP_DEFLATED)
    small = (tmp_path / "small.pth").read_bytes()
    for data in (large + small, small + large):
        (tmp_path / "both.pth").write_bytes(data)
        try:
            found = read_state_dict(tmp_path / "both.pth")
        except GeneratorError:
            continue
        assert sum(tensor.nbytes for tensor in tensors_in(found)) <= 2 * len(data) + MB


def test_what_is_compressed_many_times_is_refused_before_it_is_unpacked(tmp_path):
    torch.save({"a": torch.zeros(64 * MB)}, tmp_path / "plain.pth")
    zipped(entries_of(tmp_path / "plain.pth"), tmp_path / "bomb.pth", zipfile.ZIP_DEFLATED)
    (tmp_path / "plain.pth").unlink()
    assert "claims to unpack to" in refusal(tmp_path / "bomb.pth")


def test_archives_of_several_disks_and_broken_ones_are_refused_or_read_right(tmp_path):
    torch.save({"a": torch.ones(3)}, tmp_path / "sound.pth")
    sound = (tmp_path / "sound.pth").read_bytes()
    end = sound.rfind(b"PK\5\6")
    for place in range(end + 4, len(sound)):
        for value in (0, 1, 5, 255):
            (tmp_path / "x.pth").write_bytes(sound[:place] + bytes([value]) + sound[place + 1 :])
            try:
                assert read_state_dict(tmp_path / "x.pth")["a"].equal(torch.ones(3))
            except GeneratorError as error:
                assert "\n" not in str(error)


def test_an_archive_with_two_entries_of_one_name_is_refused(tmp_path):
    torch.save({"a": torch.ones(3)}, tmp_path / "sound.pth")
    entries = entries_of(tmp_path / "sound.pth")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "twice.pth", "w") as archive:
        for name in [*entries, next(iter(entries))]:
            archive.writestr(name, entries[name])
    assert "two entries of one name" in refusal(tmp_path / "twice.pth")


def test_weights_of_before_there_were_archives_are_read(tmp_path):
    torch.save({"a": torch.arange(5.0)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert read_state_dict(tmp_path / "old.pth")["a"].equal(torch.arange(5.0))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>Sign in to continue</html>", "a page in HTML"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_download_that_is_no_file_is_named(tmp_path, data, said, suffix):
    (tmp_path / f"x{suffix}").write_bytes(data)
    assert said in refusal(tmp_path / f"x{suffix}")


def test_names_that_are_no_text_are_refused(tmp_path):
    torch.save({1: torch.zeros(2), "b": torch.zeros(2)}, tmp_path / "x.pth")
    assert "calls a tensor 1; wanted names that are text" in refusal(tmp_path / "x.pth")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.pth")
    assert "is a pipe or a device" in refusal(tmp_path / "x.pth")


def test_a_header_of_safetensors_is_bounded_before_it_is_parsed(tmp_path):
    save_file({"a": torch.zeros(3)}, tmp_path / "x.safetensors")
    data = (tmp_path / "x.safetensors").read_bytes()
    (tmp_path / "x.safetensors").write_bytes((90 * MB).to_bytes(8, "little") + data[8:] + bytes(90 * MB))
    assert "at most 16777216 are allowed" in refusal(tmp_path / "x.safetensors")
