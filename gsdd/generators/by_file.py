"""Generators of the literature whose weights no package carries: the user brings their authors' file."""

from dataclasses import dataclass

IMAGE = "LR image"
CONDITION = "LR image, outdoor category"


@dataclass(frozen=True)
class FileGenerator:
    """A generator that is given by the file of its weights.

    Attributes:
        name: what papers call it.
        architecture: what `gsdd generators show FILE` says of its authors' x4 weights.
        home: the repository that releases them.
        takes: what the network takes for an input.
    """

    name: str
    architecture: str
    home: str
    takes: str = IMAGE


# Each one's tensors are in tests/generators/official/, recorded from its authors' code.
BY_FILE = (
    FileGenerator("ESRGAN", "ESRGAN 64nf 23nb", "https://github.com/xinntao/ESRGAN"),
    FileGenerator("SFTGAN", "SFTGAN 64nf 16nb", "https://github.com/xinntao/SFTGAN", CONDITION),
    FileGenerator("Best-Buddy GAN", "ESRGAN 64nf 23nb", "https://github.com/dvlab-research/Simple-SR"),
    FileGenerator("FSSR", "ESRGAN 64nf 23nb", "https://github.com/ManuelFritsche/real-world-sr"),
    FileGenerator("BSRGAN", "ESRGAN 64nf 23nb", "https://github.com/cszn/BSRGAN"),
    FileGenerator("SRResNet", "SRResNet 64nf 16nb", "https://github.com/XPixelGroup/BasicSR"),
    FileGenerator("SwinIR", "SwinIR medium s64w8 64nf 180dim", "https://github.com/JingyunLiang/SwinIR"),
)
