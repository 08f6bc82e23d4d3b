"""The learning rate and the averaging's decay of each step."""

import math

from gsdd.students.recipe import TrainingRecipe

# Liang et al., "SwinIR", ICCV workshops 2021, section 4.1: 250K, 400K, 450K and 475K of 500K iterations.
HALVINGS = (0.5, 0.8, 0.9, 0.95)


def learning_rate(recipe: TrainingRecipe, step: int) -> float:
    """Give Adam's learning rate.

    Args:
        recipe: of the training.
        step: from 0, over both stages.

    Returns:
        The rate; of both networks in the second stage.
    """
    if step >= recipe.iterations:
        return recipe.gan_lr
    if recipe.schedule == "cosine":
        return recipe.lr * (1 + math.cos(math.pi * step / recipe.iterations)) / 2
    if recipe.schedule == "step":
        passed = sum(step >= share * recipe.iterations for share in HALVINGS)
        return float(recipe.lr * 0.5**passed)
    return recipe.lr


def ema_decay(recipe: TrainingRecipe, step: int) -> float:
    """Give the share of the averaged weights that stays in a step: small at first, or the first draw would stay long.

    Args:
        recipe: of the training.
        step: from 0.

    Returns:
        min(ema, (1 + step) / (10 + step)), as TensorFlow's ExponentialMovingAverage with a number of updates.
    """
    return min(recipe.ema, (1 + step) / (10 + step))
