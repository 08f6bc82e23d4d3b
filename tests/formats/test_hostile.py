"""Files that were made to harm: every digest is right, the content is not. Each is a FormatError and nothing else."""

import copy
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from golden_files import GOLDEN_1_0
from sample_file import DTYPES, MANIFEST, entry_of, forge, lay_out, sign, spell, take_apart, write_sample

from gsdd.errors import FormatError
from gsdd.formats import container as files


def accepted(tmp_path, data: bytes) -> files.Contents:
    path = tmp_path / "accepted.gsdd"
    path.write_bytes(data)
    return files.read(path)


def with_tensor(sound, name: str, array: np.ndarray) -> bytes:
    manifest, tensors = copy.deepcopy(sound)
    manifest["tensors"][name] = entry_of(array)
    return forge(manifest, {**tensors, name: array.tobytes()})


def with_text(text: str) -> bytes:
    return lay_out({"__metadata__": {"gsdd": text}}, b"")


def test_a_forged_file_without_a_change_is_accepted(tmp_path, sound):
    assert forge(*sound) == (tmp_path / "sound.gsdd").read_bytes()


@pytest.mark.parametrize("version", ["2.0", "0.9", "10.1"])
def test_another_major_version_is_refused_before_anything_else_is_looked_at(refusal, version):
    for text in (spell({"version": version}), spell({"version": version, "digest": "0"}), sign({"version": version})):
        assert f"format version {version} is unknown to this gsdd, which reads 1.x" in refusal(with_text(text))


@pytest.mark.parametrize(
    "version", [None, 1, 1.0, "1", "1.0.0", "01.0", "1.0\n", "\u0661.\u0660", "1.", ["1.0"], "9" * 999]
)
def test_what_is_no_version_is_refused(refusal, sound, version):
    manifest, tensors = sound
    assert "the manifest has the version" in refusal(forge({**manifest, "version": version}, tensors))


def test_a_higher_minor_version_may_bring_fields_and_tensors_which_a_conversion_keeps(tmp_path, sound):
    manifest, tensors = sound
    extra = np.arange(5, dtype=np.float32)
    manifest |= {"version": "1.7", "mood": {"new": [1]}}
    manifest["source"]["country"] = "AT"
    manifest["tensors"]["weights"] = entry_of(extra)
    data = forge(manifest, {**tensors, "weights": extra.tobytes()})
    assert accepted(tmp_path, data).manifest == MANIFEST
    files.convert(tmp_path / "accepted.gsdd", tmp_path / "b.h5", container="hdf5")
    files.convert(tmp_path / "b.h5", tmp_path / "c.gsdd", container="safetensors")
    assert (tmp_path / "c.gsdd").read_bytes() == data


def test_in_this_version_an_unknown_field_is_refused(refusal, sound):
    manifest, tensors = sound
    assert "unknown fields ['mood']" in refusal(forge({**manifest, "mood": 1}, tensors))
    manifest["source"]["country"] = "AT"
    assert "source: missing fields [], unknown fields ['country']" in refusal(forge(manifest, tensors))


def test_in_this_version_an_unknown_tensor_is_refused(refusal, sound):
    assert "unknown fields ['weights']" in refusal(with_tensor(sound, "weights", np.zeros(3, np.float32)))


def test_signatures_are_required_since_1_1_and_refused_before(refusal, sound):
    manifest, tensors = sound
    assert "unknown fields ['signatures']" in refusal(forge({**manifest, "version": "1.0"}, tensors))
    del manifest["tensors"]["signatures"], tensors["signatures"]
    for version in ("1.1", "1.2"):
        assert "missing fields ['signatures']" in refusal(forge({**manifest, "version": version}, tensors))


def test_a_file_of_version_1_0_may_have_no_unknown_field_either(refusal):
    manifest, tensors = take_apart(GOLDEN_1_0)
    assert "unknown fields ['mood']" in refusal(forge({**manifest, "mood": 1}, tensors))
    assert "unknown fields ['weights']" in refusal(with_tensor((manifest, tensors), "weights", np.zeros(3, np.float32)))


@pytest.mark.parametrize("name", ["gsdd", "../x", "A", "", "a/b", "x" * 65, "__metadata__"])
def test_a_tensor_may_not_have_any_name(refusal, sound, name):
    sound[0]["version"] = "1.7"
    sound[0]["tensors"][name] = entry_of(np.zeros(3, np.float32))
    assert "is not a name that a tensor may have" in refusal(forge(*sound))


def paths_of(value: object, path: tuple = ()) -> list[tuple]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [each for key, child in children for each in paths_of(child, (*path, key))]


