from operator import delitem, setitem

import numpy as np
import pytest
import torch
from nrqm_model import WEIGHTS, save_model, train_forests, trained_structs
from recorded_scenes import RECORD, SHAVE, scene
from scipy.io import savemat

from gsdd.errors import KernelInputError, MetricError, MissingWeightsError
from gsdd.metrics.matlab import luma
from gsdd.metrics.nrqm import FEATURES, nrqm, nrqm_features, perceptual_index, read_nrqm_model


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("nrqm") / "model.mat"
    save_model(file, trained_structs())
    return file


@pytest.mark.parametrize("name", RECORD)
def test_features_are_those_of_the_official_program(name):
    recorded = scene(name)
    features = nrqm_features(luma(recorded.photo, SHAVE)[0])
    for kind, vector in features._asdict().items():
        np.testing.assert_allclose(vector.numpy(), recorded.features[kind], rtol=1e-5, err_msg=kind)


@pytest.mark.parametrize("correction", [None, (0.125, 2.0)])
def test_the_model_predicts_what_scikit_learn_predicts_and_applies_a_forest_s_linear_correction(tmp_path, correction):
    draws = np.random.default_rng(7)
    vectors = [draws.normal(size=size).astype(np.float32) for size in FEATURES]
    scores = [forest.predict(vector[None]).item() for forest, vector in zip(train_forests(), vectors, strict=True)]
    structs = trained_structs()
    if correction:
        structs[0]["coef"] = np.reshape(correction, (2, 1))
        scores[0] = correction[0] + correction[1] * scores[0]
    save_model(tmp_path / "model.mat", structs)
    score = read_nrqm_model(tmp_path / "model.mat")(tuple(torch.from_numpy(vector).double() for vector in vectors))
    assert score.item() == pytest.approx(WEIGHTS[0] + np.dot(WEIGHTS[1:], scores), rel=1e-12)


def test_a_batch_is_measured_image_by_image(model_file):
    photo = scene("chelsea").photo
    images = torch.cat([photo[..., :120, :140], photo[..., 100:220, 200:340]])
    model = read_nrqm_model(model_file)
    expected = [model(nrqm_features(image)).item() for image in luma(images, SHAVE)]
    scores = nrqm(images, model_file, SHAVE)
    assert scores.dtype == torch.float64
    assert scores.tolist() == expected


@pytest.mark.parametrize("file", [None, "nowhere.mat"])
@pytest.mark.parametrize("metric", [nrqm, perceptual_index])
def test_without_a_model_file_there_is_no_number(metric, file, tmp_path):
    with pytest.raises(MissingWeightsError, match="`nrqm_model=FILE`"):
        metric(scene("chelsea").photo, file and tmp_path / file)


@pytest.mark.parametrize("content", [b"", b"no .mat file at all" * 50, None])
def test_a_file_that_is_no_model_is_refused_by_name(content, model_file, tmp_path):
    file = tmp_path / "strange.mat"
    file.write_bytes(model_file.read_bytes()[:-1000] if content is None else content)
    with pytest.raises(MetricError, match=r"strange\.mat"):
        read_nrqm_model(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda struct: delitem(struct, "mbest"), "mbest"),
        (lambda struct: setitem(struct["lDau"], (1, 0), 1), "behind"),
        (lambda struct: setitem(struct["mbest"], (0, 0), 99), "not among the 18"),
        (lambda struct: setitem(struct, "upper", struct["upper"][:-1]), "shapes"),
    ],
    ids=["without a field", "with a loop", "with a strange feature", "of two shapes"],
)
def test_a_forest_that_is_none_is_refused(change, says, tmp_path):
    structs = trained_structs()
    change(structs[0])
    save_model(tmp_path / "model.mat", structs)
    with pytest.raises(MetricError, match=says):
        read_nrqm_model(tmp_path / "model.mat")


def test_what_ends_scipy_s_reader_ends_no_more_than_its_process(tmp_path):
    """Four doubles whose data are said to be of type 265 instead of 9: scipy 1.17 ends with a segmentation fault."""
    file = tmp_path / "model.mat"
    savemat(file, {"model": {"linear": np.ones(4)}})
    data = bytearray(file.read_bytes())
    data[data.rindex(np.float64(1).tobytes() * 4) - 7] = 1
    file.write_bytes(data)
    with pytest.raises(MetricError, match="cannot be read as NRQM's model: "):
        read_nrqm_model(file)


@pytest.mark.parametrize(("height", "width"), [(80, 80), (44, 400)])
def test_an_image_that_is_too_small_is_refused(height, width, model_file):
    with pytest.raises(KernelInputError, match=f"got {height}x{width}"):
        nrqm(torch.zeros(1, 3, height, width, dtype=torch.uint8), model_file)


def test_the_smallest_image_has_all_features():
    features = nrqm_features(luma(scene("coins").photo[..., :84, :84], 0)[0])
    assert tuple(len(vector) for vector in features) == FEATURES
    assert all(vector.isfinite().all() for vector in features)


def test_a_flat_image_has_finite_features():
    features = nrqm_features(torch.full((100, 100), 128.0, dtype=torch.float64))
    assert all(vector.isfinite().all() for vector in features)
