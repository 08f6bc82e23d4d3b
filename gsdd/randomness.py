"""Random draws that depend on what they are for, not on what was drawn before.

Every draw of a run is a function of (seed, purpose, ids): a resumed run, a two-process run and a one-process run
draw the same numbers, and no global generator is read or set.
"""

import hashlib

import numpy as np
import torch


def _key(seed: int, purpose: str, ids: tuple[int, ...]) -> bytes:
    text = "/".join([str(seed), purpose, *map(str, ids)])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def hashed(seed: int, purpose: str, *ids: int) -> int:
    """Turn a purpose into one random number, where a stream would be too dear.

    Args:
        seed: any integer.
        purpose: what the number is for.
        ids: numbers that tell apart the draws of one purpose.

    Returns:
        64 random bits.
    """
    return int.from_bytes(_key(seed, purpose, ids)[:8], "little")


def numpy_stream(seed: int, purpose: str, *ids: int) -> np.random.Generator:
    """Open the stream of numbers of one purpose.

    Args:
        seed: the run's seed, any integer.
        purpose: what the numbers are for, such as "omega" or "crop position".
        ids: step, class or latent numbers that tell apart the draws of one purpose.

    Returns:
        A Philox generator (counter-based; Salmon et al., SC 2011) that starts at its first number.
    """
    key = np.frombuffer(_key(seed, purpose, ids), dtype="<u8")
    return np.random.Generator(np.random.Philox(key=key))


def torch_stream(seed: int, purpose: str, *ids: int) -> torch.Generator:
    """Open the same kind of stream for torch's samplers, on the CPU.

    Args:
        seed: the run's seed, any integer.
        purpose: what the numbers are for, such as "theta".
        ids: step, class or latent numbers that tell apart the draws of one purpose.

    Returns:
        A CPU `torch.Generator` of its own; the global one is untouched.
    """
    generator = torch.Generator(device="cpu")
    return generator.manual_seed(hashed(seed, purpose, *ids) >> 1)
