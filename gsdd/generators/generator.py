"""The frozen super-resolution network whose inputs are the latents."""

from functools import cached_property, partial
from math import lcm
from pathlib import Path

import torch

from gsdd.data.degradation import SCALE
from gsdd.errors import GeneratorError, RecipeError
from gsdd.formats.manifest import GeneratorReference
from gsdd.formats.text import shown
from gsdd.generators.frozen import FrozenNetwork, Network, freeze, graph_bytes
from gsdd.generators.half import HalfPrecision
from gsdd.kernels.backend import Backend
from gsdd.randomness import torch_stream

CHANNELS = 3
# The latent on which the frozen form is tried is at least this wide: less than some kernels' padding proves little.
TRIED_SIDE = 8
# Of the free memory of a GPU: what autograd may keep of G; the rest is for what convolutions work in, and for psi.
SHARE_FOR_GRAPHS = 0.5


class Generator:
    """A frozen network that enlarges: latents in, HR images out, with a gradient to the latents, none to the weights.

    Args:
        network: maps float32 [N, 3, h, w] to [N, 3, s h, s w], s its scale; it is frozen and put in the channels_last
            layout, which is up to 10 % quicker on a CPU than NCHW and differs from it in the last bits (5e-6), so it is
            not a choice.
        reference: what to write into files about it.
        files: the files that the weights came from.
        multiple_of: a latent's sides must be multiples of this.
        minimum: and at least this, in pixels.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        reference: GeneratorReference,
        files: tuple[Path, ...] = (),
        multiple_of: int = 1,
        minimum: int = 1,
    ) -> None:
        frozen = network.eval().requires_grad_(False)
        self.network: torch.nn.Module = frozen.to(torch.float32).to(memory_format=torch.channels_last)
        self.reference = reference
        self.files = files
        self.multiple_of = multiple_of
        self.minimum = minimum

    def __repr__(self) -> str:
        return f"Generator({self.reference.name!r}, {self.reference.parameters:,} parameters, {self.device})"

    @property
    def scale(self) -> int:
        """Output pixels an input pixel, along each side."""
        return self.reference.scale

    @property
    def fingerprint(self) -> str:
        """sha256 of the weights, 64 hexadecimal digits."""
        return self.reference.fingerprint

    @property
    def weights_bytes(self) -> int:
        """Size on disk of the files that the weights came from."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.network.parameters()).device

    @cached_property
    def frozen(self) -> FrozenNetwork:
        """z -> HR as a call of this generator, with the same gradient to z from one bit an activation.

        It is tried at its first use, on a small latent. A network that it does not understand is checkpointed:
        `frozen.objection` says why.
        """
        return self._freeze(self)

    @cached_property
    def frozen_bf16(self) -> FrozenNetwork:
        """The same as `frozen`, of a copy of the network in bf16: float32 in and out, other values in between."""
        return self._freeze(HalfPrecision(self.network))

    @cached_property
    def computes_in_bf16(self) -> bool:
        """Whether the network runs in bf16; one that mixes it with float32 constants of its own does not."""
        try:
            return self.frozen_bf16 is not None
        except (RuntimeError, TypeError, ValueError):
            return False

    def search_form(self, bf16: bool, latents: int, side: int, backend: Backend = "auto") -> Network:
        """Choose how G runs in the search.

        Args:
            bf16: whether it computes in that.
            latents: how many go through it together.
            side: of a latent.
            backend: of the frozen form's activations.

        Returns:
            z -> HR with a gradient to z: on a GPU that has the memory as torch's autograd keeps it, which launches half
            as much as the frozen form; else that form, which keeps a bit an activation. Both have the same values.
        """
        frozen = self.frozen_bf16 if bf16 else self.frozen
        if self.device.type == "cuda" and self._fits(frozen.network, latents, side):
            return frozen.network
        return partial(frozen, backend=backend)

    def _fits(self, network: Network, latents: int, side: int) -> bool:
        kept = graph_bytes(network, torch.zeros(1, CHANNELS, side, side, device=self.device))
        return latents * kept <= SHARE_FOR_GRAPHS * torch.cuda.mem_get_info(self.device)[0]

    def latent_shape(self, hr_size: int) -> tuple[int, int, int]:
        """Give the shape of the latent of a square HR image.

        Args:
            hr_size: side of the HR image in pixels.

        Returns:
            (3, hr_size / s, hr_size / s), s the scale.

        Raises:
            RecipeError: no latent of this generator makes that size.
        """
        side, rest = divmod(hr_size, self.scale)
        if rest or hr_size % SCALE or not self._takes(side):
            step = lcm(self.scale * self.multiple_of, SCALE)
            raise RecipeError(
                f"HR size {hr_size} cannot be made by generator {shown(self.reference.name)}: "
                f"wanted a multiple of {step}, at least {self.scale * self.minimum}; choose another `hr_size`"
            )
        return CHANNELS, side, side

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """Make HR images of latents.

        Args:
            z: latents, float32 [N, 3, h, w], image-like RGB, about [0, 1], on the generator's device.

        Returns:
            HR images, float32 [N, 3, s h, s w], RGB, about [0, 1], not clamped.

        Raises:
            GeneratorError: z has another shape, dtype or device.
        """
        self._check(z)
        images: torch.Tensor = self.network(z.contiguous(memory_format=torch.channels_last))
        return images

    def to(self, device: str | torch.device) -> "Generator":
        """Move the weights, in place as `torch.nn.Module.to` does.

        Args:
            device: a torch device or its name.

        Returns:
            This generator.

        Raises:
            RecipeError: this machine, or this build of torch, has no such device.
        """
        try:
            self.network.to(device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise RecipeError(f'device {str(device)!r} cannot be used: {reason}; try `device="cpu"`') from error
        return self

    def _freeze(self, network: Network) -> FrozenNetwork:
        side = -(-max(self.minimum, TRIED_SIDE) // self.multiple_of) * self.multiple_of
        sample = torch.rand(1, CHANNELS, side, side, generator=torch_stream(0, "frozen form"))
        return freeze(network, sample.to(self.device))

    def _takes(self, side: int) -> bool:
        return side >= self.minimum and side % self.multiple_of == 0

    def _check(self, z: torch.Tensor) -> None:
        if z.ndim != 4 or z.shape[1] != CHANNELS or not all(map(self._takes, z.shape[2:])):
            sides = f"multiples of {self.multiple_of}, at least {self.minimum}"
            raise self._complaint(f"latents of shape {list(z.shape)}", f"[N, 3, h, w], h and w {sides}")
        if z.dtype != torch.float32:
            raise self._complaint(f"latents of dtype {z.dtype}", "torch.float32")
        if z.device != self.device:
            raise self._complaint(f"latents on {z.device}", f"{self.device}; move one to the other with .to(device)")

    def _complaint(self, got: str, wanted: str) -> GeneratorError:
        return GeneratorError(f"generator {shown(self.reference.name)} got {got}; wanted {wanted}")
