"""G forward and backward over many latents, chunk by chunk, in bounded memory."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gsdd.generators.frozen import FrozenNetwork
from gsdd.kernels.backend import Backend
from gsdd.parallel.memory import give_back_free_memory

GRAPH_BYTES = 2 * 1024**3


class GeneratorPass:
    """HR = G(z) for chunks of latents, and the way back from dL/dHR to dL/dz.

    Some chunks keep their graphs; the others are run again on the way back (as GLaD does, arXiv 2305.01649). Both ways
    give equal bits, so memory never decides what is computed.
    """

    def __init__(
        self, generator: FrozenNetwork, latents: Sequence[Tensor], kept: int, backend: Backend = "auto"
    ) -> None:
        """Run G.

        Args:
            generator: G in its frozen form.
            latents: z of each chunk, float32 `[CHUNK, 3, h, w]`; there may be none.
            kept: chunks that keep their graphs; see `kept_graphs`.
            backend: of G's activations.
        """
        self._generator, self._backend = generator, backend
        self._z = [z.detach().requires_grad_(True) for z in latents]
        self._graphs = [self._kept(z) if number < kept else None for number, z in enumerate(self._z)]
        self.images = [
            (self._peek(z) if graph is None else graph.detach()).requires_grad_(True)
            for z, graph in zip(self._z, self._graphs, strict=True)
        ]

    def backward(self) -> list[Tensor]:
        """Carry the gradients in `images` back through G.

        Returns:
            dL/dz of each chunk, float32 `[CHUNK, 3, h, w]`.
        """
        for number, (z, image) in enumerate(zip(self._z, self.images, strict=True)):
            # What a chunk leaves free does not fit the next: 190 MB more at the end of ten chunks of RRDBNet.
            give_back_free_memory()
            graph = self._graphs[number]
            torch.autograd.backward(self._forward(z) if graph is None else graph, image.grad)
            self._graphs[number] = None
        return [z.grad for z in self._z if z.grad is not None]

    def _kept(self, z: Tensor) -> Tensor:
        images = self._forward(z)
        give_back_free_memory()
        return images

    def _forward(self, z: Tensor) -> Tensor:
        return self._generator(z, self._backend)

    @torch.no_grad()
    def _peek(self, z: Tensor) -> Tensor:
        return self._generator(z)


def kept_graphs(chunk_bytes: int) -> int:
    """Say how many chunks' graphs fit into `GRAPH_BYTES`.

    Args:
        chunk_bytes: size of one, from `graph_bytes`.
    """
    return GRAPH_BYTES // max(chunk_bytes, 1)


def graph_bytes(generator: FrozenNetwork, latents: Tensor) -> int:
    """Measure what autograd keeps of one forward pass.

    Args:
        generator: G in its frozen form.
        latents: one chunk, float32 `[CHUNK, 3, h, w]`.

    Returns:
        Bytes of the distinct tensors that are kept, without the weights.
    """
    kept: dict[int, int] = {}

    def remember(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        images = generator(latents.detach().requires_grad_(True))
        total = sum(kept.values())
    del images
    return total
