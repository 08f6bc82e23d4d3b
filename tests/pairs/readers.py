"""What workers do with a cache, in a module that spawned processes can import."""

from multiprocessing.queues import Queue

from gsdd.pairs.cache import PairCache


def read_pair(cache: PairCache, number: int, answers: "Queue[int]") -> None:
    answers.put(int(cache.pair(number)[1].sum()))
