"""A whole file in the default container, read by eye against FORMAT.md, and what version 1.0 made of it."""

from sample_file import without_signatures

_HEADER = (
    rb'{"__metadata__":{"gsdd":"{\"classes\":[{\"latents\":2,\"name\":\"Geb\\u00e4ude\"},{\"latents\":1,'
    rb"\"name\":\"sky\"}],\"codec\":\"uint8\",\"colour\":\"RGB\",\"degradation\":{\"antialias\":true,"
    rb"\"method\":\"bicubic\",\"scale\":4},"
    rb"\"digest\":\"5266614757bdb81024fc8c582bcd12a6f107958b196d9d7a5e4c408237aa0bac\","
    rb"\"generator\":{\"architecture\":\"SRVGGNetCompact\","
    rb"\"fingerprint\":\"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\","
    rb"\"fingerprint_fp16\":\"b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2\","
    rb"\"licence\":\"BSD-3-Clause\",\"name\":\"realesr-animevideov3\",\"origin\":\"pip install gsdd[weights]\","
    rb"\"parameters\":621424,\"scale\":4},\"hr_size\":8,"
    rb"\"privacy\":\"The latents reconstruct the source photos: "
    rb"whoever has this file and its generator can look at the photos.\","
    rb"\"range\":[0,1],\"recipe\":{\"budget\":null,\"layers\":[1,2],\"lr\":0.001,\"preset\":\"quick\","
    rb"\"siamese\":true},\"run\":{\"iterations\":3},\"source\":{\"bytes\":12345,\"ignored\":0,\"images\":3,"
    rb"\"licence\":\"CC0-1.0\",\"sha256\":\"c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3\","
    rb"\"skipped\":1},\"tensors\":{\"class_index\":{\"dtype\":\"I32\","
    rb"\"sha256\":\"c3e42245ffdff31c980d63b232de1414ca2461a08c6efccca2af96737ef4d068\",\"shape\":[3]},"
    rb"\"latents\":{\"dtype\":\"U8\","
    rb"\"sha256\":\"ab92414855546be71b0124606d1f113b2f6ed0f5486f7986315ce01a515267ee\",\"shape\":[3,3,2,2]},"
    rb"\"latents.offset\":{\"dtype\":\"F32\","
    rb"\"sha256\":\"43ec528c0a460e83a6249c78b594a2a4c3825f0db8ae27b2c3598a8757208828\",\"shape\":[3,3]},"
    rb"\"latents.scale\":{\"dtype\":\"F32\","
    rb"\"sha256\":\"955175da21573449943ba614b0440c42f9709ed601dbb5c2563e6ccebd3f8d20\",\"shape\":[3,3]},"
    rb"\"signatures\":{\"dtype\":\"U8\","
    rb"\"sha256\":\"8b4a544837a1a0280fa8a7c82865c27a1064b3cc6281fda0753566b9bb104a87\",\"shape\":[3,8,8]},"
    rb"\"source_index\":{\"dtype\":\"I32\","
    rb"\"sha256\":\"be3e63ddb18e272dd8a8ba102772e6585e672d87230e0048635f47405926109f\",\"shape\":[3]}},"
    rb"\"training\":{\"scale\":4},\"version\":\"1.1\""
    rb'}"},"latents.offset":{"dtype":"F32","shape":[3,3],'
    rb'"data_offsets":[0,36]},"latents.scale":{"dtype":"F32","shape":[3,3],"data_offsets":[36,72]},'
    rb'"class_index":{"dtype":"I32","shape":[3],"data_offsets":[72,84]},"source_index":{"dtype":"I32",'
    rb'"shape":[3],"data_offsets":[84,96]},"latents":{"dtype":"U8","shape":[3,3,2,2],"data_offsets":[96,132]}'
    rb',"signatures":{"dtype":"U8","shape":[3,8,8],"data_offsets":[132,324]}}      '
)
_PAYLOAD = bytes.fromhex(
    "000000000000000000000000"
    "000000bf000000bf000000bf"
    "0000803e0000803e0000803e"  # offset: 0, -0.5, 0.25
    "8180803b8180803b8180803b"
    "8180003c8180003c8180003c"
    "000000000000000000000000"  # scale: 1/255, 2/255, 0
    "000000000000000001000000"  # class_index: 0, 0, 1
    "000000000200000001000000"  # source_index: 0, 2, 1
    "003399ff003399ff003399ff"
    "003399ff003399ff003399ff"
    "000000000000000000000000"  # 0, 51, 153, 255; constant
)
GOLDEN_1_1 = bytes.fromhex("5809000000000000") + _HEADER + _PAYLOAD + bytes(range(192))
# As gsdd wrote it before there were signatures: test_golden.py knows its digest.
GOLDEN_1_0 = without_signatures(GOLDEN_1_1)