HOSTILE_NUMBERS = [True, -1, 0, 7, 1.5, 1e308, 2**53, 2**70, -(10**300)]
HOSTILE_TEXTS = ["", "x", "1.0", "\x1b[2J", "\ud800", "0" * 64, "x" * 5000]
HOSTILE_VALUES = [None, *HOSTILE_NUMBERS, *HOSTILE_TEXTS, [], {}, [[]], {"a": 1}, ["F32"], [2**62] * 4, [1] * 999]


def test_whatever_stands_in_any_place_of_the_manifest_the_reader_answers_or_refuses(tmp_path, sound):
    manifest, tensors = sound
    path = tmp_path / "hostile.gsdd"
    accepted = set()
    for place in set(paths_of(manifest)) - {("digest",)}:
        for value in HOSTILE_VALUES:
            changed = copy.deepcopy(manifest)
            parent = changed
            for key in place[:-1]:
                parent = parent[key]
            if spell(parent[place[-1]]) == spell(value):
                continue
            parent[place[-1]] = value
            header = {"__metadata__": {"gsdd": sign(changed)}}
            sizes = take_sizes(changed, tensors)
            path.write_bytes(lay_out(header | sizes, b"".join(tensors[name] for name in sizes)))
            try:
                files.read(path)
                accepted.add(place[:2])
            except FormatError as error:
                assert str(error).isprintable()
    assert accepted == {
        ("privacy",),
        *(("classes", number) for number in range(2)),
        *(("generator", name) for name in set(manifest["generator"]) - {"scale"}),
        *(("source", name) for name in manifest["source"]),
        *((name,) for name in ("recipe", "run", "training")),
        *((name, key) for name in ("recipe", "run", "training") for key in manifest[name]),
    }


def take_sizes(manifest: dict, tensors: dict[str, bytes]) -> dict:
    """The header's entries that the changed manifest calls for, as far as it can be understood."""
    table = manifest["tensors"] if isinstance(manifest["tensors"], dict) else {}
    known = {name: table[name] for name in tensors if isinstance(table.get(name), dict)}
    known = {name: entry for name, entry in known.items() if entry.get("dtype") in map(str, DTYPES)}
    start, entries = 0, {}
    for name in sorted(known, key=lambda name: (list(DTYPES).index(known[name]["dtype"]), name)):
        end = start + len(tensors[name])
        entries[name] = {"dtype": known[name]["dtype"], "shape": known[name].get("shape"), "data_offsets": [start, end]}
        start = end
    return entries


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"hr_size": 10}, "hr_size 10 is not a multiple of the scale 4"),
        ({"hr_size": 16}, "the manifest calls for"),
        ({"hr_size": 4 * (2**50)}, "the manifest calls for"),
        ({"codec": "fp32"}, "tensors: missing fields [], unknown fields ['latents.offset', 'latents.scale']"),
        ({"codec": "zip"}, "codec 'zip'; known are fp32, fp16, uint8"),
        ({"classes": []}, "classes: got none"),
        ({"classes": [{"name": "sky", "latents": 2}, {"name": "sky", "latents": 1}]}, "one name twice"),
        ({"classes": [{"name": "sky", "latents": 3}]}, "class_index is not class after class"),
        ({"classes": [{"name": "sky", "latents": 4}]}, "the manifest calls for"),
        ({"classes": [{"name": "a", "latents": 3}, {"name": "b", "latents": 0}]}, "class.latents is 0"),
        ({"colour": "BGR"}, "colour is 'BGR'; in version 1 it is \"RGB\""),
        ({"range": [False, True]}, "range is [False, True]; in version 1 it is [0,1]"),
        ({"degradation": {"method": "bicubic", "antialias": False, "scale": 4}}, "degradation is"),
    ],
)
def test_content_that_makes_no_sense_is_named(refusal, sound, change, text):
    manifest, tensors = sound
    assert text in refusal(forge({**manifest, **change}, tensors))


@pytest.mark.parametrize("name", ["", ".", "..", "../../etc", "/", "a\nb", "\x1b[31m", "\x7f", "x" * 4097, "\udc80"])
def test_a_class_is_never_called_what_is_no_folder_or_what_a_terminal_obeys(refusal, sound, name):
    manifest, tensors = sound
    manifest["classes"][0]["name"] = name
    refusal(forge(manifest, tensors))


@pytest.mark.parametrize("field", ["name", "architecture", "origin"])
@pytest.mark.parametrize("value", ["a\nb", "\x1b[2J", "\x9b1A", "\ud800"])
def test_what_messages_repeat_of_a_generator_is_one_plain_line(refusal, sound, field, value):
    manifest, tensors = sound
    manifest["generator"][field] = value
    refusal(forge(manifest, tensors))


