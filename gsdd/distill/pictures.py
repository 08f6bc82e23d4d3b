"""The last image of every latent: those at rest stand for themselves in the class mean without a pass of G."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from gsdd.data.degradation import to_uint8
from gsdd.distill.moving import Moving
from gsdd.distill.run import Run
from gsdd.generators.frozen import Network
from gsdd.parallel.chunks import mapped
from gsdd.parallel.rows import put, room_for, taken


class Pictures:
    """Images of all latents, each as old as the last step that moved it.

    Args:
        latents: z that the images are made of, float32 `[N, 3, h, w]`.
        run: its processes make them together; each has all.

    Attributes:
        latents: those whose images these are: from them a run that goes on makes the same images again.
        images: uint8 `[N, 3, H, W]`, by rows; black until they are made.

    Raises:
        OutputError: the directory has no room.
    """

    def __init__(self, latents: Tensor, run: Run) -> None:
        self._device, self._workers = run.generator.device, run.workers
        count, channels, height, width = latents.shape
        scale = run.generator.scale
        self.images = room_for((count, channels, scale * height, scale * width), self._device, run.directory)
        self.latents, self._chunk = latents.to(self._device, copy=True), run.chunk

    @torch.no_grad()
    def make(self, network: Network) -> None:
        """Fill the images, a chunk a process at a time.

        Args:
            network: the form of G that makes them.
        """
        for several in torch.arange(len(self.latents)).split(self._chunk * self._workers.size):
            images_of = partial(self._images_of, network, several)
            put(self.images, several, mapped(images_of, len(several), self._chunk, self._workers))

    def _images_of(self, network: Network, several: Tensor, index: Tensor) -> Tensor:
        return to_uint8(network(taken(self.latents, several[index])))

    def replace(self, moving: Moving, latents: Tensor, images: Sequence[Tensor]) -> None:
        """Keep what a step saw.

        Args:
            moving: the latents of the step.
            latents: z as the step had them, `[M, 3, h, w]`.
            images: of this process's chunks, floating `[CHUNK, 3, H, W]`.
        """
        made = [to_uint8(image.detach()) for image in images]
        put(self.images, moving.index, moving.gather(self._workers, made))
        put(self.latents, moving.index, latents)
