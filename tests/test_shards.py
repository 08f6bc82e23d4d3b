"""Shards: a set in several files, read latent by latent, every byte checked; SHARDS.md is the specification."""

import hashlib
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from golden_files import GOLDEN_1_0
from sample_file import MANIFEST, spell, write_sample

import gsdd
from gsdd.cli.main import exit_code
from gsdd.errors import FormatError, OutputError, RecipeError, SourceError
from gsdd.formats import container as files
from gsdd.formats import shards as formats
from gsdd.formats.manifest import ManifestClass
from gsdd.shard_files import join, split_file, verify_shards
from gsdd.shards import MOST_OPEN, open_shards

CLASSES = (ManifestClass("sky", 5), ManifestClass("Gebäude", 7), ManifestClass("sea", 1))


def write_set(path, codec="uint8"):
    """Thirteen noisy latents of 16x16 in three classes."""
    draw = np.random.default_rng(2)
    manifest = replace(MANIFEST, codec=codec, hr_size=64, classes=CLASSES, source=replace(MANIFEST.source, images=9))
    latents = (0.5 + 0.2 * draw.standard_normal(manifest.latent_shape)).astype(np.float32)
    index = np.repeat(np.arange(3, dtype=np.int32), [5, 7, 1])
    photos = np.arange(13, dtype=np.int32) % 9
    signatures = draw.integers(0, 256, manifest.signature_shape).astype(np.uint8)
    files.write(path, manifest, latents, index, photos, signatures)
    return path


@pytest.fixture
def whole(tmp_path):
    return write_set(tmp_path / "whole.gsdd")


@pytest.fixture
def split(whole, tmp_path):
    split_file(whole, tmp_path / "set.gsdd", 4)
    return tmp_path / "set.gsdd"


@pytest.mark.parametrize("codec", ["fp32", "fp16", "uint8", "uint8-ans"])
def test_any_latent_of_a_set_is_that_of_the_whole_file(tmp_path, codec):
    whole = files.latents_of(files.read(write_set(tmp_path / "whole.gsdd", codec)))
    split_file(tmp_path / "whole.gsdd", tmp_path / "set.gsdd", 4)
    opened = gsdd.open_shards(tmp_path / "set.gsdd")
    assert len(opened) == 13
    for number in (0, 3, 4, 11, 12, -1):
        assert opened[number].tobytes() == whole[number].tobytes()
    assert [opened.class_of(number) for number in (0, 4, 5, 11, 12)] == ["sky", "sky", "Gebäude", "Gebäude", "sea"]
    with pytest.raises(IndexError):
        opened[13]


@pytest.mark.parametrize(("codec", "most"), [("uint8", 4), ("uint8-ans", 5), ("dct", 7), ("fp32", 100)])
def test_joining_gives_the_bytes_that_were_split(tmp_path, codec, most):
    whole = write_set(tmp_path / "whole.gsdd", codec)
    split_file(whole, tmp_path / "set.gsdd", most)
    join(tmp_path / "set.gsdd", tmp_path / "again.gsdd")
    assert (tmp_path / "again.gsdd").read_bytes() == whole.read_bytes()


def test_every_shard_is_a_whole_file_that_tells_its_number(split, whole):
    opened = open_shards(split)
    assert [path.name for path in opened.paths] == [f"set-0000{k}-of-00004.gsdd" for k in (1, 2, 3, 4)]
    found = [files.read(path) for path in opened.paths]
    assert [each.manifest.latents for each in found] == [4, 4, 4, 1]
    assert [[c.name for c in each.manifest.classes] for each in found] == [
        ["sky"],
        ["sky", "Gebäude"],
        ["Gebäude"],
        ["sea"],
    ]
    assert found[2].manifest.run == {"shard": {"number": 3, "of": 4, "run": {"iterations": 3}}}
    parts = np.concatenate([files.latents_of(each) for each in found])
    assert parts.tobytes() == files.latents_of(files.read(whole)).tobytes()


def test_a_codec_that_signs_one_image_a_class_keeps_classes_whole(tmp_path):
    split_file(write_set(tmp_path / "whole.gsdd", "dct"), tmp_path / "set.gsdd", 8)
    assert open_shards(tmp_path / "set.gsdd").index.latents == (5, 8)
    with pytest.raises(RecipeError, match="class Gebäude has 7, and codec dct keeps classes whole"):
        split_file(tmp_path / "whole.gsdd", tmp_path / "other.gsdd", 6)


def test_writing_holds_one_shard_in_memory(tmp_path):
    asked = []

    def rows(which):
        asked.append((which.start, which.stop))
        count = which.stop - which.start
        zeros = {"latents.scale": np.zeros((count, 3), np.float32), "latents.offset": np.zeros((count, 3), np.float32)}
        codes, photos = np.zeros((count, 3, 16, 16), np.uint8), np.zeros(count, np.int32)
        return {**zeros, "latents": codes, "source_index": photos, "signatures": np.zeros((count, 8, 8), np.uint8)}

    manifest = replace(MANIFEST, hr_size=64, classes=CLASSES)
    index = formats.write(tmp_path / "set.gsdd", manifest, rows, 5)
    assert asked == [(0, 5), (5, 10), (10, 13)]
    assert index == formats.read_index(tmp_path / "set.gsdd")
    verify_shards(tmp_path / "set.gsdd")


