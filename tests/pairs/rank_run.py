"""A rank of a training run that knows nothing of gsdd, in a module that spawned processes can import."""

from multiprocessing.queues import Queue
from pathlib import Path

import torch
from torch.utils.data import DataLoader, DistributedSampler

import gsdd


def crops_of_a_rank(rank: int, file: Path, store: str, crops: "Queue[list[bytes]]") -> None:
    torch.distributed.init_process_group("gloo", store=torch.distributed.FileStore(store, 2), rank=rank, world_size=2)
    pairs = gsdd.DistilledPairs(file, gt_size=48)
    sampler = DistributedSampler(pairs, seed=1)
    for epoch in range(6):
        sampler.set_epoch(epoch)
        for batch in DataLoader(pairs, batch_size=9, sampler=sampler):
            crops.put([crop.numpy().tobytes() for crop in batch["gt"]])
    torch.distributed.destroy_process_group()
