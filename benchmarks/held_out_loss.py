"""Does a distilled set match? L_dis where the run never looked, and how alike the latents of a class became."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.distill.embedding import Embedding, class_index
from gsdd.distill.spaces import Spaces
from gsdd.kernels.matching import Matching, matching

LAM = 0.1


@dataclass(frozen=True)
class HeldOut:
    """The objective on draws of (theta, omega) that no run uses, against all given real crops.

    Attributes:
        class_names: one a class.
        embeddings: the draws.
        real_means: mean of the embedded real crops, `[C, D]` a draw.
    """

    class_names: tuple[str, ...]
    embeddings: tuple[Embedding, ...]
    real_means: tuple[Tensor, ...]

    @classmethod
    def prepare(cls, spaces: Spaces, class_names: tuple[str, ...], real: tuple[Tensor, ...], draws: int) -> "HeldOut":
        """Draw the spaces and embed the real side once.

        Args:
            spaces: where (theta, omega) are drawn; their "held-out" numbers are never a run's.
            class_names: one a class.
            real: real crops a class, uint8 `[M_c, 3, H, W]`.
            draws: how many (theta, omega), at least 1.

        Returns:
            The prepared objective.
        """
        embeddings = tuple(spaces.embedding("held-out", number, class_names) for number in range(draws))
        return cls(class_names, embeddings, tuple(embedding.real_means(real) for embedding in embeddings))

    @torch.no_grad()
    def matching(self, images: Tensor, counts: tuple[int, ...], pairs: Tensor) -> Matching:
        """Evaluate Eq. 7 and 8, averaged over the draws.

        Args:
            images: G(z) of latents as stored and decoded, uint8 `[N, 3, H, W]`, class after class.
            counts: latents a class.
            pairs: x_k, uint8 `[N, 3, H, W]`.

        Returns:
            L_dis and R a class, and Eq. 9 with the paper's lambda.
        """
        classes, numbers = class_index(counts), torch.arange(len(images))
        terms = [
            matching(
                embedding.embed_crops(images, classes, numbers),
                counts,
                means,
                embedding.embed_crops(pairs, classes, numbers),
                LAM,
                backend=embedding.backend,
            )
            for embedding, means in zip(self.embeddings, self.real_means, strict=True)
        ]
        return Matching(
            torch.stack([term.distribution for term in terms]).mean(dim=0),
            torch.stack([term.pairs for term in terms]).mean(dim=0),
            LAM,
        )


def pairwise_distance(values: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Average the distance between the members of each class: what homogenisation would shrink.

    Args:
        values: latents or images, float32 `[N, ...]`, class after class.
        counts: members of each class.

    Returns:
        Mean root-mean-square difference of two members, `[C]`; NaN for a class of one.
    """
    flat = values.flatten(1)
    scale = flat.shape[1] ** -0.5
    return torch.stack([torch.pdist(part).mean() * scale for part in flat.split(list(counts))])
