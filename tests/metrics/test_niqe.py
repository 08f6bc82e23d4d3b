import numpy as np
import pytest
import torch
from recorded_scenes import RECORD, SHAVE, scene

from gsdd.errors import KernelInputError
from gsdd.metrics.matlab import luma
from gsdd.metrics.niqe import niqe, niqe_features


@pytest.mark.parametrize("name", RECORD)
def test_scores_and_features_are_those_of_the_official_release_and_scores_those_of_basicsr(name):
    """In coffee.png four pixels are 0 but for rounding, which there moves a shape by its step of 0.001: hence atol.

    BasicSR computes in single precision.
    """
    recorded = scene(name)
    image = luma(recorded.photo, SHAVE)[0]
    assert image.sum() == recorded.luma_sum
    features = niqe_features(image).mean(dim=0).numpy()
    np.testing.assert_allclose(features, recorded.features["niqe"], rtol=1e-3, atol=1e-5)
    score = niqe(recorded.photo, SHAVE).item()
    assert score == pytest.approx(recorded.niqe, rel=1e-4)
    assert score == pytest.approx(recorded.basicsr, rel=1e-3)


def test_a_batch_is_measured_image_by_image():
    photo = scene("chelsea").photo[..., :200, :300]
    noise = torch.randint(-30, 31, photo.shape, generator=torch.Generator().manual_seed(0))
    noisy = (photo + noise).clamp(0, 255).to(torch.uint8)
    both = niqe(torch.cat([photo, noisy]))
    assert both.dtype == torch.float64
    assert both.tolist() == [niqe(photo).item(), niqe(noisy).item()]
    assert both[1] > both[0] + 1


def test_a_flat_block_is_left_out():
    photo = scene("chelsea").photo[..., :192, :384].clone()
    photo[..., :96, :96] = 200
    features = niqe_features(luma(photo, 0)[0])
    assert features.isnan().any(dim=1).tolist() == [True] + [False] * 7
    assert niqe(photo).isfinite()


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (torch.zeros(1, 3, 191, 191, dtype=torch.uint8), "96x192"),
        (torch.full((1, 3, 200, 200), 7, dtype=torch.uint8), "not flat; 0 of 4"),
        (torch.zeros(1, 3, 200, 200), "uint8 RGB"),
        (torch.zeros(3, 200, 200, dtype=torch.uint8), "uint8 RGB"),
        (torch.zeros(0).byte(), "uint8 RGB"),
    ],
    ids=["one block", "flat", "floats", "no batch", "nothing"],
)
def test_what_cannot_be_measured_is_refused(images, told):
    with pytest.raises(KernelInputError, match=told):
        niqe(images)
