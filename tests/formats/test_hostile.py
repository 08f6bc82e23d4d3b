"""Files that were made to harm: every digest is right, the content is not. Each is a FormatError and nothing else."""

import copy
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from golden_files import GOLDEN_1_0, GOLDEN_1_1
from mutations import HOSTILE, parent_of, places_of
from sample_file import LATENTS, MANIFEST, entry_of, forge, lay_out, sign, spell, split_up, take_apart, write_sample

from gsdd.errors import FormatError
from gsdd.formats import container as files


def with_tensor(sound, name: str, array: np.ndarray) -> bytes:
    manifest, tensors = copy.deepcopy(sound)
    manifest["tensors"][name] = entry_of(array)
    return forge(manifest, {**tensors, name: array.tobytes()})


def with_value(sound, value: object, *place: str | int) -> bytes:
    manifest, tensors = copy.deepcopy(sound)
    parent_of(manifest, place)[place[-1]] = value
    return forge(manifest, tensors)


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
    assert "the manifest has the version" in refusal(with_value(sound, version, "version"))


def test_a_higher_minor_version_may_bring_fields_and_tensors_which_a_conversion_keeps(tmp_path, accepted, sound):
    manifest, tensors = sound
    extra = np.arange(5, dtype=np.float32)
    manifest |= {"version": "1.7", "mood": {"new": [1]}}
    manifest["source"]["country"] = "AT"
    manifest["tensors"]["weights"] = entry_of(extra)
    data = forge(manifest, {**tensors, "weights": extra.tobytes()})
    assert accepted(data).manifest == MANIFEST
    files.convert(tmp_path / "given.gsdd", tmp_path / "b.h5", container="hdf5")
    files.convert(tmp_path / "b.h5", tmp_path / "c.gsdd", container="safetensors")
    assert (tmp_path / "c.gsdd").read_bytes() == data


@pytest.mark.parametrize("golden", [GOLDEN_1_0, GOLDEN_1_1], ids=["1.0", "1.1"])
def test_in_a_version_that_is_known_an_unknown_field_or_tensor_is_refused(refusal, golden):
    known = take_apart(golden)
    assert "unknown fields ['mood']" in refusal(with_value(known, 1, "mood"))
    country = refusal(with_value(known, "AT", "source", "country"))
    assert "source: missing fields [], unknown fields ['country']" in country
    assert "unknown fields ['weights']" in refusal(with_tensor(known, "weights", np.zeros(3, np.float32)))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("dropped", [{}, [], None, {"score": 0}, {"score": 1.5}, {"score": -1}, {"a\nb": 1}, {"score": {}}]),
        ("grey", [False, 0, 1, "true", None]),
        ("bits", [0, -16, 16.0, True, "16", None]),
    ],
)
def test_fields_of_the_source_since_1_4_hold_counts_and_truth_and_are_not_empty(
    refusal, accepted, sound, field, values
):
    fine = {"dropped": {"score": 2, "duplicate": 1}, "grey": True, "bits": 16}[field]
    later = take_apart(with_value(sound, "1.4", "version"))
    assert getattr(accepted(with_value(later, fine, "source", field)).manifest.source, field) == fine
    assert "but has content of version 1.4" in refusal(with_value(sound, fine, "source", field))
    for value in values:
        assert "source" in refusal(with_value(later, value, "source", field))


def test_signatures_are_required_since_1_1_and_refused_before(refusal, sound):
    manifest, tensors = sound
    assert "unknown fields ['signatures']" in refusal(with_value(sound, "1.0", "version"))
    del manifest["tensors"]["signatures"], tensors["signatures"]
    for version in ("1.1", "1.2"):
        assert "missing fields ['signatures']" in refusal(forge({**manifest, "version": version}, tensors))


@pytest.mark.parametrize("name", ["gsdd", "../x", "A", "", "a/b", "x" * 65, "__metadata__"])
def test_a_tensor_may_not_have_any_name(refusal, sound, name):
    sound[0]["version"] = "1.7"
    forged = with_value(sound, entry_of(np.zeros(3, np.float32)), "tensors", name)
    assert "is not a name that a tensor may have" in refusal(forged)


def test_whatever_stands_in_any_place_of_the_manifest_the_reader_answers_or_refuses(tmp_path, sound):
    manifest, _ = sound
    path = tmp_path / "hostile.gsdd"
    accepted = set()
    for place in set(places_of(manifest)) - {("digest",)}:
        for value in HOSTILE:
            if spell(parent_of(manifest, place)[place[-1]]) == spell(value):
                continue
            path.write_bytes(with_value(sound, value, *place))
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
        ({"classes": [{"name": "sky", "latents": 3}]}, "class_index is not ordered by class"),
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
    refusal(with_value(sound, name, "classes", 0, "name"))


