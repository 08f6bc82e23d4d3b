"""Structure-aware damage, with digests computed anew, to every kind of file that gsdd reads, and what comes of it.

python tests/attack/attacks.py 200000     # shared out over the kinds: refused, harmless, and what no reader may do

A reader refuses with an error of its own or gives equal content, within five seconds, and within four times the bytes
on disk and 300 MB. It runs in this process, whose memory is measured for each case: give it one of its own.
"""

import copy
import csv
import functools
import io
import json
import operator
import re
import struct
import sys
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import torch
from mutations import KINDS as GSDD_DAMAGE
from mutations import VALUES, sound_file
from PIL import Image
from safetensors.torch import save
from sample_file import take_apart

from gsdd.data.images import read_photo
from gsdd.distill.adam import AdamState
from gsdd.distill.inversion import Inverted
from gsdd.distill.matching import Distillation
from gsdd.errors import GsddError
from gsdd.formats import container as files
from gsdd.generators.tensor_files import quietly, read_state_dict
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

Random = np.random.Generator
Damage = Callable[[bytes, Random], bytes]
MB = 1 << 20
MOST_TIMES, ROOM, LONGEST = 4, 300 * MB, 5.0
PLAIN_PHOTOS = ("jpeg", "webp", "gif", "bmp", "avif")
RECORD = b"".join(b"%d %064d HR/%d.png\n" % (k, k, k) for k in range(9))


@dataclass(frozen=True)
class Kind:
    """A kind of file: one that is sound, how it is damaged, and who reads it."""

    suffix: str
    sound: bytes
    damage: Damage
    read: Callable[[Path], object]


def plain_damage(data: bytes, draw: Random) -> bytes:
    """Bytes changed, cut off, repeated or added."""
    changed = bytearray(data)
    for place in draw.integers(0, len(data), draw.integers(1, 9)):
        changed[place] = (0, 255, 127, draw.integers(256))[draw.integers(4)]
    cut = int(draw.integers(0, len(data)))
    how = draw.integers(5)
    return bytes(changed) if how < 3 else bytes(changed[:cut]) if how == 3 else data[:cut] + data[cut // 2 :]


def any_value(draw: Random) -> Any:
    return copy.deepcopy(VALUES[draw.integers(len(VALUES))])


def with_other_values(document: Any, draw: Random) -> Any:
    """JSON of which some values, at any depth, are others, are gone, or are new."""
    document = copy.deepcopy(document)
    for _ in range(int(draw.integers(1, 4))):
        places = list(_places(document))
        if not places:
            return any_value(draw)
        *way, last = places[draw.integers(len(places))]
        parent = functools.reduce(operator.getitem, way, document)
        if isinstance(parent, dict) and draw.random() < 0.3:
            parent.pop(last) if draw.random() < 0.5 else parent.update({"added": any_value(draw)})
        else:
            parent[last] = any_value(draw)
    return document


def _places(value: Any, way: tuple = ()) -> Iterator[tuple]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*way, key)
        yield from _places(child, (*way, key))


def mixed(*ways: Damage) -> Damage:
    return lambda data, draw: ways[draw.integers(len(ways))](data, draw)


# .gsdd files


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


# Weights


def weights() -> dict[str, torch.Tensor]:
    return dict(build("compact", 0, size="small").state_dict())


def saved(content: object, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **how)
    return buffer.getvalue()


def with_other_entries(data: bytes, draw: Random) -> bytes:
    """An archive whose entries were changed, with right checksums."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w") as made:
        names = archive.namelist()
        chosen = names[draw.integers(len(names))] if draw.random() < 0.5 else next(n for n in names if "data.pkl" in n)
        for name in names:
            entry = archive.read(name)
            if name == chosen:
                entry = plain_damage(entry, draw) if entry else b"x"
            method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[int(draw.random() < 0.2)]
            made.writestr(zipfile.ZipInfo(name), entry, method)
    return buffer.getvalue()


def with_other_directory(data: bytes, draw: Random) -> bytes:
    """An archive whose lists of entries were changed: sizes, places, methods, names, numbers of disks."""
    changed = bytearray(data)
    marks = [match.start() for match in re.finditer(b"PK(?:\x01\x02|\x03\x04|\x05\x06|\x06\x06|\x06\x07)", data)]
    for _ in range(int(draw.integers(1, 4))):
        place = marks[draw.integers(len(marks))] + 4 + int(draw.integers(0, 44))
        if place < len(changed):
            changed[place] = int(draw.integers(256))
    return bytes(changed)


def with_other_header(data: bytes, draw: Random) -> bytes:
    """A safetensors file whose header has other values."""
    (length,) = struct.unpack_from("<Q", data)
    header = with_other_values(json.loads(data[8 : 8 + length]), draw)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def read_weights(path: Path) -> None:
    found = identify(read_state_dict(path), path)
    assert all(bool(value.isfinite().all()) for value in found.network.state_dict().values())
    facts_of(path)


# Checkpoints


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


# Photos


def picture(suffix: str, mode: str = "RGB", **how: Any) -> bytes:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, suffix, **how)
    return buffer.getvalue()


def with_other_chunk(data: bytes, draw: Random) -> bytes:
    """A PNG of which a chunk was changed, with the right checksum."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    number = int(draw.integers(len(chunks)))
    name, body = chunks[number]
    chunks[number] = (name, plain_damage(body, draw) if body else bytes(draw.integers(0, 256, 9).astype(np.uint8)))
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def with_other_tag(data: bytes, draw: Random) -> bytes:
    """A TIFF of which some tags have other types, counts or values."""
    changed = bytearray(data)
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for _ in range(int(draw.integers(1, 4))):
        place = start + 2 + 12 * int(draw.integers(count))
        field, value = int(draw.integers(3)), int(draw.integers(0, 2**32)) >> int(draw.integers(32))
        struct.pack_into(
            ("<H", "<I", "<I")[field], changed, place + (2, 4, 8)[field], value % (2**16 if not field else 2**32)
        )
    return bytes(changed)