@pytest.mark.parametrize("name", ["a\\x0ab", "C:", "con", "日本", "👩‍🚀", "a b", ".hidden", "x" * 4096])
def test_a_class_may_be_called_what_a_folder_may_be_called(tmp_path, sound, name):
    manifest, tensors = sound
    manifest["classes"][0]["name"] = name
    assert accepted(tmp_path, forge(manifest, tensors)).manifest.classes[0].name == name


@pytest.mark.parametrize(
    ("name", "array", "text"),
    [
        ("class_index", np.array([0, 1, 0], np.int32), "class_index is not class after class"),
        ("class_index", np.array([0, 0, 2], np.int32), "class_index is not class after class"),
        ("class_index", np.array([0, 0, -1], np.int32), "class_index is not class after class"),
        ("class_index", np.array([0, 0], np.int32), "is I32 [2]; the manifest calls for I32 [3]"),
        ("class_index", np.zeros(3, np.float32), "is F32 [3]; the manifest calls for I32 [3]"),
        ("source_index", np.array([0, 3, 0], np.int32), "source_index leaves 0..2"),
        ("source_index", np.array([0, -1, 0], np.int32), "source_index leaves 0..2"),
        ("latents", np.zeros((3, 3, 4), np.uint8), "the manifest calls for U8 [3, 3, 2, 2]"),
        ("latents", np.zeros((3, 3, 2, 2), np.float16), "is F16 [3, 3, 2, 2]; the manifest calls for U8"),
        ("signatures", np.zeros((2, 8, 8), np.uint8), "is U8 [2, 8, 8]; the manifest calls for U8 [3, 8, 8]"),
        ("signatures", np.zeros((3, 64), np.uint8), "is U8 [3, 64]; the manifest calls for U8 [3, 8, 8]"),
        ("signatures", np.zeros((3, 8, 8), np.float32), "is F32 [3, 8, 8]; the manifest calls for U8"),
        ("latents.scale", np.full((3, 3), np.nan, np.float32), "not finite"),
        ("latents.scale", np.full((3, 3), -1, np.float32), "negative or not finite"),
        ("latents.scale", np.full((3, 3), 3e38, np.float32), "lead to latents that are not finite"),
        ("latents.offset", np.full((3, 3), np.inf, np.float32), "not finite"),
    ],
)
def test_tensors_that_make_no_sense_are_named(refusal, sound, name, array, text):
    assert text in refusal(with_tensor(sound, name, array))


def test_latents_that_are_nan_are_refused(refusal, tmp_path):
    sound = take_apart(write_sample(tmp_path / "a.gsdd", "fp16").read_bytes())
    assert "latents hold NaN" in refusal(with_tensor(sound, "latents", np.full((3, 3, 2, 2), np.nan, np.float16)))


def test_a_tensor_whose_sha256_is_that_of_others_is_named(refusal, sound):
    manifest, tensors = sound
    manifest["tensors"]["latents"]["sha256"] = "0" * 64
    assert "tensor latents: is damaged" in refusal(forge(manifest, tensors))


@pytest.mark.parametrize(
    "shape", [[2**62, 2**62, 2**62, 4], [0, 3, 2, 2], [-3, -3, 2, 2], [], [3.0, 3, 2, 2], [1] * 99]
)
def test_a_hostile_shape_allocates_nothing(refusal, sound, shape):
    manifest, tensors = sound
    manifest["tensors"]["latents"]["shape"] = shape
    assert "tensor latents: " in refusal(forge(manifest, tensors))


@pytest.mark.parametrize("length", [0, 1, 2**24 + 1, 2**31, 2**63, 2**64 - 1])
def test_a_hostile_header_length_allocates_nothing(refusal, sound, length):
    refusal(struct.pack("<Q", length) + forge(*sound)[8:])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", '{"version":"2.0",'),
        ("{", '{"version":"1.0",'),
        ('"hr_size":8', '"hr_size":8,"hr_size":8'),
        ('"lr":0.001', '"lr":1e-3'),
        ('"lr":0.001', '"lr":NaN'),
        ('"lr":0.001', '"lr":-Infinity'),
        ('"lr":0.001', '"lr":1e999'),
        ('"lr":0.001', '"lr":' + "9" * 5000),
        ('"lr":0.001', '"lr": 0.001'),
        ('"name":"sky"', '"name":"\\u0073ky"'),
        ("{", "\ufeff{"),
        ("}", "}\n"),
        ('"run":{"iterations":3}', '"run":' + '{"a":' * 40 + "1" + "}" * 40),
        ('"run":{"iterations":3}', '"run":' + "[" * 100_000 + "]" * 100_000),
        ('"run":{"iterations":3}', '"run":' + "[" * 1_000_000),
    ],
)
def test_json_that_is_spelled_another_way_is_refused(refusal, sound, old, new):
    manifest, _ = sound
    text = spell(manifest)
    assert old in text
    changed = text.replace(old, new, 1) if old != "}" else text + "\n"
    refusal(with_text(changed))


