"""Draws of (theta, omega) with the real side of Eq. 7 done once, and taken in turn."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gsdd.data.image_store import Images
from gsdd.distill.embedding import Embedding, class_index
from gsdd.distill.spaces import Spaces
from gsdd.parallel.memory import give_back_free_memory
from gsdd.parallel.rows import fits, put, taken
from gsdd.randomness import numpy_stream
from gsdd.recipe import Recipe

# Features of the pairs, over all draws: beyond this they are embedded again at each turn.
PAIR_BYTES = 32 * 1024**2


@dataclass(frozen=True)
class DistillationSource:
    """What latents are matched with.

    Attributes:
        class_names: one a class.
        counts: latents a class; latents stand class after class.
        starts: the crop x_k of every latent, uint8 `[N, 3, H, W]`, or float32 in [0, 1].
        real: crops of each class to draw from, uint8 `[M_c, 3, H, W]`.
    """

    class_names: tuple[str, ...]
    counts: tuple[int, ...]
    starts: Images
    real: tuple[Tensor, ...]


class Draw:
    """One (theta, omega) and what real crops are in its space.

    Attributes:
        embedding: psi_theta(A(., omega_c)).
        real_means: mean of the embedded real crops, `[C, D]`.
    """

    def __init__(
        self, embedding: Embedding, real_means: Tensor, source: DistillationSource, classes: Tensor, keep: bool
    ) -> None:
        """Start with no pair embedded.

        Args:
            embedding: the space.
            real_means: of each class.
            source: the pairs.
            classes: of each latent, int64 `[N]`; all draws share it.
            keep: whether a pair is embedded once only.
        """
        self.embedding, self.real_means, self._keep = embedding, real_means, keep
        self._source, self._classes = source, classes
        self._known = torch.zeros(len(source.starts) if keep else 0, dtype=torch.bool)
        self._features = real_means.new_empty(0)

    def pair_features(self, latents: Tensor) -> Tensor:
        """Embed the crops that latents are paired with: one side of Eq. 8.

        Args:
            latents: numbers, int64 `[M]`.

        Returns:
            psi(A(x_k, omega)), `[M, D]`.
        """
        if not self._keep:
            return self._embed(latents)
        if not len(self._features):
            self._features = self.real_means.new_empty(len(self._known), self.real_means.shape[1])
        unknown = latents[~self._known[latents]]
        if len(unknown):
            put(self._features, unknown, self._embed(unknown))
            self._known[unknown] = True
        return taken(self._features, latents)

    def _embed(self, latents: Tensor) -> Tensor:
        return self.embedding.embed_crops(self._source.starts, self._classes, latents)


class Bank:
    """The draws of a run, numbered from 0; draw n is entry n % K of K that are made when first met.

    An entry is a function of the seed, the class names and its number: a run that goes on makes the same ones again.

    Args:
        source: real crops and pairs.
        spaces: where (theta, omega) come from.
        recipe: `bank` is K, of which 0 makes every draw a new one; `real_batch`, crops of a class behind a real mean.
        bf16: whether psi computes in bf16, on both sides.
    """

    def __init__(self, source: DistillationSource, spaces: Spaces, recipe: Recipe, bf16: bool = False) -> None:
        self._source, self._spaces, self._recipe, self._bf16 = source, spaces, recipe, bf16
        self._entries: dict[int, Draw] = {}
        self._classes = class_index(source.counts)

    def __getitem__(self, number: int) -> Draw:
        """Return a draw; every process of the run calls this."""
        if not self._recipe.matching.bank:
            return self._draw(number)
        entry = number % self._recipe.matching.bank
        if entry not in self._entries:
            self._entries[entry] = self._draw(entry)
        return self._entries[entry]

    def _draw(self, number: int) -> Draw:
        embedding = self._spaces.embedding("training", number, self._source.class_names)
        if self._bf16:
            embedding = replace(embedding, psi=embedding.psi.in_bf16())
        means = embedding.real_means(real_batches(self._source, self._recipe, number))
        give_back_free_memory(means.device)  # else it stays beside the graphs that the step keeps
        pairs = self._recipe.matching.bank * len(self._source.starts) * means.shape[1] * means.itemsize
        keeps = pairs > 0 and (pairs <= PAIR_BYTES or fits(pairs, means.device))
        return Draw(embedding, means, self._source, self._classes, keeps)


def real_batches(source: DistillationSource, recipe: Recipe, number: int) -> list[Tensor]:
    """Draw the real crops of a bank's entry.

    Args:
        source: real crops.
        recipe: how many of a class, and the seed.
        number: of the entry.

    Returns:
        uint8 `[M, 3, H, W]` a class.
    """
    batches = []
    for name, crops in zip(source.class_names, source.real, strict=True):
        stream = numpy_stream(recipe.seed, f"real batch of {name}", number)
        batches.append(taken(crops, torch.from_numpy(stream.permutation(len(crops))[: recipe.matching.real_batch])))
    return batches
