"""Properties of readers, over inputs that hypothesis makes up: an error of gsdd's own, or equal content."""

import io
import json
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from PIL import Image
from sample_file import CODEC_NAMES, CONTAINERS, forge, take_apart, write_sample

from gsdd.data.images import BadImage, read_photo
from gsdd.data.names import class_folders
from gsdd.errors import FormatError, GsddError, SourceError
from gsdd.formats import container as files
from gsdd.formats.helper_names import hidden, is_helper, new_hidden
from gsdd.formats.text import escaped, harmless, shown
from gsdd.generators.tensor_files import read_state_dict
from gsdd.pairs.tree import MARKER, Marker, read_marker
from gsdd.selection.crop_list import ListedCrop, read_list, to_csv

FEW = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FIELDS = ["classes", "generator", "recipe", "run", "source", "training", "hr_size", "codec"]
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("codec", CODEC_NAMES)
@given(changes=some.lists(some.tuples(some.integers(0, 10**6), some.integers(1, 255)), min_size=1, max_size=4))
@FEW
def test_a_gsdd_file_with_any_bytes_changed_is_refused(folder, container, codec, changes):
    path = folder / f"{container}-{codec}"
    if not path.exists():
        write_sample(path, codec, container)
    sound = bytearray(path.read_bytes())
    wanted = files.latents_of(files.read(path))
    for place, value in changes:
        sound[place % len(sound)] ^= value
    broken = written(folder, "broken", bytes(sound))
    try:
        found = files.read(broken)
    except FormatError:
        return
    # Deflate has several spellings of some bits; changes may also undo each other.
    assert np.array_equal(files.latents_of(found), wanted)


@given(
    field=some.sampled_from(["classes", "generator", "recipe", "run", "source", "training", "hr_size", "codec"]),
    value=JSON,
)
@FEW
def test_a_manifest_of_any_values_with_right_digests_is_refused_or_read_alike_by_both_readers(folder, field, value):
    manifest, tensors = take_apart(write_sample(_fresh(folder / "m")).read_bytes())
    manifest[field] = value
    try:
        data = forge(manifest, tensors)
    except (ValueError, UnicodeEncodeError):
        return
    path = written(folder, "forged", data)
    answers = []
    for reader in (files.read_head, files.read):
        try:
            answers.append(reader(path).document)
        except FormatError as error:
            assert "\n" not in str(error)
            answers.append(None)
    assert answers[0] == answers[1] or answers[1] is None


def _fresh(path: Path) -> Path:
    path.unlink(missing_ok=True)
    return path


@given(name=some.text(some.characters(exclude_characters="/\0"), min_size=1, max_size=300))
@FEW
def test_helper_names_are_marked_bounded_and_told_apart(folder, name):
    if name in (".", "..") or len(name.encode(errors="surrogatepass")) > 255:
        return
    try:
        path = folder / name
        parts = [new_hidden(path, "part"), hidden(path, ".gsdd-lock")]
        names = [hidden(path, ".checkpoint"), hidden(path, ".checkpoint.previous"), *parts]
    except UnicodeEncodeError:
        return
    assert all(each.parent == folder and len(each.name.encode(errors="surrogateescape")) <= 255 for each in names)
    assert all(is_helper(part.name, path) and not is_helper(part.name, folder / f"{name[:-1]}@#") for part in parts)
    assert not is_helper(path.name, path)


@given(text=some.text())
@FEW
def test_shown_text_is_one_harmless_line_and_different_texts_stay_different(text):
    assert escaped(text).isprintable() and len(shown(text)) <= 120
    assert all(
        character.isprintable() or character == "\n" or "\udc80" <= character <= "\udcff"
        for character in harmless(text)
    )
    assert escaped(text) != escaped(text + "\u200b")


@given(names=some.lists(some.text(max_size=70), min_size=1, max_size=40))
@FEW
def test_folders_of_any_class_names_differ_also_where_case_is_ignored(names):
    folders = class_folders(names)
    assert len({name.casefold() for name in folders}) == len(names)
    assert all(0 < len(name) <= 64 and name.isascii() for name in folders)


WORDS = some.text(some.characters(codec="utf-8"), min_size=1)
PLACES = some.integers(0, 999_999)
ROWS = some.builds(ListedCrop, WORDS, WORDS, PLACES, PLACES, some.just(32))
READERS = {
    "a.csv": read_list, "a.pth": read_state_dict, "a.safetensors": read_state_dict, "a.png": read_photo,
    "a.gsdd": files.read,
}  # fmt: skip


@given(rows=some.lists(ROWS, min_size=1, max_size=5))
@FEW
def test_a_list_of_crops_comes_back_as_it_was_or_is_refused(folder, rows):
    try:
        assert read_list(written(folder, "a.csv", to_csv(rows))) == tuple(rows)
    except SourceError as error:
        assert "\n" not in str(error)


@given(data=some.binary(max_size=400))
@FEW
def test_any_bytes_are_no_list_no_weights_no_photo_and_no_file_or_refused_in_one_line(folder, data):
    for name, reader in READERS.items():
        try:
            reader(written(folder, name, data))
        except GsddError as error:
            assert "\n" not in str(error)


@given(value=JSON)
@FEW
def test_a_marker_is_ours_or_none(folder, value):
    (folder / MARKER).write_text(json.dumps(value))
    found = read_marker(folder)
    assert found is None or isinstance(found, Marker)


@given(bits=some.sampled_from([8, 16]), inverted=some.booleans(), seed=some.integers(0, 99))
@FEW
def test_grey_of_either_depth_is_what_it_was_and_its_negative_is_its_negative(folder, bits, inverted, seed):
    grey = np.random.default_rng(seed).integers(0, 256, (9, 11)).astype(np.uint8)
    stored = grey if bits == 8 else grey.astype(np.uint16) * 257
    if bits == 8 and inverted:
        return  # Pillow turns what it writes around, too
    buffer = io.BytesIO()
    Image.fromarray(stored).save(buffer, "tiff", tiffinfo={262: 0} if inverted else {})
    pixels = read_photo(written(folder, "g.tif", buffer.getvalue())).pixels[..., 0]
    assert np.array_equal(pixels, 255 - grey if inverted else grey)


@given(shape=some.lists(some.integers(1, 6), min_size=1, max_size=4), times=some.integers(2, 10**6))
@FEW
def test_a_tensor_that_claims_more_than_it_stores_is_refused(folder, shape, times):
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(*shape, 1).expand(*shape, times)}, buffer)
    with pytest.raises(GsddError, match="is not stored whole"):
        read_state_dict(written(folder, "a.pth", buffer.getvalue()))


@given(length=some.integers(0, 2**64 - 1), rest=some.binary(max_size=64))
@FEW
def test_a_header_of_any_claimed_length_is_bounded(folder, length, rest):
    data = struct.pack("<Q", length) + rest
    with pytest.raises(GsddError):
        read_state_dict(written(folder, "a.safetensors", data))
    with pytest.raises(BadImage):
        read_photo(written(folder, "a.png", data))
