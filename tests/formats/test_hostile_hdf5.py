"""HDF5 files that were made to harm: every digest is right, the content is not."""

import h5py
import numpy as np
import pytest
from sample_file import MANIFEST, behind_user_block, forge_hdf5, write_sample


def test_hdf5_that_another_program_laid_out_by_the_spec_is_accepted(accepted, sound):
    assert accepted(forge_hdf5(*sound)).manifest == MANIFEST


def replaced(sound, name: str, make):
    def more(file: h5py.File) -> None:
        del file[name]
        make(file)

    return forge_hdf5(*sound, more)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda file: None, "wanted ['class_index',"),
        (lambda file: file.create_group("latents"), "not a plain contiguous dataset"),
        (lambda file: file.create_dataset("latents", (3, 3, 2, 2), "u1", chunks=True), "not a plain contiguous"),
        (lambda file: file.create_dataset("latents", (3, 3, 2, 2), "u1"), "stores 0 bytes; it claims 36"),
        (lambda file: file.create_dataset("latents", (2**20, 2**20), "u1"), "wanted U8 [3, 3, 2, 2]"),
        (lambda file: file.create_dataset("latents", data=np.zeros((3, 3, 2, 2), "i1")), "wanted U8"),
        (lambda file: file.create_dataset("latents", data=np.zeros((3, 3, 2, 2), "u1")), "latents: is damaged"),
        (lambda file: file.create_dataset("latents", (36,), "u1", external="/etc/passwd"), "not a plain contiguous"),
        (lambda file: file.__setitem__("latents", h5py.ExternalLink("/etc/passwd", "/x")), "no dataset latents of its"),
        (lambda file: file.__setitem__("latents", h5py.SoftLink("/class_index")), "no dataset latents of its own"),
    ],
)
def test_hdf5_with_another_thing_in_the_place_of_a_tensor_is_refused(refusal, sound, make, text):
    assert text in refusal(replaced(sound, "latents", make))


@pytest.mark.parametrize(
    "make",
    [
        lambda file: None,
        lambda file: file.create_dataset("gsdd", data="text of variable length"),
        lambda file: file.create_dataset("gsdd", data=np.bytes_(b"\xff")),
        lambda file: file.create_dataset("gsdd", data=np.bytes_(b"{}")),
        lambda file: file.create_dataset("gsdd", (), "S2000000000"),
        lambda file: file.create_dataset("gsdd", (), "S2000"),
        lambda file: file.create_dataset("gsdd", data=np.zeros(4, "S10")),
        lambda file: file.create_dataset("gsdd", data=7),
        lambda file: file.create_group("gsdd"),
    ],
)
def test_hdf5_without_a_manifest_is_refused(refusal, sound, make):
    refusal(replaced(sound, "gsdd", make))


def test_hdf5_with_something_more_is_refused(refusal, sound):
    assert "'more'" in refusal(forge_hdf5(*sound, lambda file: file.create_group("more")))


def test_bytes_that_are_no_hdf5_are_refused(refusal):
    assert "the HDF5 part ends after 0 bytes" in refusal(behind_user_block(b"\x89HDF\r\n\x1a\n" + bytes(100)))


def test_another_version_of_the_hdf5_container_is_refused(refusal):
    assert "HDF5 container version 2 is unknown" in refusal(b"gsdd-hdf5 2\n" + bytes(600))


def test_the_user_block_has_one_spelling(refusal, tmp_path):
    data = write_sample(tmp_path / "a.h5", container="hdf5").read_bytes()
    for old, new in [(b"length ", b"length 0"), (b"\nsha256", b"\r\nsha256"), (b"\n\0", b"\nx")]:
        refusal(data[:512].replace(old, new, 1)[:512] + data[512:])
