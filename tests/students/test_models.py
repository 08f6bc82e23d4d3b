"""What can be scored: by name, by file, and on photos of any size."""

import numpy as np
import pytest
import torch
from metrics.real_pairs import real_pairs
from pairs.numpy_bicubic import resize_matrix
from torch import nn

from gsdd.data.degradation import low_resolution, to_float
from gsdd.errors import GeneratorError, GeneratorNotFoundError
from gsdd.generators.export import export
from gsdd.generators.load import load_generator
from gsdd.students.checkpoint import save
from gsdd.students.models import Model, find_model
from gsdd.students.named import build

COMPACT = "realesr-animevideov3"


@pytest.fixture(scope="module")
def small(photos):
    return to_float(low_resolution(real_pairs(photos, 1)[1], 4))


def test_bicubic_is_keys_cubic_with_a_of_one_half_as_in_matlab(small):
    vertical, horizontal = (resize_matrix(side, 1 / 4) for side in small.shape[2:])
    expected = np.einsum("ih,nchw,jw->ncij", vertical, small.numpy(), horizontal)
    np.testing.assert_allclose(find_model("bicubic")(small).numpy(), expected, atol=1e-5)


def test_a_named_generator_and_its_file_make_the_images_of_the_generator(small, tmp_path):
    generator = load_generator(COMPACT)
    file = tmp_path / "compact.safetensors"
    export(generator, file)
    with torch.no_grad():
        expected = generator(small)
    for text in (COMPACT, str(file)):
        torch.testing.assert_close(find_model(text)(small), expected)
    assert find_model(str(file)).name == "compact.safetensors"
    assert find_model(COMPACT).about == f"Compact 64nf 16nc, 621,424 parameters, weights {generator.fingerprint[:12]}"


@pytest.mark.parametrize(("multiple_of", "minimum", "seen"), [(8, 1, (16, 24)), (1, 20, (20, 20)), (8, 20, (24, 24))])
def test_lr_is_continued_to_the_size_that_a_network_takes_and_hr_cut_back(multiple_of, minimum, seen):
    class Nearest(nn.Upsample):
        def forward(self, values):
            assert values.shape[2:] == seen
            return super().forward(values)

    small = torch.rand(1, 3, 11, 17, generator=torch.Generator().manual_seed(0))
    model = Model("nearest", "", Nearest(scale_factor=4), torch.device("cpu"), multiple_of, minimum)
    assert torch.equal(model(small), small.repeat_interleave(4, 2).repeat_interleave(4, 3))


@pytest.mark.parametrize("name", ["small", "swinir", "sftgan"])
def test_a_students_checkpoint_makes_the_images_of_the_student(small, tmp_path, name):
    student = build(name, seed=1, size="small").eval()
    save(student, name, tmp_path / "mine.safetensors")
    model = find_model(str(tmp_path / "mine.safetensors"))
    with torch.no_grad():
        torch.testing.assert_close(model(small), student(small), rtol=1e-4, atol=1e-5)
    assert model.name == "mine.safetensors"
    assert model.about.startswith(f"student {name}, ")


def test_what_is_no_model_is_said_so(tmp_path):
    for text in ("bicubical", str(tmp_path / "nowhere.pth"), str(tmp_path)):
        with pytest.raises(
            GeneratorNotFoundError, match=r"no such file, and no model of that name; wanted a checkpoint"
        ):
            find_model(text)
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(GeneratorError, match=r"text\.pth"):
        find_model(str(tmp_path / "text.pth"))
