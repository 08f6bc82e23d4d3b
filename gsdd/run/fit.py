"""The stage that stores: the codec's steps with which the file has its size, and the signatures of its images."""

from dataclasses import dataclass, replace
from functools import partial

import torch

from gsdd.distill.budget import Latents, meeting
from gsdd.distill.run import Run
from gsdd.distilled.signature import decode_signatures, signed_latents, thinned
from gsdd.formats.codec import Codec
from gsdd.formats.manifest import Manifest
from gsdd.parallel.memory import give_back_free_memory
from gsdd.run.chosen import Chosen
from gsdd.run.optimise import Matched
from gsdd.run.size import Signatures, file_size

# Signatures are not known before the step is, and deflate to some bytes more or less: tries, and what each leaves more.
_ATTEMPTS = 4
_MARGIN = 16


@dataclass(frozen=True)
class Fitted:
    """What the file will hold.

    Attributes:
        chosen: what its latents stand for.
        manifest: what it says.
        latents: float32 `[N, 3, h, w]`.
        codec: at the steps that they are stored with.
        signatures: of the images that a reader will decode.
    """

    chosen: Chosen
    manifest: Manifest
    latents: Latents
    codec: Codec
    signatures: Signatures


def fit(matched: Matched, run: Run) -> Fitted:
    """Choose the codec that latents are stored by, as the recipe says or so that the file has its size; sign images.

    Args:
        matched: the latents that were found.
        run: its recipe.

    Returns:
        What the file holds. Where no step meets the size, the file will be larger or smaller.
    """
    chosen, latents = matched.chosen, matched.state.latents.numpy()
    manifest = replace(chosen.manifest, run={**chosen.manifest.run, **matched.facts})
    if chosen.budget is None:
        codec = run.recipe.storage.latent_codec
        return Fitted(chosen, manifest, latents, codec, _signatures(matched, codec, run))
    codec = chosen.budget.codec_for(latents)
    for attempt in range(_ATTEMPTS):
        signed = _signatures(matched, codec, run)
        size = partial(file_size, chosen, manifest, latents, signed)
        met = meeting(size, codec, chosen.budget.bytes - attempt * _MARGIN)
        if met == codec:
            return Fitted(chosen, manifest, latents, codec, signed)
        codec = met
    return Fitted(chosen, manifest, latents, codec, _signatures(matched, codec, run))


def _signatures(matched: Matched, codec: Codec, run: Run) -> Signatures:
    """Sign the images that a reader will decode: of the latents as the codec keeps them."""
    chosen, state = matched.chosen, matched.state
    kept = torch.from_numpy(codec.rounded(state.latents.numpy()))
    index = signed_latents(chosen.manifest, chosen.class_index)

    def tell(done: int, total: int) -> None:
        run.monitor.progress("signatures", done, total)
        run.journal.keep(lambda: state)

    grey = chosen.manifest.source.grey
    found = decode_signatures(run.generator, kept[index], tell, run.workers, grey=grey)
    signed: Signatures = thinned(found, chosen.manifest).numpy()
    give_back_free_memory(run.generator.device)
    return signed
