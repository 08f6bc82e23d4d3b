"""A(., omega) of single pixels, and its adjoint: device functions that the kernels of several ops inline.

Functions take tensors of channels, rows and columns that broadcast to one block, of any shape. What is the same for all
pixels of an image (which ops act, how many candidates an adjoint visits) branches on scalars.

Source: the formulas, and the order of their operations, are those of plan.py.
"""

from typing import NamedTuple

import triton
import triton.language as tl

from gsdd.kernels.augment import plan
from gsdd.kernels.augment.plan import PlanColumn
from gsdd.kernels.augmentation import OPS
from gsdd.kernels.backend import interpreted

# @triton.jit decides when this is imported, too.
INTERPRETED = tl.constexpr(interpreted())
PLAN_COLUMNS = tl.constexpr(len(PlanColumn))
RESAMPLING = tl.constexpr(plan.RESAMPLING)
SATURATION_BIT = tl.constexpr(1 << OPS.index("saturation"))
CONTRAST_BIT = tl.constexpr(1 << OPS.index("contrast"))
FLIP_BIT = tl.constexpr(1 << OPS.index("flip"))
BRIGHTNESS = tl.constexpr(int(PlanColumn.BRIGHTNESS))
SATURATION = tl.constexpr(int(PlanColumn.SATURATION))
CONTRAST = tl.constexpr(int(PlanColumn.CONTRAST))
SHIFT_ROWS = tl.constexpr(int(PlanColumn.SHIFT_ROWS))
SHIFT_COLUMNS = tl.constexpr(int(PlanColumn.SHIFT_COLUMNS))
CUT_TOP = tl.constexpr(int(PlanColumn.CUT_TOP))
CUT_BOTTOM = tl.constexpr(int(PlanColumn.CUT_BOTTOM))
CUT_LEFT = tl.constexpr(int(PlanColumn.CUT_LEFT))
CUT_RIGHT = tl.constexpr(int(PlanColumn.CUT_RIGHT))
XX = tl.constexpr(int(PlanColumn.XX))
XY = tl.constexpr(int(PlanColumn.XY))
YX = tl.constexpr(int(PlanColumn.YX))
YY = tl.constexpr(int(PlanColumn.YY))
INVERSE_XX = tl.constexpr(int(PlanColumn.INVERSE_XX))
INVERSE_XY = tl.constexpr(int(PlanColumn.INVERSE_XY))
INVERSE_YX = tl.constexpr(int(PlanColumn.INVERSE_YX))
INVERSE_YY = tl.constexpr(int(PlanColumn.INVERSE_YY))
REACH_COLUMNS = tl.constexpr(int(PlanColumn.REACH_COLUMNS))
REACH_ROWS = tl.constexpr(int(PlanColumn.REACH_ROWS))


class Source(NamedTuple):
    """One RGB image in memory, and how it is normalised.

    Attributes:
        pointer: its first element.
        channel_stride: elements from a channel to the next; offsets inside an image must fit 32 bits.
        row_stride: elements from a row to the next.
        column_stride: elements from a column to the next.
        height: rows.
        width: columns.
        mean: three scalars, of red, green, blue; zeros where nothing is subtracted.
        std: three scalars; ones where nothing is divided.
    """

    pointer: tl.tensor
    channel_stride: tl.tensor
    row_stride: tl.tensor
    column_stride: tl.tensor
    height: tl.tensor
    width: tl.tensor
    mean: tuple[tl.tensor, tl.tensor, tl.tensor]
    std: tuple[tl.tensor, tl.tensor, tl.tensor]


class Omega(NamedTuple):
    """What augments one image.

    Attributes:
        bits: its ops, a scalar.
        row: pointer to its row of the plan, float32.
        pivot: the mean that contrast keeps: of the normalised image after brightness, a scalar.
    """

    bits: tl.tensor
    row: tl.tensor
    pivot: tl.tensor


@triton.jit
def omega_of(ops, plan, means, image):
    """Read omega of an image; `means` are of the normalised images, read where contrast acts."""
    bits = tl.load(ops + image)
    row = plan + image * PLAN_COLUMNS
    mean = tl.load(means + image, mask=(bits & CONTRAST_BIT) != 0, other=0.0)
    return Omega(bits, row, mean + tl.load(row + BRIGHTNESS))


@triton.jit
def of_channel(values, c):
    """Pick each pixel's value from those of the three channels."""
    return tl.where(c == 0, values[0], tl.where(c == 1, values[1], values[2]))


@triton.jit
def inverse(d):
    """1 / d, to nearest."""
    approximate = 1.0 / d
    return tl.fma(tl.fma(-d, approximate, 1.0), approximate, approximate)


