"""Rounding at the store, compiled or interpreted."""

import triton
import triton.language as tl


@triton.jit
def rounded(value, dtype: tl.constexpr, INTERPRETED: tl.constexpr):
    """Convert float32 values to a floating dtype, to nearest even."""
    if INTERPRETED and dtype == tl.bfloat16:
        # The interpreter of Triton 3.8 cuts off where a GPU rounds: leave it nothing to cut off.
        word = value.to(tl.uint32, bitcast=True)
        nearest = tl.where(value == value, word + 0x7FFF + (word >> 16 & 1), word)
        value = (nearest & 0xFFFF0000).to(tl.float32, bitcast=True)
    return value.to(dtype)
