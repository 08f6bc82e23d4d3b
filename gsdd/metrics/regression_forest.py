"""Random regression forests in the arrays that randomforest-matlab writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor


@dataclass(frozen=True)
class RegressionForest:
    """Trees side by side: row i of column t is node i of tree t, node 0 is the root.

    Attributes:
        left: the child for a feature that is at most the threshold; -1 at a leaf. int64 `[nodes, trees]`.
        right: the other child. int64 `[nodes, trees]`.
        feature: which feature a node asks for; not used at a leaf. int64 `[nodes, trees]`.
        threshold: float64 `[nodes, trees]`.
        value: what a leaf predicts. float64 `[nodes, trees]`.
        correction: (a, b) of the prediction's linear correction a + b y.
    """

    left: Tensor
    right: Tensor
    feature: Tensor
    threshold: Tensor
    value: Tensor
    correction: tuple[float, float]

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, ArrayLike], features: int) -> Self:
        """Take a forest from the fields of randomforest-matlab's struct.

        Args:
            arrays: lDau, rDau, mbest (counted from 1; 0 for none), upper, avnode: `[nodes, trees]`; coef `[2]`.
            features: how many features there are to ask for.

        Returns:
            the forest.

        Raises:
            KeyError: a field is missing.
            ValueError: the arrays differ in shape, or are no trees over so many features.
        """
        left, right, feature = (_columns(arrays[name], np.int64) - 1 for name in ("lDau", "rDau", "mbest"))
        threshold, value = (_columns(arrays[name], np.float64) for name in ("upper", "avnode"))
        _check(left, right, feature, threshold, value, features)
        a, b = np.asarray(arrays["coef"], dtype=np.float64).reshape(2)
        corrected = a != 0 or b != 0
        return cls(left, right, feature, threshold, value, (float(a), float(b)) if corrected else (0.0, 1.0))

    def __call__(self, features: Tensor) -> Tensor:
        """Predict from one vector of features `[D]`; gives a float64 scalar, the mean over all trees."""
        trees = torch.arange(self.left.shape[1])
        node = torch.zeros_like(trees)
        while (inside := self.left[node, trees] >= 0).any():
            asked = features[self.feature[node, trees].clamp(min=0)]
            goes_left = asked <= self.threshold[node, trees]
            child = torch.where(goes_left, self.left[node, trees], self.right[node, trees])
            node = torch.where(inside, child, node)
        a, b = self.correction
        return a + b * self.value[node, trees].mean()


def _columns(array: ArrayLike, dtype: type[np.generic]) -> Tensor:
    values = np.array(array, dtype=dtype)
    return torch.from_numpy(values.reshape(len(values), -1))


def _check(left: Tensor, right: Tensor, feature: Tensor, threshold: Tensor, value: Tensor, features: int) -> None:
    shapes = {tuple(array.shape) for array in (left, right, feature, threshold, value)}
    if len(shapes) != 1:
        raise ValueError(f"the forest's arrays have the shapes {sorted(shapes)}; wanted one")
    nodes = torch.arange(len(left))[:, None].expand_as(left)
    inner = left >= 0
    for child in (left[inner], right[inner]):
        # A child behind its parent: then every walk ends.
        if not ((child > nodes[inner]) & (child < len(left))).all():
            raise ValueError("a node of the forest has a child that does not lie behind it")
    if not ((feature[inner] >= 0) & (feature[inner] < features)).all():
        raise ValueError(f"a node of the forest asks for a feature that is not among the {features}")
