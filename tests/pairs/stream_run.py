"""A training process: takes batches of a stream, and says which, and where it stopped.

python stream_run.py FILE '{"workers": 2, "persistent": true, "rank": 1, "world_size": 3, "state": null, "batches": 5}'
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

import gsdd

BATCH = 4


def stream(file: str, *, rank: int = 0, world_size: int = 1, **options: Any) -> gsdd.DistilledStream:
    return gsdd.DistilledStream(
        file, batch_size=BATCH, gt_size=48, repeat=3, seed=2, rank=rank, world_size=world_size, **options
    )


def seen(batch: dict[str, Any]) -> list[str]:
    """What a trainer sees of a batch: names and pixels."""
    crops = (hashlib.sha256(crop.numpy().tobytes()).hexdigest()[:12] for crop in batch["gt"])
    return [f"{name} {crop}" for name, crop in zip(batch["gt_path"], crops, strict=True)]


def epochs(loader: DataLoader[Any]) -> Iterator[list[str]]:
    while True:
        for batch in loader:
            yield seen(batch)


def run(
    file: str,
    *,
    workers: int,
    batches: int,
    persistent: bool = False,
    state: dict[str, Any] | None = None,
    method: str | None = None,
    **options: Any,
) -> tuple[list[list[str]], dict[str, Any]]:
    """Train for some batches; return them and the state after the last."""
    loader = gsdd.ResumableLoader(
        stream(file, **options), num_workers=workers, persistent_workers=persistent, multiprocessing_context=method
    )
    if state is not None:
        loader.load_state_dict(state)
    served = [batch for _, batch in zip(range(batches), epochs(loader), strict=False)]
    return served, loader.state_dict()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1], **json.loads(sys.argv[2]))))