@triton.jit
def divided(x, d, inverse_d):
    """x / d, to nearest, so that PyTorch's bits come out; for finite x and quotients that are normal numbers."""
    if INTERPRETED:
        quotient = tl.math.div_rn(x, d)
    else:
        # div.rn calls a routine for its rare cases, and registers are spilled around it. The interpreter has no fma.
        close = x * inverse_d
        quotient = tl.fma(tl.fma(-close, d, x), inverse_d, close)
    return quotient


@triton.jit
def divided_by_std(x, c, std):
    """x over the std of channel c."""
    inverses = (inverse(std[0]), inverse(std[1]), inverse(std[2]))
    return divided(x, of_channel(std, c), of_channel(inverses, c))


@triton.jit
def normalise(x, c, mean, std):
    """Turn stored pixels into normalised ones."""
    value = x.to(tl.float32)
    if x.dtype == tl.uint8:
        value = divided(value, 255.0, 1.0 / 255.0)
    return divided_by_std(value - of_channel(mean, c), c, std)


@triton.jit
def normalised(source, c, r, q, inside):
    """Load pixels (channel c, row r, column q) and normalise them."""
    offset = c * source.channel_stride + r * source.row_stride + q * source.column_stride
    return normalise(tl.load(source.pointer + offset, mask=inside, other=0), c, source.mean, source.std)


@triton.jit
def saturated(x, total, factor):
    """Move x away from its pixel's mean, given the sum (red + green) + blue."""
    grey = divided(total, 3.0, 1.0 / 3.0)
    return (x - grey) * factor + grey


@triton.jit
def contrasted(x, omega):
    """Move x away from the image's mean, where contrast acts."""
    if omega.bits & CONTRAST_BIT:
        x = (x - omega.pivot) * tl.load(omega.row + CONTRAST) + omega.pivot
    return x


@triton.jit
def colored(source, omega, c, r, q, inside):
    """Load source pixels (c, r, q) and apply brightness, saturation, contrast."""
    brightness = tl.load(omega.row + BRIGHTNESS)
    saturates = (omega.bits & SATURATION_BIT) != 0
    own, total = tl.zeros(inside.shape, tl.float32), tl.zeros(inside.shape, tl.float32)
    # Loops, here and over taps, keep one copy of the code: unrolled, it takes twice the registers and time to compile.
    for k in range(tl.where(saturates, 3, 1)):
        channel = tl.where(saturates, k, c)
        x = normalised(source, channel, r, q, inside) + brightness
        own, total = tl.where(channel == c, x, own), total + x
    if saturates:
        own = saturated(own, total, tl.load(omega.row + SATURATION))
    return contrasted(own, omega)


@triton.jit
def within(r, q, height, width):
    """Tell which (row, column) lie in an image."""
    return (r >= 0) & (r < height) & (q >= 0) & (q < width)


@triton.jit
def in_hole(omega, r, q):
    """Tell which frame pixels the hole blanks."""
    rows = (r >= tl.load(omega.row + CUT_TOP)) & (r < tl.load(omega.row + CUT_BOTTOM))
    return rows & (q >= tl.load(omega.row + CUT_LEFT)) & (q < tl.load(omega.row + CUT_RIGHT))


@triton.jit
def shift_of(omega):
    """Return by how many rows and columns the crop moves."""
    return tl.load(omega.row + SHIFT_ROWS).to(tl.int32), tl.load(omega.row + SHIFT_COLUMNS).to(tl.int32)


@triton.jit
def shown(omega, r, q, height, width):
    """Tell which frame pixels show a source pixel: behind crop and cutout."""
    rows, columns = shift_of(omega)
    there = within(r, q, height, width) & within(r + rows, q + columns, height, width)
    return there & (in_hole(omega, r, q) == 0)


@triton.jit
def framed(source, omega, c, r, q, inside):
    """Value of frame pixels (c, r, q): the colored source behind crop and cutout, zero elsewhere."""
    rows, columns = shift_of(omega)
    kept = inside & shown(omega, r, q, source.height, source.width)
    return tl.where(kept, colored(source, omega, c, r + rows, q + columns, kept), 0.0)


@triton.jit
def mirrored(omega, j, width):
    """Column of the frame that output column j shows, and the other way round, where nothing is resampled."""
    return tl.where((omega.bits & FLIP_BIT) != 0, width - 1 - j, j)


@triton.jit
def position(omega, i, j, height, width):
    """Where in the frame output pixels (i, j) are read: (py, px), in pixels."""
    cy, cx = (height - 1) * 0.5, (width - 1) * 0.5
    y, x = i.to(tl.float32) - cy, j.to(tl.float32) - cx
    py = (tl.load(omega.row + YX) * x + tl.load(omega.row + YY) * y) + cy
    px = (tl.load(omega.row + XX) * x + tl.load(omega.row + XY) * y) + cx
    return py, px


