"""Every kind of file that gsdd reads: one that is sound, how it is damaged, and who reads it."""

import copy
import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from damage import (
    Damage,
    Random,
    mixed,
    plain_damage,
    with_other_cell,
    with_other_chunk,
    with_other_directory,
    with_other_entries,
    with_other_header,
    with_other_json,
    with_other_tag,
    with_other_values,
)  # fmt: skip
from mutations import KINDS as GSDD_DAMAGE
from mutations import sound_file
from nrqm_model import save_model, trained_structs
from PIL import Image
from safetensors.torch import save
from sample_file import take_apart

from gsdd.data.images import read_photo
from gsdd.distill.adam import AdamState
from gsdd.distill.inversion import Inverted
from gsdd.distill.matching import Distillation
from gsdd.errors import GsddError
from gsdd.formats import container as files
from gsdd.generators.tensor_files import read_state_dict
from gsdd.generators.weights import identify
from gsdd.metrics.nrqm import read_nrqm_model
from gsdd.pairs.cache import _holds
from gsdd.pairs.tree import MARKER, read_marker, read_record
from gsdd.run.checkpoint import STAGES, Checkpoint, read, write
from gsdd.selection.crop_list import read_list
from gsdd.students.checkpoint import facts_of
from gsdd.students.named import build
from gsdd.students.trainer import TrainingState
from gsdd.students.training import KINDS as TRAINING

PLAIN_PHOTOS = ("jpeg", "webp", "gif", "bmp", "avif")
RECORD = b"".join(b"%d %064d HR/%d.png\n" % (k, k, k) for k in range(9))


@dataclass(frozen=True)
class Kind:
    """A kind of file: one that is sound, how it is damaged, who reads it, and in what part of the cases.

    One in so many, for a reader that starts a process.
    """

    suffix: str
    sound: bytes
    damage: Damage
    read: Callable[[Path], object]
    one_in: int = 1


def gsdd_kind(container: str, codec: str, folder: Path) -> Kind:
    data = sound_file(folder / "s.gsdd", codec, container).read_bytes()
    parts = take_apart(sound_file(folder / "p.gsdd", codec, "safetensors").read_bytes())
    wanted = files.latents_of(files.read(folder / "s.gsdd"))

    def damage(sound: bytes, draw: Random) -> bytes:
        return GSDD_DAMAGE[draw.integers(len(GSDD_DAMAGE))](sound, copy.deepcopy(parts), draw)

    def read_it(path: Path) -> None:
        try:
            files.read_head(path)
        finally:
            contents = files.read(path)
        files.check_latents(contents)
        found = files.latents_of(contents)
        assert np.isfinite(found).all()
        if contents.document.digest == files.read(folder / "s.gsdd").document.digest:
            assert np.array_equal(found, wanted)

    return Kind(".gsdd", data, damage, read_it)


def weights() -> dict[str, torch.Tensor]:
    return dict(build("compact", 0, size="small").state_dict())


def saved(content: object, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **how)
    return buffer.getvalue()


def read_weights(path: Path) -> None:
    found = identify(read_state_dict(path), path)
    assert all(bool(value.isfinite().all()) for value in found.network.state_dict().values())
    facts_of(path)


def states() -> list[tuple[Any, Any]]:
    latents = torch.rand(4, 3, 8, 8)
    errors = torch.ones(4, dtype=torch.float64)
    adam = AdamState(latents, latents * 0, latents * 0, torch.zeros(4, dtype=torch.int64))
    curve = {"points": [{"step": 1, "lr": 0.1, "pixel": 0.2}], "validations": [], "sums": {"pixel": 0.1}, "count": 1}
    training = TrainingState(3, {"student/w": torch.rand(5), "adam/step.w": torch.ones(())}, curve)
    return [(Distillation(adam, 2, Inverted(latents, 3, errors, errors)), STAGES), (training, TRAINING)]


class _Parts:
    """A state of any parts."""

    def __init__(self, tensors: Any, facts: Any) -> None:
        self._parts = tensors, facts

    def parts(self) -> tuple[Any, Any]:
        return self._parts


def checkpoint_bytes(state: Any, identity: Any, kinds: Any) -> bytes:
    buffer = io.BytesIO()
    write(buffer, Checkpoint(identity, state), kinds)
    return buffer.getvalue()


