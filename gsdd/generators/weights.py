"""Tensors by name -> the super-resolution network that they are of, built and tried in bounds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from gsdd.data.degradation import SCALE, SCALES
from gsdd.errors import GeneratorError
from gsdd.formats.place import Place
from gsdd.generators.bounded import MemoryBound
from gsdd.generators.generator import CHANNELS
from gsdd.generators.tensor_files import cause_of, quietly, tensors_in
from gsdd.networks.own import recognise

PROBE_SIDE = 16


@dataclass(frozen=True)
class Identified:
    """A network that spandrel, or `gsdd.networks.own`, recognised by its tensors.

    Attributes:
        network: maps [N, 3, h, w] to [N, 3, s h, s w].
        architecture: name and tags, such as "ESRGAN 64nf 23nb".
        multiple_of: the input's sides must be multiples of this.
        minimum: and at least this, in pixels.
        scale: s, output pixels an input pixel along each side.
    """

    network: torch.nn.Module
    architecture: str
    multiple_of: int
    minimum: int
    scale: int = SCALE


def identify(
    state_dict: Mapping[str, Any], path: Place, check: Callable[[Identified], None] = lambda found: None
) -> Identified:
    """Find the network that a state dict belongs to, and load it.

    Args:
        state_dict: tensors by name, in any naming and wrapping that spandrel knows.
        path: the file it came from, for messages.
        check: refuses a network that is not the one that was meant, before it is tried: why its images are not finite
            is then of no interest.

    Returns:
        The network, on the CPU in float32.

    Raises:
        GeneratorError: nothing recognises it, it is not super-resolution of RGB images at a scale of ours, or it takes
            many times the memory of its weights.
    """
    try:
        with MemoryBound(sum(tensor.nbytes for tensor in tensors_in(state_dict))):
            found = _recognised(state_dict, path)
            check(found)
            return _tried(found, path)
    except MemoryError as error:
        raise GeneratorError(f"{path}: is no network for this machine: {error}") from error


def _tried(found: Identified, path: Place) -> Identified:
    if not all(bool(value.isfinite().all()) for value in found.network.state_dict().values()):
        raise GeneratorError(f"{path}: {found.architecture}: some weights are NaN or infinite; get the file again")
    _probe(found, path)
    return found


def _recognised(state_dict: Mapping[str, Any], path: Place) -> Identified:
    # Constructors fill their layers with random numbers before the weights arrive: fork_rng keeps the global
    # generator as the caller had it.
    with quietly(), torch.random.fork_rng(devices=[]):
        from spandrel import ModelLoader, canonicalize_state_dict

        try:
            own = recognise(canonicalize_state_dict(dict(state_dict)))
            descriptor = None if own else ModelLoader().load_from_state_dict(dict(state_dict))
        except Exception as error:  # whatever a detector or a constructor of some forty architectures trips over
            raise GeneratorError(
                f"{path}: not a network that spandrel recognises ({type(error).__name__}: {cause_of(error)}); "
                "wanted super-resolution weights, such as those of https://openmodeldb.info"
            ) from error
    return Identified(own.network, own.architecture, 1, 2, own.scale) if own else _checked(descriptor, path)


def _checked(descriptor: Any, path: Place) -> Identified:  # noqa: ANN401 - spandrel is untyped for mypy
    kind = f"{descriptor.architecture.id} {' '.join(descriptor.tags)}".strip()
    purpose = getattr(descriptor, "purpose", "unknown")
    scale, channels_in, channels_out = descriptor.scale, descriptor.input_channels, descriptor.output_channels
    # spandrel calls what does not enlarge a restoration.
    fits = scale in SCALES and purpose == ("Restoration" if scale == 1 else "SR")
    if not fits or (channels_in, channels_out) != (CHANNELS, CHANNELS):
        raise GeneratorError(
            f"{path}: {kind}: purpose {purpose}, x{scale}, {channels_in} channels in and {channels_out} out; "
            f"wanted super-resolution x{', x'.join(map(str, SCALES))} with {CHANNELS} channels in and out"
        )
    sizes = descriptor.size_requirements
    return Identified(descriptor.model.float(), kind, sizes.multiple_of or 1, sizes.minimum or 1, scale)


def _probe(found: Identified, path: Place) -> None:
    side = -(-max(PROBE_SIDE, found.minimum) // found.multiple_of) * found.multiple_of
    wanted = [1, CHANNELS, found.scale * side, found.scale * side]
    try:
        # Not inference_mode: some transformers keep masks of their first call, which autograd could not use later.
        with torch.no_grad():
            image = found.network.eval()(torch.zeros(1, CHANNELS, side, side, dtype=torch.float32, device="cpu"))
    except Exception as error:  # as in _recognised
        raise GeneratorError(f"{path}: {found.architecture} fails on a latent: {cause_of(error)}") from error
    got = list(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
    if got != wanted:
        raise GeneratorError(f"{path}: {found.architecture} gave {got} for a latent; wanted {wanted}")
    if not bool(image.isfinite().all()):
        raise GeneratorError(f"{path}: {found.architecture} gave NaN or infinity for a latent; get the file again")
