"""How cells tell of their progress."""

from typing import Protocol


class Progress(Protocol):
    """Is told a stage, how much of it is done, how much there is, and where there is one the loss."""

    def __call__(self, stage: str, done: int, total: int, loss: float | None = None, /) -> None: ...


def unseen(stage: str, done: int, total: int, loss: float | None = None, /) -> None:
    """Pass over any progress."""
