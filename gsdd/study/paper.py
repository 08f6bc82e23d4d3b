"""The paper's own figures, row by row as its text has them; a test compares them with the text.

Source: Zhang, Su, Zhu, Sun and Zhang, "GSDD: Generative Space Dataset Distillation for Image Super-resolution", AAAI,
    Tables 1-3, and what its text says of Figs. 7 and 8, whose values are in no table.
"""

from collections.abc import Mapping
from types import MappingProxyType

# Table 1: SSIM (higher is better) and LPIPS (lower) on OST by latents a class; FULL is all of OST.
TABLE1_IPC = ("1", "5", "10", "20", "40", "60", "90", "100", "500", "FULL")
TABLE1_RATIO = "0.07% 0.34% 0.68% 1.36% 2.71% 4.07% 6.10% 6.78% 33.90% 100%"
TABLE1_TEXT = """
ESRGAN SSIM 0.3390 0.4026 0.4632 0.4834 0.5795 0.6165 0.6875 0.7257 0.7598 0.7661
ESRGAN LPIPS 0.6810 0.6334 0.5985 0.5101 0.4612 0.4185 0.3332 0.2940 0.2105 0.2012
SFTGAN SSIM 0.4528 0.4547 0.4995 0.4958 0.5831 0.6459 0.7477 0.7754 0.8391 0.8422
SFTGAN LPIPS 0.7055 0.6720 0.6398 0.5549 0.4836 0.4511 0.3490 0.3266 0.2847 0.2738
DGAN SSIM 0.4137 0.4840 0.4911 0.4832 0.5904 0.6938 0.7236 0.7541 0.8445 0.8487
DGAN LPIPS 0.6316 0.6003 0.5862 0.5028 0.4274 0.4021 0.2844 0.2589 0.2001 0.1966
FSSR SSIM 0.4489 0.4259 0.4970 0.4856 0.5794 0.6480 0.7110 0.7705 0.8286 0.8340
FSSR LPIPS 0.6681 0.6511 0.5913 0.5154 0.4502 0.4077 0.2933 0.2702 0.2332 0.2217
RealSR SSIM 0.4173 0.4323 0.4288 0.4042 0.5124 0.6205 0.7154 0.7822 0.8219 0.8254
RealSR LPIPS 0.5874 0.5667 0.5595 0.4723 0.4089 0.3805 0.2166 0.1610 0.1210 0.1123
Real-ESRGAN SSIM 0.4805 0.4201 0.4992 0.4964 0.5140 0.6273 0.7618 0.7986 0.8331 0.8367
Real-ESRGAN LPIPS 0.5102 0.5029 0.4807 0.4162 0.3841 0.3512 0.1979 0.1351 0.0924 0.0903
"""

# Table 2: on DPED; volume is the number of training images.
TABLE2_HEAD = ("Algorithm", "Volume", "NIQE", "NRQM", "PI")
TABLE2_TEXT = """
BICUBIC — 7.9556 3.1220 7.3963
ESRGAN 13,774 5.1441 4.7773 5.6033
SFTGAN 10,324 5.1622 4.5932 5.5227
DGAN 3,450 6.9110 4.0772 6.4135
FSSR 3,450 7.3122 5.1077 6.0089
RealSR 3,450 4.9824 6.1021 4.7405
Real-ESRGAN 13,774 4.5896 5.9741 4.2089
GSDD 700 4.7251 5.8498 4.4013
"""

# Table 3: students trained on the set that Real-ESRGAN's generator gave, IPC 100.
TABLE3_HEAD = ("Model", "SSIM", "LPIPS")
TABLE3_TEXT = """
GSDD 0.7986 0.1351
ESRGAN 0.5968 0.4237
SFTGAN 0.6221 0.4418
DGAN 0.6577 0.3623
FSSR 0.6996 0.3558
RealSR 0.6831 0.2807
SRResNet 0.6434 0.3470
SwinIR 0.6670 0.2983
"""

# Figs. 7 and 8 are plots; these sentences are all that the text says of their values.
FIG7_TEXT = "a nearly $\\times 8$ improvement on training efficiency in Real-ESRGAN model"
FIG8_TEXT = (
    "the recovery accuracy (LPIPS) would drop from 0.1351 to 0.4586 for IPC = 100",
    "for IPC = 50 and IPC = 100, LPIPS reaches its highest value when $\\lambda = 0.1$",
    "while for IPC = 1, this value is obtained at $\\lambda = 0.2$",
)
# LPIPS at IPC 100 by lambda.
FIG8_LPIPS: Mapping[float, float] = MappingProxyType({0.0: 0.4586, 0.1: 0.1351})
# What the experiments ran with.
SETUP = MappingProxyType(
    {
        "photos": "10,324 of OST in 7 classes; tested on OutdoorSceneTest300",
        "iterations of distillation": "500K",
        "features": "ResNet18",
        "lambda": "0.1",
        "students": "the generators' own networks with their losses, 300K iterations where the text says (Fig. 7)",
        "perceptual metric": "LPIPS",
    }
)


def _rows(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(line.split()) for line in text.strip().splitlines())


def table1() -> Mapping[tuple[str, str], Mapping[str, float]]:
    """Give Table 1 by (generator, metric), then by the heads of its columns."""
    return {
        (name, metric): dict(zip(TABLE1_IPC, map(float, values), strict=True))
        for name, metric, *values in _rows(TABLE1_TEXT)
    }


def table2() -> Mapping[str, Mapping[str, str]]:
    """Give Table 2 by algorithm, then by the heads of its columns."""
    return {row[0]: dict(zip(TABLE2_HEAD[1:], row[1:], strict=True)) for row in _rows(TABLE2_TEXT)}


def table3() -> Mapping[str, Mapping[str, float]]:
    """Give Table 3 by model, then by metric."""
    return {row[0]: dict(zip(TABLE3_HEAD[1:], map(float, row[1:]), strict=True)) for row in _rows(TABLE3_TEXT)}
