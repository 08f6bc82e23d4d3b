"""A training process: takes batches, and says which, and where it stopped.

python -m pairs.training_run FILE '{"workers": 2, "persistent": true, "rank": 1, "world_size": 3, "batches": 5}'
"""

import hashlib
import json
import sys
from typing import Any

from torch.utils.data import DataLoader

import gsdd

BATCH = 4
Loader = DataLoader[Any]


def made(
    file: str,
    *,
    workers: int = 0,
    persistent: bool = False,
    method: str | None = None,
    state: dict[str, Any] | None = None,
    **place: int,
) -> tuple[gsdd.ResumableSampler, Loader]:
    """Make a sampler, with a state loaded, and its loader."""
    pairs = gsdd.DistilledPairs(file, gt_size=48, repeat=3, seed=2)
    sampler = gsdd.ResumableSampler(pairs, seed=2, **place)
    if state is not None:
        sampler.load_state_dict(state)
    loader: Loader = DataLoader(
        pairs,
        BATCH,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=persistent,
        multiprocessing_context=method,
    )
    return sampler, loader


def seen(batch: dict[str, Any]) -> list[str]:
    """What a trainer sees of a batch: names and pixels."""
    crops = (hashlib.sha256(crop.numpy().tobytes()).hexdigest()[:12] for crop in batch["gt"])
    return [f"{name} {crop}" for name, crop in zip(batch["gt_path"], crops, strict=True)]


def run(file: str, *, batches: int, **options: Any) -> tuple[list[list[str]], dict[str, Any]]:
    """Train for some batches; return them and the state after the last."""
    sampler, loader = made(file, **options)
    served: list[list[str]] = []
    taken = 0
    while len(served) < batches:
        taken = 0
        for batch in loader:
            served.append(seen(batch))
            taken += len(batch["gt"])
            if len(served) == batches:
                break
    return served, sampler.state_dict(taken)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1], **json.loads(sys.argv[2]))))
