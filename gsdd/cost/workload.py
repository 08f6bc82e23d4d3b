"""How many images a run sends through G and psi, each way: what its time and its FLOPs are proportional to."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from gsdd.distill.chunks import CHUNK, CROPS
from gsdd.distill.recipe import Recipe
from gsdd.pairs.decode import CHUNK as DECODED
from gsdd.plan import Plan

Counts = tuple[int, ...]


@dataclass(frozen=True)
class Passes:
    """Numbers of images, or of FLOPs for each image, by where they go.

    Attributes:
        generator: G forward.
        generator_gradient: G backward, to the latent alone.
        psi: psi forward.
        psi_gradient: psi backward, to the image alone.
    """

    generator: int
    generator_gradient: int
    psi: int
    psi_gradient: int

    def flops(self, each: "Passes") -> int:
        """Count the FLOPs of these images.

        Args:
            each: FLOPs for one image.
        """
        return sum(images * flops for images, flops in zip(astuple(self), astuple(each), strict=True))


def chunks(latents: int) -> int:
    """Count the chunks of some latents; the last one is padded, and costs as much as any."""
    return -(-latents // CHUNK)


def moving(recipe: Recipe, counts: Counts) -> Counts:
    """Count the latents of each class that move in a step of the distillation."""
    return tuple(min(recipe.latent_batch or count, count) for count in counts)


def inversion_step(recipe: Recipe) -> Passes:
    """Count a step of one chunk."""
    seen = CHUNK if recipe.inversion_features else 0
    return Passes(CHUNK, CHUNK, seen, seen)


def inversion_ends(recipe: Recipe) -> Passes:
    """Count what comes before and after the steps of a chunk: its errors at both ends, and psi of its crops."""
    return Passes(2 * CHUNK, 0, CHUNK if recipe.inversion_features else 0, 0)


def distillation_step(recipe: Recipe, counts: Counts) -> Passes:
    """Count a step, but for the draws of (theta, omega) that it is the first to meet.

    Args:
        recipe: draws, latents that move and whether the others count in the class mean.
        counts: latents of each class.
    """
    images, resting = CHUNK * chunks(sum(moving(recipe, counts))), at_rest(recipe, counts)
    return Passes(images, images, recipe.draws * (images + padded(resting)), recipe.draws * images)


def draw(recipe: Recipe, counts: Counts, real: Counts) -> Passes:
    """Count what a draw takes over a run: its norms, the real crops and the pairs.

    Args:
        recipe: lambda, the bank, features and their calibration.
        counts: latents of each class.
        real: crops of each class that it is matched with.
    """
    calibrated = recipe.features == "resnet18" and not recipe.feature_weights
    moved = sum(moving(recipe, counts))
    turns = min(-(-sum(counts) // moved), -(-recipe.iterations * recipe.draws // max(1, draws(recipe))))
    pairs = turns * padded(moved) if recipe.lam else 0
    return Passes(0, 0, padded(sum(real)) + pairs + calibrated * recipe.calibration, 0)


def draws(recipe: Recipe) -> int:
    """Count the draws that a run makes: at each step anew, or those of its bank."""
    met = recipe.iterations * recipe.draws
    # Steps in bf16 and the exact ones have a bank each.
    exact = recipe.draws * exact_steps(recipe)
    return min(recipe.bank, exact) + min(recipe.bank, met - exact) if recipe.bank else met


def exact_steps(recipe: Recipe) -> int:
    """Count the steps of the matching that are fp32."""
    return sum(not recipe.computes_in_bf16(number, recipe.iterations) for number in range(recipe.iterations))


def distillation_start(recipe: Recipe, counts: Counts) -> Passes:
    """Count what comes before the first step, and again where bf16 ends.

    That is a chunk whose graph is measured, and all images if some latents rest.
    """
    images = CHUNK * chunks(sum(counts)) if at_rest(recipe, counts) else 0
    return Passes(starts(recipe) * (CHUNK + images), 0, 0, 0)


def starts(recipe: Recipe) -> int:
    """Count the precisions that a matching computes in."""
    return 2 if 0 < exact_steps(recipe) < recipe.iterations else 1


def at_rest(recipe: Recipe, counts: Counts) -> int:
    """Count the latents that a step sees without moving them."""
    return sum(counts) - sum(moving(recipe, counts)) if recipe.class_mean == "whole" else 0


def padded(crops: int) -> int:
    """Count the crops that are embedded for some: the last chunk is padded."""
    return -(-crops // CROPS) * CROPS


def signing(latents: int) -> Passes:
    """Count the images that are decoded once at the end."""
    return Passes(-(-latents // DECODED) * DECODED, 0, 0, 0)


def images_a_step(work: Plan) -> Mapping[str, float]:
    """Count the latents that a step of each stage sends through G, forward and backward; padding does not count."""
    latents = len(work.crops)
    return {"inversion": latents / chunks(latents), "distillation": sum(moving(work.recipe, work.counts))}
