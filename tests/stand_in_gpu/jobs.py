"""Run commands of gsdd one after the other on the GPU that stands in; say how each ended, and what it launched."""

import json
import os
import shlex
import sys
from collections import Counter

import stand_in
import torch
from torch.utils.data import DataLoader

from gsdd import DistilledPairs
from gsdd.cli.main import exit_code


def load(file: str, context: str) -> int:
    """Read all pairs of a file in two workers, with the device that is chosen by itself."""
    pairs = DistilledPairs(file)
    batches = list(DataLoader(pairs, batch_size=2, num_workers=2, multiprocessing_context=context))
    on_cpu = all(batch[name].device.type == "cpu" for batch in batches for name in ("lq", "gt"))
    return 0 if on_cpu and sum(len(batch["gt"]) for batch in batches) == len(pairs) else 1


def main() -> None:
    """Run each argument: words after `gsdd`, or `load FILE CONTEXT`."""
    for job in sys.argv[1:]:
        words, before = shlex.split(job), Counter(stand_in.seen())
        code = load(*words[1:]) if words[0] == "load" else exit_code(words)
        launched = Counter(stand_in.seen()) - before
        sys.stdout.write(f"ended {json.dumps({'code': code, **launched})}\n")
        sys.stdout.flush()
    os._exit(0)  # at a common end torch would ask the driver for more than there is


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
