"""How good a student is while it trains: PSNR-Y on photos that it does not see, and a few pictures."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from gsdd.data.degradation import to_float, to_uint8
from gsdd.data.served import Degradation, Draw
from gsdd.errors import DivergedError
from gsdd.metrics.conventions import Convention, border
from gsdd.metrics.outputs import Outputs, Pictures
from gsdd.metrics.psnr import psnr
from gsdd.students.batches import Batch
from gsdd.students.pairs import Pairs, Pixels
from gsdd.students.trainer import Trainer

PICTURES = 4


@dataclass(frozen=True)
class Validation:
    """Photos to validate on, and how often.

    Attributes:
        pairs: whole photos.
        every: steps between two validations; there is always one at the end.
        pictures: a folder for LR, output and HR of a few photos side by side; the newest replace those before.
        degradation: makes LR of a photo, always the same; None takes the bicubic one.
    """

    pairs: Pairs
    every: int
    pictures: Path | None = None
    degradation: Degradation | None = None

    def after_step(self, trainer: Trainer) -> None:
        """Validate if it is time, and put the mean PSNR into the trainer's curve."""
        if trainer.step % self.every == 0 or trainer.step == trainer.recipe.steps:
            scores = [self._score(trainer, number) for number in range(len(self.pairs))]
            # Of equal images the PSNR is infinite: those count in no mean.
            counted = [score for score in scores if math.isfinite(score)]
            if counted:
                trainer.curve.validations.append({"step": trainer.step, "psnr_y": sum(counted) / len(counted)})

    @cached_property
    def _shown(self) -> range:
        return range(0, len(self.pairs), -(-len(self.pairs) // PICTURES))

    def _low(self, number: int) -> Tensor:
        if self.degradation is None:
            return _batch(self.pairs.lr[number])
        return to_uint8(self.degradation(to_float(_batch(self.pairs.hr[number])), [Draw(0, number, 0)]))

    def _score(self, trainer: Trainer, number: int) -> float:
        low, high = self._low(number), _batch(self.pairs.hr[number])
        made = _enlarged(trainer, low, high, self.pairs.classes[number])
        if bool(made.isfinite().logical_not_().any()):
            name = self.pairs.names[number]
            raise DivergedError(f"the training diverged at step {trainer.step}: what it makes of {name} is not finite")
        image = to_uint8(made).cpu()
        if self.pictures is not None and number in self._shown:
            shown = Pictures(low, image, high)
            Outputs(pictures=self.pictures, force=True).write_pictures(self.pairs.names[number], shown)
        return float(psnr(image, high, Convention("Y", shave=border(self.pairs.scale))))


@torch.no_grad()
def _enlarged(trainer: Trainer, low: Tensor, high: Tensor, class_name: str) -> Tensor:
    network = trainer.averaged.eval()
    batch = Batch(to_float(low).to(trainer.device), to_float(high), (class_name,))
    image = trainer.enlarge(network, batch)
    trainer.student.train()
    return image


def _batch(image: Pixels) -> Tensor:
    return torch.from_numpy(image.copy())[None]