@pytest.mark.parametrize(
    "tail", [b'"},"a":' + b"[" * 1_000_000, b'"},"a":' + b"[" * 40 + b"]" * 40 + b"}", b"\xff", b""]
)
def test_a_header_that_is_no_sound_json_is_refused(refusal, tail):
    header = b'{"__metadata__":{"gsdd":"' + tail
    refusal(struct.pack("<Q", len(header)) + header)


def test_a_manifest_beyond_the_cap_is_refused(refusal, sound):
    manifest, tensors = sound
    manifest["run"] = {"log": "x" * (4 * 2**20)}
    assert "at most 4194304 are allowed" in refusal(forge(manifest, tensors))


@pytest.mark.parametrize("metadata", [5, None, [], {}, {"gsdd": 5}, {"other": "{}"}, {"gsdd": ""}, {"gsdd": "[]"}])
def test_metadata_that_is_no_manifest_is_refused(refusal, metadata):
    refusal(lay_out({"__metadata__": metadata}, b""))
    start = b'{"__metadata__":{"gsdd":"","__metadata__":' + json.dumps(metadata).encode() + b"}"
    refusal(struct.pack("<Q", len(start)) + start)


def headers(sound) -> dict[str, bytes]:
    """Files whose manifest is right and whose header is not the one that the manifest calls for."""
    data = forge(*sound)
    length = struct.unpack_from("<Q", data)[0]
    header, payload = json.loads(data[8 : 8 + length]), data[8 + length :]
    gap, overlap, extra, order = (copy.deepcopy(header) for _ in range(4))
    gap["latents"]["data_offsets"] = [each + 8 for each in gap["latents"]["data_offsets"]]
    overlap["latents"]["data_offsets"] = [0, 36]
    extra["payload"] = {"dtype": "U8", "shape": [4], "data_offsets": [len(payload), len(payload) + 4]}
    order["__metadata__"] = order.pop("__metadata__")
    start = data[8 : 8 + length].rstrip()
    return {
        "a hole": lay_out(gap, payload[:-36] + bytes(8) + payload[-36:]),
        "an overlap": lay_out(overlap, payload[:-36]),
        "an extra tensor": lay_out(extra, payload + b"evil"),
        "extra metadata": lay_out(header | {"__metadata__": {**header["__metadata__"], "pt": "x"}}, payload),
        "a missing tensor": lay_out({name: header[name] for name in header if name != "latents"}, payload[:-36]),
        "another order": lay_out(order, payload),
        "another dtype": lay_out(header | {"latents": {**header["latents"], "dtype": "I8"}}, payload),
        "another shape": lay_out(header | {"latents": {**header["latents"], "shape": [36]}}, payload),
        "more padding": struct.pack("<Q", length + 8) + data[8 : 8 + length] + b" " * 8 + payload,
        "other padding": data[:8] + start + b"\n" * (length - len(start)) + payload,
        "no padding": struct.pack("<Q", len(start)) + start + payload,
        "not UTF-8": data.replace(b'"dtype":"U8","shape":[3,3,2,2],"data', b'"dtype":"\xff8","shape":[3,3,2,2],"data'),
        "a key twice": data.replace(b'"latents":{"dtype":"U8"', b'"class_index":{"dtype":"'),
    }


def test_a_header_that_differs_from_the_manifests_is_refused(refusal, sound):
    for what, data in headers(sound).items():
        assert data != forge(*sound), what
        refusal(data)


def test_a_manifest_made_in_python_obeys_the_same_rules():
    with pytest.raises(FormatError, match=r"generator\.fingerprint is 'abc'; wanted 64 hexadecimal digits"):
        replace(MANIFEST.generator, fingerprint="abc")
    with pytest.raises(FormatError, match=r"hr_size is 8\.0; wanted a whole number from 1"):
        replace(MANIFEST, hr_size=8.0)
    with pytest.raises(FormatError, match="recipe is 'fast'; wanted a JSON object"):
        replace(MANIFEST, recipe="fast")