def test_opening_looks_at_no_shard_and_reading_at_one(split, monkeypatch):
    opened_files = []
    real = gsdd.shards.safetensors_container.mapped
    monkeypatch.setattr(
        gsdd.shards.safetensors_container, "mapped", lambda path: opened_files.append(path) or real(path)
    )
    opened = open_shards(split)
    assert opened_files == []
    opened[5], opened[6]
    assert opened_files == [opened.paths[1]]


def test_the_index_is_what_its_specification_says(split):
    text = split.read_text()
    fields = json.loads(text)
    assert spell(fields) == text
    digest = fields.pop("digest")
    assert hashlib.sha256(spell(fields).encode()).hexdigest() == digest
    paths = [split.with_name(name) for name in fields["files"]]
    assert fields["bytes"] == [path.stat().st_size for path in paths]
    assert fields["digests"] == [files.read(path).document.digest for path in paths]
    assert (fields["version"], fields["hr_size"], fields["latents"]) == ("1.0", 64, [4, 4, 4, 1])
    assert fields["classes"] == [{"latents": each.latents, "name": each.name} for each in CLASSES]


def test_a_changed_byte_of_any_file_is_found(split):
    for path in (split, *open_shards(split).paths):
        sound = path.read_bytes()
        for place in (0, len(sound) // 2, len(sound) - 1):
            path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
            with pytest.raises(FormatError):
                verify_shards(split)
            assert exit_code(["verify", "-q", str(split)]) == 3
        path.write_bytes(sound)
    verify_shards(split)


def test_a_shard_that_is_gone_cut_off_or_another_is_told_by_name(split, tmp_path):
    path = open_shards(split).paths[2]
    sound = path.read_bytes()
    path.write_bytes(sound[:-1])
    with pytest.raises(FormatError, match=r"set-00003-of-00004.gsdd: has .* bytes; its index"):
        open_shards(split)
    path.unlink()
    with pytest.raises(SourceError, match=r"set-00003-of-00004.gsdd: shard of"):
        open_shards(split)
    other = bytearray(sound)
    other[-1] ^= 1
    path.write_bytes(bytes(other))
    # What was not asked for is not looked at; a digest is compared by verify.
    open_shards(split)[0]
    path.write_bytes((tmp_path / "set-00002-of-00004.gsdd").read_bytes()[: len(sound)].ljust(len(sound), b"\0"))
    with pytest.raises(FormatError, match=r"set-00003-of-00004.gsdd"):
        open_shards(split)[9]


def forged(fields: dict) -> bytes:
    unsigned = {name: value for name, value in fields.items() if name != "digest"}
    return spell({**unsigned, "digest": hashlib.sha256(spell(unsigned).encode()).hexdigest()}).encode()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"files": ["../../etc/x-00001-of-00004.gsdd"] * 4}, "wanted names such as"),
        ({"files": ["a", "b", "c", "d"]}, "wanted names such as"),
        ({"files": [1, 2, 3, 4]}, "wanted names such as"),
        ({"latents": [4, 4, 4]}, "files, latents, bytes and digests"),
        ({"latents": [4, 4, 4, -1]}, "whole numbers from 1"),
        ({"latents": [4, 4, 4, True]}, "whole numbers from 1"),
        ({"latents": [4, 4, 4, 2]}, "not those of its shards"),
        ({"bytes": [1, 1, 1, 2**60]}, "its index"),
        ({"digests": ["0"] * 4}, "64 hexadecimal digits"),
        ({"version": "2.0"}, "this gsdd reads 1.0"),
        ({"classes": {}}, "wanted a list"),
        ({"classes": [{"name": "..", "latents": 13}]}, "a name is that of one folder"),
        ({"more": 1}, "unknown fields"),
        ({"hr_size": 0}, "whole numbers from 1"),
    ],
)
def test_an_index_that_no_writer_writes_is_refused(split, change, text):
    split.write_bytes(forged({**json.loads(split.read_text()), **change}))
    with pytest.raises(FormatError, match=text):
        verify_shards(split)


def test_indices_damaged_at_random_are_refused(split):
    sound, draw = split.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(sound)
        for place in draw.integers(0, len(sound), draw.integers(1, 9)):
            changed[place] = draw.integers(256)
        split.write_bytes(bytes(changed[: draw.integers(1, len(sound) + 1)]))
        if split.read_bytes() != sound:
            with pytest.raises(FormatError):
                open_shards(split)


def test_an_index_is_told_from_a_file(split, whole):
    with pytest.raises(FormatError, match=r"is the index of shards; open it with gsdd.open_shards"):
        gsdd.open(split)
    with pytest.raises(FormatError):
        open_shards(whole)
    with pytest.raises(SourceError, match="no such file"):
        open_shards(split.with_name("none.gsdd"))


