"""Latents of an HDF5 container in forms that h5py reads and the specification has not."""

import h5py


def replaced(file: h5py.File, **how: object) -> None:
    data = file["latents"][()]
    del file["latents"]
    file.create_dataset("latents", data=data, **how)


def compact(file: h5py.File) -> None:
    data = file["latents"][()]
    del file["latents"]
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(data.shape)
    h5py.h5d.create(file.id, b"latents", h5py.h5t.STD_U8LE, space, plan).write(h5py.h5s.ALL, h5py.h5s.ALL, data)
