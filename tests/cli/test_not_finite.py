"""No command tells of success where a number is not finite: it stops with the step and the cause, and exits 1."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from sample_file import entry_of, forge, take_apart

from gsdd.formats import container as files
from gsdd.run.journal import checkpoint_paths
from gsdd.students.training import KINDS

SMALL = ["--student", "small", "--size", "small", "--crop", "32", "--batch", "2"]
SEARCH = ["--ipc", "1", "--hr-size", "32", "--generator", "realesr-animevideov3", "--set", "run.checkpoint_seconds=0"]


def finite(path: Path, kinds=KINDS) -> bool:
    from gsdd.run.checkpoint import read

    return all(bool(tensor.isfinite().all()) for tensor in read(path, kinds).state.parts()[0].values())


def test_a_training_that_diverges_stops_and_keeps_the_last_checkpoint_that_is_sound(refused, source, tmp_path):
    target = tmp_path / "n.safetensors"
    words = ("train", source, *SMALL, "--iterations", 40, "--lr", "1e30", "--set", "run.checkpoint_seconds=0")
    told = refused(*words, "-q", "-o", target)
    assert "the training diverged at step " in told
    assert "is not finite" in told and "lower --lr, which is 1e+30" in told
    assert not target.exists() and not target.with_suffix(".json").exists()
    assert finite(checkpoint_paths(target)[0])


def test_weights_that_the_last_step_lost_are_not_written(refused, source, tmp_path):
    target = tmp_path / "n.safetensors"
    told = refused("train", source, *SMALL, "--iterations", 1, "--lr", "1e39", "-q", "-o", target)
    assert "diverged" in told
    assert not target.exists()


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("inversion", ["--inversion-steps", 4, "--set", "inversion.lr=1e30", "--iterations", 0]),
        ("matching", ["--inversion-steps", 0, "--set", "matching.lr=1e30", "--iterations", 4]),
    ],
)
def test_a_search_that_diverges_says_so(gsdd, source, tmp_path, stage, words):
    target = tmp_path / "n.gsdd"
    said = gsdd("compress", source, *SEARCH, *words, "-o", target, "-q", code=1)
    assert said.err.startswith(f"gsdd: the {stage} diverged at step ")
    assert f"lower --set {stage}.lr, which is 1e+30" in said.err
    assert not target.exists()


def with_latents(path: Path, target: Path, value: float) -> Path:
    """The small file with latents in float32, of which the fifth is all one value."""
    contents = files.read(path)
    latents = files.latents_of(contents)
    latents[5] = value
    manifest, tensors = take_apart(path.read_bytes())
    manifest["codec"] = "fp32"
    for name in ("latents.scale", "latents.offset"):
        del manifest["tensors"][name], tensors[name]
    manifest["tensors"]["latents"], tensors["latents"] = entry_of(latents), latents.tobytes()
    target.write_bytes(forge(manifest, tensors))
    return target


def test_latents_far_from_any_image_are_refused_by_number(refused, desk):
    huge = with_latents(Path("small.gsdd").resolve(), desk / "huge.gsdd", 3e38)
    assert "latent 5 is outside -1.04858e+06 to 1.04858e+06" in refused("verify", huge, code=3)


def test_a_latent_whose_image_is_not_finite_is_named(refused, desk, monkeypatch):
    from gsdd.generators.generator import Generator

    plain = Generator.__call__
    monkeypatch.setattr(
        Generator, "__call__", lambda self, z: plain(self, z) / (z.mean((1, 2, 3)) < 5)[:, None, None, None]
    )
    large = with_latents(Path("small.gsdd").resolve(), desk / "large.gsdd", 9.0)
    for words in (["verify", large, "--decode", "-q"], ["expand", large, "-o", desk / "pairs", "-q"]):
        assert "latent 5 (class scene): the image that the generator makes" in refused(*words, code=3)


def test_a_model_with_weights_that_overflow_is_no_model(refused, gsdd, source, tmp_path):
    target = tmp_path / "m.safetensors"
    gsdd("train", source, *SMALL, "--iterations", 1, "-q", "-o", target)
    tensors = {name: value * 1e20 if value.ndim > 1 else value for name, value in load_file(target).items()}
    save_file(tensors, tmp_path / "large.safetensors")
    assert "NaN or infinity" in refused("evaluate", tmp_path / "large.safetensors", source, "--metrics", "psnr-y")


def test_json_on_stdout_never_holds_nan(gsdd, tmp_path):
    from PIL import Image

    Image.new("RGB", (48, 48), (90, 120, 30)).save(tmp_path / "flat.png")
    out, _ = gsdd("evaluate", "bicubic", tmp_path, "--metrics", "psnr-y,ssim-y", "--json")
    document = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert document["metrics"][0]["missing"].startswith("is infinite: the image equals the photo")
