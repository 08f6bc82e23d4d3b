"""The students that have a name, in the size of their authors and in one for two CPU cores."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from gsdd.data.degradation import SCALE, SCALES
from gsdd.errors import RecipeError
from gsdd.networks.initial import initialise
from gsdd.students.networks import bare_network

NO_OPTIONS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class Size:
    """A size in which a student comes.

    Attributes:
        options: what the network's constructor takes.
        parameters: number of trained values, at x4.
    """

    options: Mapping[str, object]
    parameters: int


@dataclass(frozen=True)
class NamedStudent:
    """A student that is asked for by name.

    Attributes:
        name: what `student` takes.
        about: what it is, in a few words.
        architecture: the network; several names may share one.
        home: the authors' repository.
        needs: what it takes for an input.
        sizes: by name: "full" is the size that the authors release, "small" trains on two CPU cores.
        scales: at which the network exists, HR side / LR side.
    """

    name: str
    about: str
    architecture: str
    home: str
    needs: str
    sizes: Mapping[str, Size]
    scales: tuple[int, ...] = SCALES


def students() -> Mapping[str, NamedStudent]:
    """Give the table of students by name."""
    return STUDENTS


def find_student(name: str) -> NamedStudent:
    """Look a student up.

    Args:
        name: a key of `students()`.

    Returns:
        Its entry.

    Raises:
        RecipeError: nothing has that name.
    """
    if name not in STUDENTS:
        raise RecipeError(f"no student is named {name!r}; wanted one of {', '.join(STUDENTS)}")
    return STUDENTS[name]


def build(
    name: str, seed: int, size: str = "full", options: Mapping[str, object] = NO_OPTIONS, scale: int = SCALE
) -> nn.Module:
    """Build a student with its first weights.

    Args:
        name: a key of `students()`.
        seed: the same one gives the same weights, bit for bit; no global generator is read.
        size: "full" or "small".
        options: of the size, that shall have another value, such as {"blocks": 8}.
        scale: s, HR side / LR side.

    Returns:
        The network in train mode, on the CPU: LR float32 RGB `[N, 3, h, w]` in [0, 1] -> HR `[N, 3, s h, s w]`.

    Raises:
        RecipeError: an argument makes no student.
    """
    student = find_student(name)
    check_scale_of(student, scale)
    if size not in student.sizes:
        raise RecipeError(f"student {name} has no size {size!r}; wanted one of {', '.join(student.sizes)}")
    known = student.sizes[size].options
    if unknown := options.keys() - known:
        raise RecipeError(f"student {name} has no option {', '.join(sorted(unknown))}; it has {', '.join(known)}")
    network = bare_network(student.architecture, {**known, **options}, scale)
    initialise(network, student.architecture, seed)
    return network


def check_scale_of(student: NamedStudent, scale: int) -> None:
    """Refuse a scale at which a student does not exist; raises RecipeError."""
    if scale not in student.scales:
        known = ", ".join(map(str, student.scales))
        raise RecipeError(f"`scale`: got {scale}, wanted one of {known} for student {student.name}")


def _sizes(full: Size, small: Size) -> Mapping[str, Size]:
    return MappingProxyType({"full": full, "small": small})


def _size(parameters: int, **options: object) -> Size:
    return Size(MappingProxyType(options), parameters)


IMAGE = "LR image"
CONDITION = "LR image, outdoor category"

RRDBNET = _sizes(_size(16_697_987, num_filters=64, num_blocks=23), _size(1_699_555, num_filters=32, num_blocks=4))
SWINIR = _sizes(
    _size(11_900_199, embed_dim=180, depths=(6,) * 6, num_heads=(6,) * 6, upsampler="pixelshuffle"),
    _size(78_616, embed_dim=32, depths=(2, 2), num_heads=(2, 2), upsampler="pixelshuffledirect"),
)


def _rrdbnet(name: str, about: str, home: str) -> NamedStudent:
    return NamedStudent(name, about, "rrdbnet", f"https://github.com/{home}", IMAGE, RRDBNET, scales=(1, 2, 4))


_TABLE = (
    NamedStudent(
        name="small",
        about="6 residual blocks of 32 channels, added to the bicubic image",
        architecture="small",
        home="gsdd",
        needs=IMAGE,
        sizes=_sizes(_size(125_744, channels=32, blocks=6), _size(21_328, channels=16, blocks=3)),
    ),
    NamedStudent(
        name="srresnet",
        about="SRResNet without norms (MSRResNet)",
        architecture="srresnet",
        home="https://github.com/XPixelGroup/BasicSR",
        needs=IMAGE,
        sizes=_sizes(_size(1_517_571, channels=64, blocks=16), _size(195_971, channels=32, blocks=6)),
        scales=(2, 3, 4),
    ),
    NamedStudent(
        name="compact",
        about="SRVGGNetCompact of Real-ESRGAN",
        architecture="compact",
        home="https://github.com/xinntao/Real-ESRGAN",
        needs=IMAGE,
        sizes=_sizes(_size(621_424, num_feat=64, num_conv=16), _size(52_968, num_feat=24, num_conv=8)),
    ),
    _rrdbnet("rrdbnet", "residual in residual dense blocks (RRDBNet)", "XPixelGroup/BasicSR"),
    _rrdbnet("esrgan", "RRDBNet as ESRGAN has it", "xinntao/ESRGAN"),
    _rrdbnet("real-esrgan", "RRDBNet as Real-ESRGAN has it", "xinntao/Real-ESRGAN"),
    _rrdbnet("realsr", "RRDBNet as RealSR (Ji et al.) has it", "jixiaozhong/RealSR"),
    _rrdbnet("fssr", "RRDBNet as FSSR (ESRGAN-FS) has it", "ManuelFritsche/real-world-sr"),
    _rrdbnet("best-buddy", "RRDBNet as Best-Buddy GAN has it", "dvlab-research/Simple-SR"),
    _rrdbnet("bsrgan", "RRDBNet as BSRGAN has it", "cszn/BSRGAN"),
    NamedStudent(
        name="swinir",
        about="SwinIR-M for classical super-resolution",
        architecture="swinir",
        home="https://github.com/JingyunLiang/SwinIR",
        needs=IMAGE,
        sizes=SWINIR,
    ),
    NamedStudent(
        name="sftgan",
        about="residual blocks modulated by what the image shows (SFT_Net)",
        architecture="sftgan",
        home="https://github.com/xinntao/SFTGAN",
        needs=CONDITION,
        sizes=_sizes(_size(1_833_763, channels=64, blocks=16), _size(276_419, channels=32, blocks=4)),
        scales=(4,),
    ),
)
STUDENTS: Mapping[str, NamedStudent] = MappingProxyType({student.name: student for student in _TABLE})