@pytest.mark.parametrize("field", ["name", "architecture", "origin"])
@pytest.mark.parametrize("value", ["a\nb", "\x1b[2J", "\x9b1A", "\ud800"])
def test_what_messages_repeat_of_a_generator_is_one_plain_line(refusal, sound, field, value):
    refusal(with_value(sound, value, "generator", field))


@pytest.mark.parametrize("name", ["a\\x0ab", "C:", "con", "日本", "👩‍🚀", "a b", ".hidden", "x" * 4096])
def test_a_class_may_be_called_what_a_folder_may_be_called(accepted, sound, name):
    assert accepted(with_value(sound, name, "classes", 0, "name")).manifest.classes[0].name == name


@pytest.mark.parametrize(
    ("name", "array", "text"),
    [
        ("class_index", np.array([0, 1, 0], np.int32), "class_index is not ordered by class"),
        ("class_index", np.array([0, 0, 2], np.int32), "class_index is not ordered by class"),
        ("class_index", np.array([0, 0, -1], np.int32), "class_index is not ordered by class"),
        ("class_index", np.array([0, 0], np.int32), "is I32 [2]; the manifest calls for I32 [3]"),
        ("class_index", np.zeros(3, np.float32), "is F32 [3]; the manifest calls for I32 [3]"),
        ("source_index", np.array([0, 3, 0], np.int32), "source_index has values outside 0..2"),
        ("source_index", np.array([0, -1, 0], np.int32), "source_index has values outside 0..2"),
        ("latents", np.zeros((3, 3, 4), np.uint8), "the manifest calls for U8 [3, 3, 2, 2]"),
        ("latents", np.zeros((3, 3, 2, 2), np.float16), "is F16 [3, 3, 2, 2]; the manifest calls for U8"),
        ("signatures", np.zeros((2, 8, 8), np.uint8), "is U8 [2, 8, 8]; the manifest calls for U8 [3, 8, 8]"),
        ("signatures", np.zeros((3, 64), np.uint8), "is U8 [3, 64]; the manifest calls for U8 [3, 8, 8]"),
        ("signatures", np.zeros((3, 8, 8), np.float32), "is F32 [3, 8, 8]; the manifest calls for U8"),
        ("latents.scale", np.diag(np.float32([0, np.nan, 0])), "not finite"),
        ("latents.scale", np.diag(np.float32([0, np.inf, 0])), "not finite"),
        ("latents.scale", np.diag(np.float32([0, -1, 0])), "negative or not finite"),
        ("latents.scale", np.diag(np.float32([0, 3e38, 0])), "lead to latents that are not finite"),
        ("latents.offset", np.diag(np.float32([0, np.nan, 0])), "not finite"),
        ("latents.offset", np.diag(np.float32([0, -np.inf, 0])), "not finite"),
    ],
)
def test_tensors_that_make_no_sense_are_named(refusal, sound, name, array, text):
    assert text in refusal(with_tensor(sound, name, array))


@pytest.mark.parametrize(("codec", "dtype"), [("fp32", np.float32), ("fp16", np.float16)])
def test_latents_of_which_one_value_is_nan_are_refused(refusal, tmp_path, codec, dtype):
    sound = take_apart(write_sample(tmp_path / "a.gsdd", codec).read_bytes())
    latents = LATENTS.astype(dtype)
    latents[0, 0, 0, 0] = np.nan
    assert "latents hold NaN" in refusal(with_tensor(sound, "latents", latents))


def test_a_tensor_whose_sha256_is_that_of_others_is_named(refusal, sound):
    assert "tensor latents: is damaged" in refusal(with_value(sound, "0" * 64, "tensors", "latents", "sha256"))


@pytest.mark.parametrize(
    "shape", [[2**62, 2**62, 2**62, 4], [0, 3, 2, 2], [-3, -3, 2, 2], [], [3.0, 3, 2, 2], [1] * 99]
)
def test_a_hostile_shape_allocates_nothing(refusal, sound, shape):
    assert "tensor latents: " in refusal(with_value(sound, shape, "tensors", "latents", "shape"))


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
    assert "at most 4194304 are allowed" in refusal(with_value(sound, "x" * (4 * 2**20), "run", "log"))


@pytest.mark.parametrize("metadata", [5, None, [], {}, {"gsdd": 5}, {"other": "{}"}, {"gsdd": ""}, {"gsdd": "[]"}])
def test_metadata_that_is_no_manifest_is_refused(refusal, metadata):
    refusal(lay_out({"__metadata__": metadata}, b""))
    start = b'{"__metadata__":{"gsdd":"","__metadata__":' + json.dumps(metadata).encode() + b"}"
    refusal(struct.pack("<Q", len(start)) + start)


def headers(sound) -> dict[str, bytes]:
    """Files whose manifest is right and whose header is not the one that the manifest calls for."""
    data = forge(*sound)
    header, payload = split_up(data)
    length = len(data) - len(payload) - 8
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
