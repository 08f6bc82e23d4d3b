"""gsdd: a folder of photos as latents of a frozen super-resolution GAN."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gsdd.compressor import compress
    from gsdd.merger import merge
    from gsdd.pairs.dataset import DistilledPairs
    from gsdd.pairs.distilled import Distilled, open
    from gsdd.pairs.expand import expand
    from gsdd.pairs.loader import ResumableLoader
    from gsdd.pairs.sampler import ResumableSampler
    from gsdd.pairs.stream import DistilledStream
    from gsdd.shards import Shards, open_shards

__version__ = "0.1.0"
__all__ = [
    "Distilled",
    "DistilledPairs",
    "DistilledStream",
    "ResumableLoader",
    "ResumableSampler",
    "Shards",
    "compress",
    "expand",
    "merge",
    "open",
    "open_shards",
]

_HOMES = {
    "Distilled": "gsdd.pairs.distilled",
    "DistilledPairs": "gsdd.pairs.dataset",
    "DistilledStream": "gsdd.pairs.stream",
    "ResumableLoader": "gsdd.pairs.loader",
    "ResumableSampler": "gsdd.pairs.sampler",
    "compress": "gsdd.compressor",
    "expand": "gsdd.pairs.expand",
    "merge": "gsdd.merger",
    "Shards": "gsdd.shards",
    "open": "gsdd.pairs.distilled",
    "open_shards": "gsdd.shards",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a public name when it is first asked for (PEP 562), so that `import gsdd` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gsdd' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
