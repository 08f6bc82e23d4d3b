"""The processes of a run, as torchrun starts them: they share out chunks of work and hold everything else in common."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsdd.errors import ProcessLostError, RecipeError
from gsdd.parallel.device import pick_device
from gsdd.parallel.torchrun import started_by_torchrun

# Of a peer that is connected and says nothing. One that dies is noticed at once.
TIMEOUT = timedelta(minutes=10)

DTYPES = (torch.uint8, torch.int64, torch.bfloat16, torch.float16, torch.float32, torch.float64)
DIMENSIONS = 8
STDOUT = 1


@dataclass(frozen=True)
class Workers:
    """One of the processes of a run. Each holds the whole state, and computes some of the chunks of a map.

    Chunks are gathered, never summed, so what follows from them has the same bits in every process and for every
    number of processes. A process alone makes no use of torch.distributed.

    Attributes:
        rank: which one this is, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def deal(self, count: int) -> range:
        """Return which of `count` chunks are this process's: chunk k belongs to rank k % size."""
        return range(self.rank, count, self.size)

    def gather(self, mine: Sequence[Tensor], count: int) -> list[Tensor]:
        """Give every process all chunks. Every process calls this, with the same count.

        Args:
            mine: results of the chunks `deal(count)`, in its order; every chunk of every process has the same shape,
                dtype and kind of device. No gradient flows.
            count: chunks in all, at least 1.

        Returns:
            `count` tensors in chunk order, to the bit what their makers had.

        Raises:
            ProcessLostError: another process is gone.
        """
        if self.size == 1:
            return [chunk.detach() for chunk in mine]
        like = self._form(mine, count)
        # Equal parts: every process sends as many chunks as rank 0 has.
        part = like.new_zeros(len(range(0, count, self.size)), *like.shape)
        for place, chunk in enumerate(mine):
            part[place] = chunk.detach()
        parts = [torch.empty_like(part) for _ in range(self.size)]
        # As bytes: gloo knows few dtypes.
        self._together("all_gather", [other.view(torch.uint8) for other in parts], part.view(torch.uint8))
        return [parts[k % self.size][k // self.size] for k in range(count)]

    def agree(self, flag: bool) -> bool:
        """Return rank 0's flag in every process. Every process calls this.

        Args:
            flag: this process's own.

        Returns:
            That of rank 0.

        Raises:
            ProcessLostError: another process is gone.
        """
        if self.size == 1:
            return flag
        told = torch.tensor([flag], dtype=torch.uint8)
        self._together("broadcast", told, 0)
        return bool(told)

    def any_of(self, flag: bool) -> bool:
        """Return, in every process, whether any has the flag. Every process calls this.

        Args:
            flag: this process's own.

        Raises:
            ProcessLostError: another process is gone.
        """
        if self.size == 1:
            return flag
        return any(bool(told) for told in self.gather([torch.tensor([flag], dtype=torch.uint8)], self.size))

    def meet(self) -> None:
        """Return when every process has called this.

        Raises:
            ProcessLostError: another process is gone.
        """
        self.gather([torch.empty(1)], self.size)

    def alike(self, text: str) -> bool:
        """Return, in every process, whether all have the same text. Every process calls this.

        Args:
            text: this process's own.

        Returns:
            Whether there is no other.

        Raises:
            ProcessLostError: another process is gone.
        """
        mine = torch.frombuffer(bytearray(hashlib.sha256(text.encode()).digest()), dtype=torch.uint8)
        return all(other.equal(mine) for other in self.gather([mine], self.size))

    def _form(self, mine: Sequence[Tensor], count: int) -> Tensor:
        """Return a tensor with the chunks' shape, dtype and device; where some process has no chunk, rank 0 tells."""
        if count >= self.size:
            return mine[0]
        words = torch.zeros(3 + DIMENSIONS, dtype=torch.int64)
        if mine:
            shape = mine[0].shape
            words[: 3 + len(shape)] = torch.tensor([DTYPES.index(mine[0].dtype), mine[0].is_cuda, len(shape), *shape])
        self._together("broadcast", words, 0)
        dtype, is_cuda, dimensions, *lengths = words.tolist()
        return torch.empty(lengths[:dimensions], dtype=DTYPES[dtype], device="cuda" if is_cuda else "cpu")

    def _together(self, collective: str, *values: Any) -> None:  # noqa: ANN401
        import torch.distributed as processes

        try:
            getattr(processes, collective)(*values)
        except RuntimeError as error:
            raise self.lost(error) from error

    def lost(self, error: RuntimeError) -> ProcessLostError:
        """Turn what torch says of a collective that failed into what the user can do."""
        # "[.../gloo/transport/tcp/pair.cc:561] Connection closed by peer [127.0.0.1]:33469. This is typically ..."
        said = re.sub(r"\[[^]]*\.cc:\d+\] ", "", str(error).partition("\n")[0])
        reason = said.partition(". ")[0] or type(error).__name__
        return ProcessLostError(
            f"rank {self.rank} of {self.size}: another process of the run is gone or does not answer ({reason}); "
            "the same command, with any number of processes, continues from the checkpoint"
        )


ALONE = Workers()


def own_device(device: str) -> str:
    """Choose where this process of a run computes, and refuse what several would share.

    Args:
        device: as for `pick_device`.

    Raises:
        RecipeError: torch cannot use the device, or it is a numbered GPU, which the processes would share.
    """
    if started_by_torchrun() and device.startswith("cuda:"):
        raise RecipeError(f"`device`: got {device}, wanted cuda: torchrun gives each process its own GPU")
    return pick_device(device)


@contextmanager
def joined(device: str) -> Iterator[Workers]:
    """Join the other processes that torchrun started, and part from them at the end.

    Args:
        device: where this process computes, from `own_device`: GPUs talk by nccl, all else by gloo.

    Yields:
        This process among them; `ALONE` if torchrun started no others.

    Raises:
        ProcessLostError: the others do not come.
    """
    if not started_by_torchrun():
        yield ALONE
        return
    import torch.distributed as processes

    workers = Workers(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    on_gpu = device.startswith("cuda")
    try:
        if on_gpu:
            torch.cuda.set_device(device)
        with _without_stdout():
            processes.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=TIMEOUT)
    except RuntimeError as error:
        raise workers.lost(error) from error
    try:
        yield workers
    finally:
        processes.destroy_process_group()


@contextmanager
def _without_stdout() -> Iterator[None]:
    """Keep a greeting of gloo off stdout, where data goes: torch 2.8 and 2.9 write it there from C++."""
    try:
        kept = os.dup(STDOUT)
    except OSError:  # there is no stdout
        yield
        return
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), STDOUT)
    try:
        yield
    finally:
        os.dup2(kept, STDOUT)
        os.close(kept)
