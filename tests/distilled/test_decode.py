import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from pairs.numpy_bicubic import downscale_by_hand
from pairs.small_file import compact_generator

from gsdd.data.degradation import low_resolution
from gsdd.distilled.decode import CHUNK, decode
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import FingerprintError, GeneratorError, GeneratorNotFoundError


@pytest.fixture(scope="module")
def distilled(small_file):
    return read_latents(small_file)


def test_every_image_is_the_rounded_output_of_the_generator_alone(distilled):
    network = compact_generator().network
    images = decode(compact_generator(), distilled.latents).numpy().astype(int)
    with torch.inference_mode():
        alone = [network(latent[None])[0].double().numpy() for latent in distilled.latents]
    expected = np.rint(255 * np.clip(alone, 0, 1)).astype(int)
    assert images.shape == (12, 3, 64, 64)
    assert np.abs(images - expected).max() <= 1
    assert np.mean(images != expected) <= 0.001


def test_an_image_has_the_same_bytes_in_whatever_company_it_is_decoded(distilled):
    together = decode(compact_generator(), distilled.latents)
    one_by_one = torch.cat([decode(compact_generator(), latent[None]) for latent in distilled.latents])
    shuffled = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(one_by_one, together)
    assert torch.equal(decode(compact_generator(), distilled.latents[shuffled]), together[shuffled])
    assert torch.equal(distilled.decode(compact_generator(), [11, 3]), together[[11, 3]])
    assert torch.equal(distilled.decode(compact_generator(), slice(2, 5)), together[2:5])


def test_the_generator_only_ever_sees_chunks_of_one_shape(distilled):
    seen = []
    hook = compact_generator().network.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape)))
    for count in (1, CHUNK, CHUNK + 1):
        decode(compact_generator(), distilled.latents[:count])
    hook.remove()
    assert seen == [(CHUNK, 3, 16, 16)] * 4


def test_the_memory_layout_of_the_latents_changes_nothing(distilled):
    strided = distilled.latents.to(memory_format=torch.channels_last)
    assert torch.equal(decode(compact_generator(), strided), decode(compact_generator(), distilled.latents))


def test_a_trainer_in_bf16_gets_images_in_fp32_all_the_same(distilled):
    expected = decode(compact_generator(), distilled.latents)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(decode(compact_generator(), distilled.latents), expected)


def test_decoding_leaves_the_callers_settings_as_they_are(distilled):
    decode(compact_generator(), distilled.latents[:1])
    assert torch.is_grad_enabled()
    assert torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.deterministic


def test_no_latents_give_no_images(distilled):
    assert decode(compact_generator(), distilled.latents[:0]).shape == (0, 3, 64, 64)


def test_low_resolution_is_antialiased_bicubic_of_the_rounded_image(distilled):
    images = decode(compact_generator(), distilled.latents)
    expected = downscale_by_hand(images.numpy(), 4)
    assert np.abs(low_resolution(images, 4).numpy() - expected).max() < 0.51


def test_an_opened_file_survives_pickling_whole(distilled):
    copy = pickle.loads(pickle.dumps(distilled))
    assert torch.equal(copy.latents, distilled.latents)
    assert copy.manifest == distilled.manifest
    assert [copy.name(k) for k in range(len(copy))] == [distilled.name(k) for k in range(len(distilled))]


def test_names_are_stable_and_say_file_class_and_number(distilled):
    assert [distilled.name(k) for k in (0, 4, 5, 11)] == [
        "small.gsdd::animal/000000",
        "small.gsdd::animal/000004",
        "small.gsdd::scene/000005",
        "small.gsdd::thing/000011",
    ]
    assert distilled.name(-1) == distilled.name(11)
    with pytest.raises(IndexError):
        distilled.name(12)


def test_classes_and_sources_are_those_of_the_file(distilled):
    assert distilled.class_names == ("animal", "scene", "thing")
    assert distilled.class_index.tolist() == [0] * 5 + [1] * 3 + [2] * 4
    assert sorted(distilled.source_index[:5].tolist()) == [0, 0, 0, 1, 1]
    assert len(distilled) == 12


def test_the_generator_comes_from_the_manifest(distilled):
    generator, note = distilled.load_generator()
    assert generator.fingerprint == compact_generator().fingerprint
    assert note is None


def test_another_generator_is_refused_unless_forced(distilled):
    with pytest.raises(FingerprintError):
        distilled.load_generator("realesrgan-x4plus-anime")
    generator, note = distilled.load_generator("realesrgan-x4plus-anime", force=True)
    assert generator.reference.name == "realesrgan-x4plus-anime"
    assert note.startswith("forced: ")


def test_a_generator_of_another_scale_is_refused_even_if_forced(distilled):
    made_with = replace(distilled.manifest.generator, scale=2)
    with pytest.raises(GeneratorError, match="takes latents"):
        replace(distilled, manifest=replace(distilled.manifest, generator=made_with)).load_generator(force=True)


def test_a_manifest_cannot_point_at_a_file_on_this_machine(distilled, tmp_path):
    planted = tmp_path / "planted.safetensors"
    planted.write_bytes(b"anything")
    made_with = replace(distilled.manifest.generator, name=str(planted))
    hostile = replace(distilled, manifest=replace(distilled.manifest, generator=made_with))
    with pytest.raises(GeneratorNotFoundError, match="`generator=PATH`"):
        hostile.load_generator()
