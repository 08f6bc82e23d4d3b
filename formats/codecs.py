"""The codecs by name."""

from collections.abc import Mapping
from types import MappingProxyType

from gsdd.formats.affine_codec import AffineCodec
from gsdd.formats.codec import Codec
from gsdd.formats.dct_codec import DctCodec
from gsdd.formats.float_codec import FloatCodec

CODECS: Mapping[str, Codec] = MappingProxyType(
    {
        "fp32": FloatCodec("fp32", "F32"),
        "fp16": FloatCodec("fp16", "F16"),
        "uint8": AffineCodec(),
        "dct": DctCodec(),
    }
)
# Codecs of earlier versions, and the last version that reads them.
GIVEN_UP: Mapping[str, str] = MappingProxyType({f"uint{bits}-ans": "0.1.0" for bits in range(2, 9)})