# Lists, markers, caches, models


def crop_list() -> bytes:
    text = io.StringIO()
    rows = [["class", "photo", "left", "top", "size"], *[["sky", f"sky/{k}.png", k, 2 * k, 32] for k in range(20)]]
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def with_other_cell(data: bytes, draw: Random) -> bytes:
    lines = data.decode().split("\n")
    number = int(draw.integers(len(lines)))
    cells = lines[number].split(",")
    cells[draw.integers(len(cells))] = str(any_value(draw))
    return "\n".join([*lines[:number], ",".join(cells), *lines[number + 1 :]]).encode("utf-8", "surrogatepass")


def with_other_json(data: bytes, draw: Random) -> bytes:
    return json.dumps(with_other_values(json.loads(data), draw)).encode()


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
    from scipy.io import savemat

    draw = np.random.default_rng(0)
    forest = {name: draw.integers(0, 9, (9, 4)).astype(float) for name in ("lDau", "rDau", "mbest", "upper", "avnode")}
    buffer = io.BytesIO()
    rf = np.empty(3, dtype=object)
    rf[:] = [{**forest, "coef": np.zeros(2)}] * 3
    savemat(buffer, {"model": {"rf": rf, "linear": np.ones(4)}}, do_compression=True)
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
        "model.mat": Kind(".mat", model_bytes(), plain_damage, read_nrqm_model),
        "marker": Kind(
            ".json", b'{"file":"a","generator":"b","by_class":false,"image_format":"png"}',
            mixed(plain_damage, with_other_json), read_tree,
        ),
    }  # fmt: skip
    return found


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def resident(name: str) -> int:
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def outcome(kind: Kind, path: Path) -> str:
    """Read one file: "refused", "harmless", or what no reader may do."""
    Path("/proc/self/clear_refs").write_text("5")
    before, began = resident("VmRSS"), time.process_time()
    answer = "harmless"
    try:
        with warnings.catch_warnings(action="ignore"), quietly():
            kind.read(path)
    except GsddError as error:
        answer = "refused" if "\n" not in str(error) else f"more than a line: {str(error)[:200]!r}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        answer = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:120]}"
    seconds, peak = time.process_time() - began, resident("VmHWM") - before
    if seconds > LONGEST:
        return f"took {seconds:.1f} s"
    if peak > MOST_TIMES * path.stat().st_size + ROOM:
        return f"took {peak / MB:.0f} MB for {path.stat().st_size} bytes"
    return answer


def attack(kind: Kind, name: str, numbers: range, folder: Path, seed: int) -> tuple[Counter, list[str]]:
    """Damage a file again and again; count answers, and name the cases that no reader may answer so."""
    found, wrong = Counter[str](), []
    for number in numbers:
        path = folder / f"x{kind.suffix}"
        path.write_bytes(kind.damage(kind.sound, np.random.default_rng([seed, number, *name.encode()])))
        answer = outcome(kind, path)
        found[answer if answer in ("refused", "harmless") else "wrong"] += 1
        if answer not in ("refused", "harmless"):
            wrong.append(f"{name}, seed {seed}, case {number}: {answer}")
    return found, wrong


@click.command()
@click.argument("count", type=int)
@click.option("--seed", default=0)
@click.option("--only", default="", help="Kinds whose names contain this.")
@click.option("--first", default=0, help="Number of the first case.")
def main(count: int, seed: int, only: str, first: int) -> None:
    """Share out cases over the kinds; print a line a kind, and every case that is wrong. Exit 1 if there is one."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        chosen = {name: kind for name, kind in kinds(Path(folder)).items() if only in name}
        each, bad = -(-count // len(chosen)), []
        for name, kind in chosen.items():
            assert outcome(kind, _written(Path(folder) / f"sound{kind.suffix}", kind.sound)) == "harmless" or (
                name == "model.mat"
            ), name
            found, wrong = attack(kind, name, range(first, first + each), Path(folder), seed)
            click.echo(f"{name}: {dict(found)}")
            bad += wrong
    for line in bad:
        click.echo(line)
    sys.exit(bool(bad))


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    main()
