"""A model.mat in the form of NRQM's official one, over forests that scikit-learn trained and can predict with."""

from functools import cache

import numpy as np
from scipy.io import savemat
from sklearn.ensemble import RandomForestRegressor

from gsdd.metrics.nrqm import FEATURES

WEIGHTS = (0.5, 0.25, 1.5, -0.75)


@cache
def train_forests():
    """Three forests; scikit-learn compares features in single precision."""
    forests = []
    for number, size in enumerate(FEATURES):
        draws = np.random.default_rng(number)
        samples = draws.normal(size=(200, size)).astype(np.float32)
        scores = samples[:, 0] + samples[:, 1] * samples[:, -1]
        forests.append(RandomForestRegressor(12, max_depth=6, random_state=number).fit(samples, scores))
    return forests


def trained_structs():
    return [_as_matlab_struct(forest) for forest in train_forests()]


def _as_matlab_struct(forest):
    """The fields that randomforest-matlab saves: a row a node, a column a tree, children and features from 1."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    shape = (max(tree.node_count for tree in trees), len(trees))
    names = {"lDau": np.int32, "rDau": np.int32, "nodestatus": np.int8, "mbest": np.int32}
    fields = {name: np.zeros(shape, dtype) for name, dtype in names.items()}
    fields |= {"upper": np.zeros(shape), "avnode": np.zeros(shape), "coef": np.zeros((2, 1)), "ntree": len(trees)}
    for column, tree in enumerate(trees):
        inner = tree.children_left >= 0
        rows = slice(0, tree.node_count)
        fields["lDau"][rows, column] = np.where(inner, tree.children_left + 1, 0)
        fields["rDau"][rows, column] = np.where(inner, tree.children_right + 1, 0)
        fields["nodestatus"][rows, column] = np.where(inner, -3, -1)
        fields["mbest"][rows, column] = np.where(inner, tree.feature + 1, 0)
        fields["upper"][rows, column] = np.where(inner, tree.threshold, 0)
        fields["avnode"][rows, column] = tree.value[:, 0, 0]
    return fields


def save_model(file, structs):
    cell = np.empty((3, 1), dtype=object)
    cell[:, 0] = structs
    savemat(file, {"model": {"rf": cell, "linear": np.reshape(WEIGHTS, (4, 1))}}, do_compression=True)
