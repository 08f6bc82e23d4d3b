"""How far a loop is on a GPU, which works after the host has gone on: its losses, and how many steps it is behind."""

import math
import time
from collections import deque

import torch
from torch import Tensor

# Steps that the host may be ahead: enough that the device never waits, few enough that the clock of the host tells when
# a step ends, and that a stop comes soon.
AHEAD = 4
POLL_SECONDS = 2e-4


class Pace:
    """Follows the steps of a loop without making the host wait for one that it has just begun.

    On a CPU nothing is behind: a loss is read at once.

    Attributes:
        loss: of the last step that has ended; NaN before.
        diverged: whether one that has ended had a loss that is not finite.
        behind: steps that were begun and may not have ended.
    """

    def __init__(self) -> None:
        self.loss, self.diverged = math.nan, False
        self._begun: deque[tuple[Tensor, torch.cuda.Event]] = deque()

    @property
    def behind(self) -> int:
        """Steps that were begun and may not have ended."""
        return len(self._begun)

    def begun(self, loss: Tensor) -> None:
        """Note a step.

        Args:
            loss: that it leads to, a number where it is computed.
        """
        if not loss.is_cuda:
            self._take(loss)
            return
        event = torch.cuda.Event()
        kept = torch.empty((), dtype=loss.dtype, pin_memory=True).copy_(loss.detach(), non_blocking=True)
        event.record()
        self._begun.append((kept, event))
        self._read(AHEAD)

    def end(self) -> None:
        """Wait until all steps have ended."""
        self._read(0)

    def _read(self, ahead: int) -> None:
        while self._begun and (len(self._begun) > ahead or self._begun[0][1].query()):
            loss, event = self._begun[0]
            # Asked, not waited for: a wait would hold Python's other threads too.
            while not event.query():
                time.sleep(POLL_SECONDS)
            self._take(loss)
            self._begun.popleft()

    def _take(self, loss: Tensor) -> None:
        self.loss = float(loss)
        self.diverged = self.diverged or not math.isfinite(self.loss)
