"""G forward and backward over many latents, chunk by chunk, in bounded memory."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gsdd.generators.frozen import Network
from gsdd.generators.generator import SHARE_FOR_GRAPHS
from gsdd.parallel.memory import give_back_free_memory

GRAPH_BYTES = 2 * 1024**3
CPU = torch.device("cpu")


class GeneratorPass:
    """HR = G(z) for chunks of latents, and the way back from dL/dHR to dL/dz.

    Some chunks keep their graphs; the others are run again on the way back (as GLaD does, arXiv 2305.01649). Both ways
    give equal bits, so memory never decides what is computed.
    """

    def __init__(self, network: Network, latents: Sequence[Tensor], kept: int, is_recorded: bool = False) -> None:
        """Run G.

        Args:
            network: G in a form of the search.
            latents: z of each chunk, float32 `[CHUNK, 3, h, w]`; there may be none.
            kept: chunks that keep their graphs; see `kept_graphs`.
            is_recorded: whether what the network gives, and its gradient, hold until it is called again only.
        """
        self._network, self._is_recorded = network, is_recorded
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
        gradients: list[Tensor] = []
        for number, (z, image) in enumerate(zip(self._z, self.images, strict=True)):
            # What a chunk leaves free does not fit the next: 190 MB more at the end of ten chunks of RRDBNet.
            give_back_free_memory(z.device)
            graph = self._graphs[number]
            (gradient,) = torch.autograd.grad(self._network(z) if graph is None else graph, z, image.grad)
            gradients.append(gradient.clone() if self._is_recorded else gradient)
            self._graphs[number] = None
        return gradients

    def _kept(self, z: Tensor) -> Tensor:
        images = self._network(z)
        give_back_free_memory(z.device)
        return images

    @torch.no_grad()
    def _peek(self, z: Tensor) -> Tensor:
        return self._network(z).clone() if self._is_recorded else self._network(z)


def kept_graphs(chunk_bytes: int, device: torch.device = CPU) -> int:
    """Say how many chunks' graphs fit into `GRAPH_BYTES`, or into a share of what a GPU has free.

    Args:
        chunk_bytes: size of one, from `graph_bytes`.
        device: where they lie.
    """
    room = int(SHARE_FOR_GRAPHS * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else GRAPH_BYTES
    return room // max(chunk_bytes, 1)