def checkpoint_kind(state: Any, kinds: Any) -> Kind:
    name = next(name for name, kind in kinds.items() if isinstance(state, kind))

    def with_other_state(data: bytes, draw: Random) -> bytes:
        tensors, facts = state.parts()
        tensors = dict(tensors)
        chosen = sorted(tensors)[draw.integers(len(tensors))]
        how = draw.integers(4)
        if how == 0:
            del tensors[chosen]
        elif how == 1:
            shape = [int(each) for each in draw.integers(1, 5, draw.integers(0, 6))]
            tensors[chosen] = torch.zeros(shape, dtype=(torch.float32, torch.int64, torch.float16)[draw.integers(3)])
        elif how == 2:
            tensors[chosen] = torch.full_like(tensors[chosen].float(), float("nan"))
        facts = with_other_values(facts, draw) if how == 3 or draw.random() < 0.3 else facts
        identity = with_other_values({"seed": 0, "lr": 0.1}, draw)
        try:
            return checkpoint_bytes(_Parts(tensors, facts), identity, {name: _Parts})
        except (GsddError, UnicodeEncodeError, ValueError, TypeError, AttributeError):
            return plain_damage(data, draw)

    sound = checkpoint_bytes(state, {"seed": 0, "lr": 0.1}, kinds)
    return Kind(
        ".checkpoint", sound, mixed(plain_damage, with_other_header, with_other_state), lambda path: read(path, kinds)
    )


def picture(suffix: str, mode: str = "RGB", **how: Any) -> bytes:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, suffix, **how)
    return buffer.getvalue()


def crop_list() -> bytes:
    text = io.StringIO()
    rows = [["class", "photo", "left", "top", "size"], *[["sky", f"sky/{k}.png", k, 2 * k, 32] for k in range(20)]]
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def read_tree(path: Path) -> None:
    """A marker and a record that lie in a folder."""
    root = path.with_suffix("")
    root.mkdir(exist_ok=True)
    (root / MARKER).write_bytes(path.read_bytes())
    marker = read_marker(root)
    if marker is not None:
        assert isinstance(marker.generator, str) and isinstance(marker.by_class, bool)


def cache_bytes() -> bytes:
    import hashlib

    body = np.random.default_rng(0).integers(0, 256, 6000).astype(np.uint8).tobytes()
    return body + hashlib.sha256(body).digest()


def read_cache(path: Path) -> None:
    sound = cache_bytes()
    with path.open("rb") as file:
        held = path.stat().st_size == len(sound) and _holds(file, len(sound) - 32)
    assert not held or path.read_bytes() == sound


def model_bytes() -> bytes:
    buffer = io.BytesIO()
    save_model(buffer, trained_structs())
    return buffer.getvalue()


def kinds(folder: Path) -> dict[str, Kind]:
    """Every kind of file, by name."""
    found = {
        f"{container} {codec}": gsdd_kind(container, codec, _made(folder / f"{container}-{codec}"))
        for container in ("safetensors", "hdf5", "deflated")
        for codec in ("uint8", "dct")
    }
    wrapped = {"params_ema": weights(), "iter": 7}
    by_torch = mixed(plain_damage, with_other_entries, with_other_directory)
    found |= {
        "pth": Kind(".pth", saved(wrapped), by_torch, read_weights),
        "pth of before": Kind(".pth", saved(wrapped, _use_new_zipfile_serialization=False), plain_damage, read_weights),
        "safetensors weights": Kind(
            ".safetensors", save(weights()), mixed(plain_damage, with_other_header), read_weights
        ),
    }
    for state, known in states():
        found[f"checkpoint {type(state).__name__}"] = checkpoint_kind(state, known)
    found |= {
        "png": Kind(".png", picture("png"), mixed(plain_damage, with_other_chunk), read_photo),
        "palette png": Kind(".png", picture("png", "P"), with_other_chunk, read_photo),
        "tiff": Kind(".tif", picture("tiff"), mixed(plain_damage, with_other_tag), read_photo),
        "deflated tiff": Kind(".tif", picture("tiff", compression="tiff_deflate"), with_other_tag, read_photo),
        "cmyk jpeg": Kind(".jpg", picture("jpeg", "CMYK"), plain_damage, read_photo),
        **{name: Kind(f".{name}", picture(name), plain_damage, read_photo) for name in PLAIN_PHOTOS},
        "coreset list": Kind(".csv", crop_list(), mixed(plain_damage, with_other_cell), read_list),
        "record": Kind(".sums", RECORD, plain_damage, read_record),
        "cache": Kind(".pairs", cache_bytes(), plain_damage, read_cache),
        "model.mat": Kind(".mat", model_bytes(), plain_damage, read_nrqm_model, one_in=20),
        "marker": Kind(
            ".json", b'{"file":"a","generator":"b","by_class":false,"image_format":"png"}',
            mixed(plain_damage, with_other_json), read_tree,
        ),
    }  # fmt: skip
    return found


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
