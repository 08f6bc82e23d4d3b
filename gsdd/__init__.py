"""gsdd: a folder of photos as latents of a frozen super-resolution GAN."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gsdd.api import Distilled, open
    from gsdd.distilled.merge import merge
    from gsdd.errors import GsddError
    from gsdd.generators.load import load_generator
    from gsdd.inspect.survey import scan
    from gsdd.monitor import Monitor
    from gsdd.pairs.dataset import DistilledPairs
    from gsdd.pairs.sampler import ResumableSampler
    from gsdd.recipe import Recipe
    from gsdd.run.compress import compress
    from gsdd.run.execution import Execution
    from gsdd.selection.coreset import coreset
    from gsdd.students.evaluation import evaluate
    from gsdd.students.job import train
    from gsdd.students.recipe import TrainingRecipe

__version__ = "0.2.0"

_HOMES = {
    "Distilled": "gsdd.api",
    "DistilledPairs": "gsdd.pairs.dataset",
    "Execution": "gsdd.run.execution",
    "GsddError": "gsdd.errors",
    "Monitor": "gsdd.monitor",
    "Recipe": "gsdd.recipe",
    "ResumableSampler": "gsdd.pairs.sampler",
    "TrainingRecipe": "gsdd.students.recipe",
    "compress": "gsdd.run.compress",
    "coreset": "gsdd.selection.coreset",
    "evaluate": "gsdd.students.evaluation",
    "load_generator": "gsdd.generators.load",
    "merge": "gsdd.distilled.merge",
    "open": "gsdd.api",
    "scan": "gsdd.inspect.survey",
    "train": "gsdd.students.job",
}
__all__ = [
    "Distilled",
    "DistilledPairs",
    "Execution",
    "GsddError",
    "Monitor",
    "Recipe",
    "ResumableSampler",
    "TrainingRecipe",
    "compress",
    "coreset",
    "evaluate",
    "load_generator",
    "merge",
    "open",
    "scan",
    "train",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a public name when it is first asked for (PEP 562), so that `import gsdd` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gsdd' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
