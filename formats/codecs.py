"""The codecs by name."""

from collections.abc import Mapping
from types import MappingProxyType

from gsdd.formats.affine_codec import AffineCodec
from gsdd.formats.codec import Codec
from gsdd.formats.dct_codec import DctCodec
from gsdd.formats.entropy_codec import BITS, EntropyCodec
from gsdd.formats.float_codec import FloatCodec

_ENTROPY: Mapping[str, Codec] = {f"uint{bits}-ans": EntropyCodec(bits) for bits in reversed(BITS)}
CODECS: Mapping[str, Codec] = MappingProxyType(
    {
        "fp32": FloatCodec("fp32", "F32"),
        "fp16": FloatCodec("fp16", "F16"),
        "uint8": AffineCodec(),
        **_ENTROPY,
        "dct": DctCodec(),
    }
)