@triton.jit
def upper_left(omega, i, j, height, width):
    """Upper left of the four pixels that output pixels (i, j) lie between, and how far below and right they lie."""
    py, px = position(omega, i, j, height, width)
    top, left = tl.floor(py), tl.floor(px)
    return top.to(tl.int32), left.to(tl.int32), py - top, px - left


@triton.jit
def tap_of(omega, tap, i, j, height, width):
    """One of the frame pixels that output pixels (i, j) read: (row, column, weight).

    Taps count from 0: upper left, upper right, lower left, lower right; where nothing is resampled there is but one.
    """
    if omega.bits & RESAMPLING:
        top, left, fy, fx = upper_left(omega, i, j, height, width)
        r, q = top + tap // 2, left + tap % 2
        weight = tl.where(tap % 2 == 0, 1.0 - fx, fx) * tl.where(tap // 2 == 0, 1.0 - fy, fy)
    else:
        r, q = i + 0 * j, mirrored(omega, j, width) + 0 * i
        weight = (r == r).to(tl.float32)
    return r, q, weight


@triton.jit
def taps_of(omega):
    """How many taps an output pixel has; a scalar."""
    return tl.where((omega.bits & RESAMPLING) != 0, 4, 1)


@triton.jit
def augmented(source, omega, c, i, j, inside):
    """A(source, omega) at channel c, output row i, output column j, in float32; what `inside` masks is undefined."""
    value = tl.zeros(inside.shape, tl.float32)
    for tap in range(taps_of(omega)):
        r, q, weight = tap_of(omega, tap, i, j, source.height, source.width)
        value += framed(source, omega, c, r, q, inside) * weight
    return value


@triton.jit
def coverage(omega, i, j, height, width, inside):
    """Sum of the weights with which output pixels (i, j) read the source; less than 1 where zeros were read."""
    total = tl.zeros(inside.shape, tl.float32)
    for tap in range(taps_of(omega)):
        r, q, weight = tap_of(omega, tap, i, j, height, width)
        total += tl.where(shown(omega, r, q, height, width), weight, 0.0)
    return total


@triton.jit
def frame_of(omega, r, q, height, width):
    """Frame pixel that shows source pixel (r, q), and whether one does: (row, column, whether)."""
    rows, columns = shift_of(omega)
    return r - rows, q - columns, shown(omega, r - rows, q - columns, height, width)


@triton.jit
def candidate_counts(omega):
    """How many rows and columns of output pixels an adjoint visits for a frame pixel; scalars."""
    rows = tl.where((omega.bits & RESAMPLING) != 0, tl.floor(2.0 * tl.load(omega.row + REACH_ROWS)), 0.0)
    columns = tl.where((omega.bits & RESAMPLING) != 0, tl.floor(2.0 * tl.load(omega.row + REACH_COLUMNS)), 0.0)
    return rows.to(tl.int32) + 1, columns.to(tl.int32) + 1


@triton.jit
def first_candidate(omega, r, q, height, width):
    """Top left output pixel among those that may read frame pixel (r, q): (row, column)."""
    cy, cx = (height - 1) * 0.5, (width - 1) * 0.5
    y, x = r.to(tl.float32) - cy, q.to(tl.float32) - cx
    oy = (tl.load(omega.row + INVERSE_YX) * x + tl.load(omega.row + INVERSE_YY) * y) + cy
    ox = (tl.load(omega.row + INVERSE_XX) * x + tl.load(omega.row + INVERSE_XY) * y) + cx
    i = tl.ceil(oy - tl.load(omega.row + REACH_ROWS)).to(tl.int32)
    j = tl.ceil(ox - tl.load(omega.row + REACH_COLUMNS)).to(tl.int32)
    resamples = (omega.bits & RESAMPLING) != 0
    return tl.where(resamples, i, r), tl.where(resamples, j, mirrored(omega, q, width))


@triton.jit
def candidate(omega, i, j, r, q, height, width):
    """How output pixel (i, j) reads frame pixel (r, q): its weight, 0 if it does not, and which of its taps that is.

    The weight is the forward one to the bit. Taps count from 0: upper left, upper right, lower left, lower right.
    """
    top, left, fy, fx = upper_left(omega, i, j, height, width)
    below, right = r - top, q - left
    wx, wy = tl.where(right == 0, 1.0 - fx, fx), tl.where(below == 0, 1.0 - fy, fy)
    weight = tl.where(within(below, right, 2, 2), wx * wy, 0.0)
    weight = tl.where((omega.bits & RESAMPLING) != 0, weight, 1.0)
    return tl.where(within(i, j, height, width), weight, 0.0), 2 * below + right


@triton.jit
def candidate_weight(omega, i, j, r, q, height, width):
    """Weight with which output pixel (i, j) reads frame pixel (r, q); 0 for candidates that do not."""
    weight, _ = candidate(omega, i, j, r, q, height, width)
    return weight
