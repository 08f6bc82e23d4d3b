"""G for the search: the exact gradient to the latents, from one bit an activation."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from gsdd.errors import KernelInputError
from gsdd.generators.frozen_form import ACTIVATIONS, CONVOLUTIONS, FrozenForm
from gsdd.kernels.backend import Backend

Network = Callable[[Tensor], Tensor]


class FrozenNetwork:
    """A network that keeps little between its forward and its backward pass; same images, same gradient.

    Attributes:
        network: what was frozen.
        objection: why it is checkpointed instead: it keeps only its input, and runs a second time on the way back.
            None if it is not.
    """

    def __init__(self, network: Network, objection: str | None = None) -> None:
        """Choose how to run a network; `freeze` finds out which of the two suits it."""
        self.network = network
        self.objection = objection

    def __call__(self, z: Tensor, backend: Backend = "auto") -> Tensor:
        """Make images; exact values, with an exact gradient to z and none to the weights.

        Args:
            z: what the network takes.
            backend: of `sign_activation`.

        Returns:
            What the network returns.
        """
        if not (torch.is_grad_enabled() and z.requires_grad):
            return self.network(z)
        if self.objection:
            return checkpoint(self.network, z, use_reentrant=False, preserve_rng_state=False)
        with FrozenForm(backend):
            return self.network(z)


def freeze(network: Network, sample: Tensor) -> FrozenNetwork:
    """Bring a network into the form that keeps no input of a convolution and one bit an activation.

    Convolutions, LeakyReLU, PReLU and ReLU are replaced while it runs, in place or not; sums, constant factors, cat,
    zero padding, pixel shuffles, views and interpolation keep nothing as it is. The result is compared once with what
    autograd makes of the sample. A network that keeps anything else, or differs, is checkpointed: it keeps less
    still, for a second forward pass.

    Args:
        network: maps an input to one tensor of images; the weights of a module are frozen, as those of `Generator`
            are.
        sample: an input on which to try it, small: this costs two forward and two backward passes.

    Returns:
        The network in its new form.

    Source: packed signs as in Gist, Jain et al., ISCA 2018; checkpointing as Chen et al., arXiv 1604.06174.
    """
    if isinstance(network, torch.nn.Module):
        network.eval()
        for weight in network.parameters():
            weight.requires_grad_(False)
    return FrozenNetwork(network, _objection(network, sample))


def graph_bytes(network: Network, latents: Tensor) -> int:
    """Measure what autograd keeps of one forward pass.

    Args:
        network: G, in any form.
        latents: float32 `[N, 3, h, w]`.

    Returns:
        Bytes of the distinct tensors that are kept, without the weights.
    """
    kept: dict[int, int] = {}

    def remember(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with saved_tensors_hooks(remember, lambda tensor: tensor):
        images = network(latents.detach().requires_grad_(True))
        total = sum(kept.values())
    del images
    return total


class _WatchedForm(FrozenForm):
    """Lists the functions that keep more than a sample's worth although nothing replaced them."""

    def __init__(self, sample: Tensor) -> None:
        super().__init__()
        self.keepers: set[str] = set()
        self._most = sample.numel()
        self._running = "code that torch cannot look into"

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        name = getattr(func, "__name__", repr(func)).strip("_")
        before, self._running = self._running, "" if func in CONVOLUTIONS or func in ACTIVATIONS else name
        try:
            return super().__torch_function__(func, types, args, kwargs)
        finally:
            self._running = before

    def see(self, tensor: Tensor) -> Tensor:
        if self._running and tensor.numel() > self._most and not isinstance(tensor, torch.nn.Parameter):
            self.keepers.add(self._running)
        return tensor


def _objection(network: Network, sample: Tensor) -> str | None:
    """Say why a network cannot take the form, if so."""
    images, gradient = _try(network, sample)
    form = _WatchedForm(sample)
    try:
        with form, saved_tensors_hooks(form.see, lambda tensor: tensor):
            frozen_images, frozen_gradient = _try(network, sample)
    except (RuntimeError, TypeError, ValueError, KernelInputError) as error:
        return f"it does not run in the frozen form ({str(error).splitlines()[0]})"
    if form.keepers:
        return f"autograd keeps what goes into {', '.join(sorted(form.keepers))}"
    if not (_same(images, frozen_images) and _same(gradient, frozen_gradient)):
        return "without what autograd keeps, its images or gradients are others"
    return None


def _try(network: Network, sample: Tensor) -> tuple[Tensor, Tensor]:
    z = sample.detach().requires_grad_(True)
    with torch.enable_grad():
        images = network(z)
        (gradient,) = torch.autograd.grad(images, z, images.detach())
    return images.detach(), gradient


def _same(got: Tensor, wanted: Tensor) -> bool:
    if got.is_cpu:
        return torch.equal(got, wanted)
    # Kernels of a GPU may sum in another order at each run.
    got, wanted = got.cpu(), wanted.cpu()
    return bool(got.isfinite().all()) and torch.allclose(got, wanted, rtol=1e-2, atol=1e-3 * float(got.abs().max()))
