import pytest
import torch
from nrqm_model import as_matlab_struct, save_model, train_forests
from recorded_scenes import scene

from gsdd.errors import MissingWeightsError
from gsdd.metrics.niqe import niqe
from gsdd.metrics.nrqm import nrqm, perceptual_index


def test_it_is_the_mean_of_niqe_and_of_what_nrqm_lacks_to_10_inside_the_border(tmp_path):
    save_model(tmp_path / "model.mat", [as_matlab_struct(forest) for forest in train_forests()])
    photo = scene("coffee").photo[..., :200, :210]
    inside = photo[..., 4:-4, 4:-4]
    expected = ((10 - nrqm(inside, tmp_path / "model.mat")) + niqe(inside)) / 2
    assert torch.equal(perceptual_index(photo, tmp_path / "model.mat"), expected)


def test_without_nrqm_s_model_there_is_no_number():
    with pytest.raises(MissingWeightsError, match="`nrqm_model=FILE`"):
        perceptual_index(scene("coffee").photo, None)
