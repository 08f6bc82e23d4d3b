"""What other processes do with a cache, in a module that spawned processes can import."""

import sys
from multiprocessing.queues import Queue
from pathlib import Path

from pairs.counting import Counting, Watched

from gsdd.distilled.latent_set import read_latents
from gsdd.pairs.cache import PairCache


def read_pair(cache: PairCache, number: int, answers: "Queue[int]") -> None:
    answers.put(int(cache.pair(number)[1].sum()))


if __name__ == "__main__":
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    PairCache([read_latents(sys.argv[1])], Watched(Counting(seconds=0.3)), folder)
