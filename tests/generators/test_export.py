import subprocess
import sys

import numpy as np
import pytest
import torch
from generators.photo import real_latent

from gsdd.errors import OutputError
from gsdd.generators.export import export
from gsdd.generators.load import load_generator, load_named
from gsdd.generators.named import NAMED

COMPACT = NAMED["realesr-animevideov3"]

SPANDREL_ALONE = """
import sys, numpy, torch
from spandrel import ModelLoader
for name in sys.argv[2:]:
    network = ModelLoader().load_from_file(f"{sys.argv[1]}/{name}.safetensors").model.eval()
    with torch.no_grad():
        image = network(torch.from_numpy(numpy.load(f"{sys.argv[1]}/z.npy")))
    numpy.save(f"{sys.argv[1]}/{name}.npy", image)
assert "gsdd" not in sys.modules
"""


def test_spandrel_alone_makes_the_same_images_of_exported_weights(tmp_path):
    names = ["realesr-animevideov3", "realesrgan-x4plus"]
    z = real_latent(16)
    np.save(tmp_path / "z.npy", z.numpy())
    for name in names:
        export(load_named(NAMED[name]), tmp_path / f"{name}.safetensors")
    subprocess.run([sys.executable, "-W", "ignore", "-c", SPANDREL_ALONE, str(tmp_path), *names], check=True)
    for name in names:
        image = torch.from_numpy(np.load(tmp_path / f"{name}.npy"))
        torch.testing.assert_close(load_named(NAMED[name])(z), image, rtol=0, atol=2e-5)
        reference = load_generator(str(tmp_path / f"{name}.safetensors")).reference
        for field in ("fingerprint", "fingerprint_fp16", "parameters", "architecture"):
            assert getattr(reference, field) == getattr(NAMED[name], field)


def test_two_exports_are_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        export(load_named(COMPACT), tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"exported as \.safetensors; got the suffix '\.pth'"):
        export(load_named(COMPACT), tmp_path / "mine.pth")
