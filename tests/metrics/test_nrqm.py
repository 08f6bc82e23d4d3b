import sys

import numpy as np
import pytest
import torch
from nrqm_model import WEIGHTS, as_matlab_struct, save_model, train_forests
from recorded_scenes import RECORD, SHAVE, scene

from gsdd.errors import KernelInputError, MetricError, MissingExtraError, MissingWeightsError
from gsdd.metrics.matlab import luma
from gsdd.metrics.nrqm import FEATURES, nrqm, nrqm_features, read_nrqm_model


@pytest.fixture(scope="module")
def forests():
    return train_forests()


@pytest.fixture(scope="module")
def model_file(forests, tmp_path_factory):
    file = tmp_path_factory.mktemp("nrqm") / "model.mat"
    save_model(file, [as_matlab_struct(forest) for forest in forests])
    return file


@pytest.mark.parametrize("name", RECORD)
def test_features_are_those_of_the_official_program(name):
    recorded = scene(name)
    features = nrqm_features(luma(recorded.photo, SHAVE)[0])
    for kind, vector in features._asdict().items():
        np.testing.assert_allclose(vector.numpy(), recorded.features[kind], rtol=1e-5, err_msg=kind)


def test_the_model_predicts_what_scikit_learn_predicts(forests, model_file):
    draws = np.random.default_rng(7)
    vectors = [draws.normal(size=size).astype(np.float32) for size in FEATURES]
    scores = [forest.predict(vector[None]).item() for forest, vector in zip(forests, vectors, strict=True)]
    score = read_nrqm_model(model_file)(tuple(torch.from_numpy(vector).double() for vector in vectors))
    assert score.item() == pytest.approx(WEIGHTS[0] + np.dot(WEIGHTS[1:], scores), rel=1e-12)


def test_the_forest_s_linear_correction_is_applied(forests, tmp_path):
    structs = [as_matlab_struct(forest) for forest in forests]
    structs[0]["coef"] = np.array([[0.125], [2.0]])
    save_model(tmp_path / "model.mat", structs)
    vectors = tuple(torch.zeros(size, dtype=torch.float64) for size in FEATURES)
    scores = [forest.predict(np.zeros((1, size))).item() for forest, size in zip(forests, FEATURES, strict=True)]
    scores[0] = 0.125 + 2 * scores[0]
    score = read_nrqm_model(tmp_path / "model.mat")(vectors)
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
def test_without_a_model_file_there_is_no_number(file, tmp_path):
    with pytest.raises(MissingWeightsError, match="`nrqm_model=FILE`"):
        nrqm(scene("chelsea").photo, file and tmp_path / file)


def damaged(file):
    return file.read_bytes()[:-1000]


def without_a_field(struct):
    del struct["mbest"]


def with_a_loop(struct):
    struct["lDau"][1, 0] = 1


def with_a_strange_feature(struct):
    struct["mbest"][0, 0] = 99


def of_two_shapes(struct):
    struct["upper"] = struct["upper"][:-1]


@pytest.mark.parametrize("content", [b"", b"no .mat file at all" * 50, damaged])
def test_a_file_that_is_no_model_is_refused_by_name(content, model_file, tmp_path):
    file = tmp_path / "strange.mat"
    file.write_bytes(content(model_file) if callable(content) else content)
    with pytest.raises(MetricError, match=r"strange\.mat"):
        read_nrqm_model(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_a_field, "mbest"),
        (with_a_loop, "behind"),
        (with_a_strange_feature, "not among the 18"),
        (of_two_shapes, "shapes"),
    ],
)
def test_a_forest_that_is_none_is_refused(change, says, forests, tmp_path):
    structs = [as_matlab_struct(forest) for forest in forests]
    change(structs[0])
    save_model(tmp_path / "model.mat", structs)
    with pytest.raises(MetricError, match=says):
        read_nrqm_model(tmp_path / "model.mat")


def test_without_scipy_the_error_names_the_extra(model_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gsdd\[metrics\]'"):
        read_nrqm_model(model_file)


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