def test_nothing_is_written_over(split, whole):
    with pytest.raises(OutputError, match="exists"):
        split_file(whole, split, 4)
    with pytest.raises(OutputError, match="source itself"):
        split_file(whole, whole, 4, force=True)
    split_file(whole, split, 4, force=True)


def test_the_command_splits_tells_and_joins(tmp_path, capsys):
    whole = write_sample(tmp_path / "a.gsdd")
    there, back = tmp_path / "set.gsdd", tmp_path / "b.gsdd"
    assert exit_code(["convert", str(whole), str(there), "--shard-latents", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shards"] == ["set-00001-of-00002.gsdd", "set-00002-of-00002.gsdd"]
    assert exit_code(["verify", str(there)]) == 0
    assert capsys.readouterr().out.startswith("OK  ")
    assert exit_code(["info", str(there)]) == 0
    assert "2 shards" in capsys.readouterr().out
    assert exit_code(["convert", str(there), str(back)]) == 0
    assert back.read_bytes() == whole.read_bytes()
    assert exit_code(["verify", "--decode", str(there)]) == 2


def rewritten(split, number, **changes):
    """One shard with another manifest, and the index that tells of it."""
    path = open_shards(split).paths[number]
    contents = files.read(path)
    files.write_stored(path, replace(contents.manifest, **changes), contents.tensors, force=True)
    fields = json.loads(split.read_text())
    fields["digests"][number], fields["bytes"][number] = files.read(path).document.digest, path.stat().st_size
    split.write_bytes(forged(fields))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"recipe": {"lr": 2}}, "is of another set than the first shard"),
        ({"run": {"shard": {"number": 3, "of": 4, "run": {"iterations": 4}}}}, "is of another set"),
        ({"run": {"shard": {"number": 1, "of": 4, "run": {"iterations": 3}}}}, "is shard 3 of 4"),
        ({"run": {}}, "is shard 3 of 4"),
        ({"classes": (ManifestClass("sky", 4),)}, "not those of its shards, in their order"),
    ],
)
def test_shards_that_are_not_of_one_set_are_refused(split, changes, text):
    rewritten(split, 2, **changes)
    with pytest.raises(FormatError, match=text):
        verify_shards(split)


def test_a_set_is_not_made_of_a_shard_nor_of_a_version_without_signatures(split, tmp_path):
    with pytest.raises(RecipeError, match="is a shard itself"):
        split_file(open_shards(split).paths[0], tmp_path / "again.gsdd", 2)
    golden = tmp_path / "golden.gsdd"
    golden.write_bytes(GOLDEN_1_0)
    with pytest.raises(RecipeError, match=r"is of format 1\.0; shards are made of format 1\.1 to"):
        split_file(golden, tmp_path / "old.gsdd", 1)


def test_many_shards_are_read_with_few_files_open(tmp_path):
    split_file(write_set(tmp_path / "whole.gsdd"), tmp_path / "set.gsdd", 1)
    opened = open_shards(tmp_path / "set.gsdd")
    for _ in range(2):
        assert [opened[k].shape for k in range(13)] == [(3, 16, 16)] * 13
    assert len(opened._opened) == 13 <= MOST_OPEN
    again = pickle.loads(pickle.dumps(opened))
    assert len(again._opened) == 0
    assert again[7].tobytes() == opened[7].tobytes()


def test_a_shard_that_is_cut_off_while_it_is_read_is_told_and_kills_nothing(split):
    opened = open_shards(split)
    assert opened[5].shape == (3, 16, 16)
    with opened.paths[1].open("r+b") as file:
        file.truncate(3000)
    with pytest.raises(FormatError, match="it was cut off or replaced"):
        opened[6]


def test_neither_the_source_nor_a_shard_is_written_over(split, whole, tmp_path):
    with pytest.raises(OutputError, match="source itself"):
        join(split, open_shards(split).paths[1], force=True)
    taken = tmp_path / "new-00002-of-00004.gsdd"
    whole.rename(taken)
    with pytest.raises(OutputError, match="source itself"):
        split_file(taken, tmp_path / "new.gsdd", 4, force=True)
    verify_shards(split)


def test_a_set_that_is_replaced_leaves_no_shard_of_the_old_one_and_no_index_while_it_is_written(
    split, whole, monkeypatch
):
    seen = []
    real = formats.files.write_stored
    monkeypatch.setattr(formats.files, "write_stored", lambda *a, **k: seen.append(split.exists()) or real(*a, **k))
    split_file(whole, split, 7, force=True)
    assert seen == [False, False]
    assert sorted(path.name for path in split.parent.glob("set-*")) == [
        "set-00001-of-00002.gsdd",
        "set-00002-of-00002.gsdd",
    ]
    verify_shards(split)


@pytest.mark.parametrize("name", ["x" * 230 + ".gsdd", "a\\b.gsdd", "a\x7f.gsdd", "a\udce9.gsdd"])
def test_names_that_no_shard_may_have_are_refused_before_anything_is_written(whole, tmp_path, name):
    with pytest.raises(RecipeError, match="is too long for an index, or has characters"):
        split_file(whole, tmp_path / name, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.gsdd"]
