"""The held-out objective: zero where it must be, and the same as Eq. 7 and 8 written out."""

import numpy as np
import pytest
import torch
from scripts import script
from small_job import RECIPE, crops, source, spaces

from gsdd.data.degradation import to_float
from gsdd.features.extractor import FAMILIES

held_out_loss = script("held_out_loss")
HeldOut, pairwise_distance = held_out_loss.HeldOut, held_out_loss.pairwise_distance

NAMES = ("one", "two")
COUNTS = (12, 12)


def held_out(photos, family="local-fourier", draws=2) -> HeldOut:
    recipe = RECIPE.changed({"features.family": family})
    return HeldOut.prepare(spaces(photos, recipe), NAMES, source(photos).real, draws)


@pytest.mark.parametrize("family", FAMILIES)
def test_r_of_crops_with_themselves_is_zero(photos, family):
    pairs = crops(photos)
    assert held_out(photos, family).matching(pairs, COUNTS, pairs).pairs.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("family", FAMILIES)
def test_all_real_crops_match_themselves(photos, family):
    terms = held_out(photos, family).matching(crops(photos), COUNTS, crops(photos))
    assert float(terms.distribution.max()) < 1e-8


def test_terms_are_the_mean_over_draws_of_equations_7_and_8(photos):
    judge, images = held_out(photos), crops(photos)[[0, 1, 13]]
    pairs = crops(photos)[[2, 3, 15]]
    distribution, regulariser = [], []
    for embedding in judge.embeddings:
        made, paired, real = (
            [embedding(to_float(x[None]), torch.tensor([c]))[0].numpy() for x, c in zip(group, classes, strict=True)]
            for group, classes in [(images, [0, 0, 1]), (pairs, [0, 0, 1]), (crops(photos), [0] * 12 + [1] * 12)]
        )
        means = [np.mean(real[:12], axis=0), np.mean(real[12:], axis=0)]
        distribution.append([np.sum((np.mean(made[:2], axis=0) - means[0]) ** 2), np.sum((made[2] - means[1]) ** 2)])
        distances = [np.sum((a - b) ** 2) for a, b in zip(made, paired, strict=True)]
        regulariser.append([np.mean(distances[:2]), distances[2]])
    got = judge.matching(images, (2, 1), pairs)
    np.testing.assert_allclose(got.distribution.numpy(), np.mean(distribution, axis=0), rtol=1e-3)
    np.testing.assert_allclose(got.pairs.numpy(), np.mean(regulariser, axis=0), rtol=1e-3)


def test_pairwise_distance_is_the_mean_rms_difference_of_a_classs_members():
    values = torch.rand(5, 3, 4, 4, dtype=torch.float64)
    a = values.numpy()
    rms = [np.sqrt(np.mean((a[i] - a[j]) ** 2)) for i, j in [(0, 1), (0, 2), (1, 2)]]
    got = pairwise_distance(values, (3, 2))
    np.testing.assert_allclose(got.numpy(), [np.mean(rms), np.sqrt(np.mean((a[3] - a[4]) ** 2))])
