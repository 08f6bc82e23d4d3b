"""The sizes that a study comes in: the paper's, and one for two CPU cores."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gsdd.configuration import with_settings
from gsdd.errors import RecipeError
from gsdd.study.settings import COMPACT, StudySettings

# Of the paper, where it gives them; 300K iterations of students are those of its Fig. 7, batch and crop Real-ESRGAN's.
PAPER = StudySettings(
    generators={"RealSR": "realsr-df2k", "Real-ESRGAN": "realesrgan-x4plus"},
    own_students={"RealSR": "realsr", "Real-ESRGAN": "real-esrgan"},
    students=("real-esrgan", "srresnet", "swinir"),
    ipc=(1, 5, 10, 20, 40, 60, 90, 100, 500),
    main_ipc=100,
    shown_ipc=(1, 50, 100),
    lams=(0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    draws=(0,),
    seeds=(0,),
    hr_size=256,
    metrics=("ssim-y", "lpips"),
    blind_size=0,
    preset="paper",
    families=("resnet18",),
    training={"iterations": 100_000, "gan_iterations": 200_000, "batch": 12, "crop": 256, "lr": 2e-4},
    full="photos",
)
# The student, its recipe and the count of a comparison that two cores do in a minute a cell.
SMALL = StudySettings(
    generators={"compact": COMPACT},
    # Between values that were tried on a fifth of mini-ost's training photos: docs/results.md.
    distillation={"inversion.steps": 80, "matching.iterations": 80, "matching.lr": 0.002, "matching.real_batch": 64},
    training={"iterations": 1200, "batch": 8, "crop": 96, "lr": 5e-4},
)
SCALES: Mapping[str, StudySettings] = MappingProxyType({"paper": PAPER, "small": SMALL})

# Where an experiment differs from its scale.
OF_EXPERIMENTS: Mapping[tuple[str, str], Mapping[str, Any]] = MappingProxyType(
    {
        ("table1", "small"): {"draws": [0], "seeds": [0]},
        # The photos that it enlarges are no bicubic LR: what learnt to undo that alone undoes nothing of theirs.
        ("table2", "small"): {"draws": [0], "seeds": [0], "training": {**SMALL.training, "degradation": "realesrgan"}},
        ("table2", "paper"): {"training": {**PAPER.training, "degradation": "realesrgan"}},
        ("table3", "small"): {"draws": [0], "seeds": [0], "students": ["small", "srresnet:small", "compact:small"]},
        ("fig3", "small"): {"draws": [0]},
        ("fig6", "small"): {"draws": [0], "seeds": [0], "shown_ipc": [1, 5, 10]},
        ("fig6", "paper"): {"shown_ipc": [50, 100, 200, 500]},
        ("fig7", "small"): {"draws": [0], "seeds": [0], "students": ["small", "srresnet:small", "compact:small"]},
        ("fig8", "small"): {"draws": [0], "seeds": [0]},
        ("compare", "small"): {"metrics": ["psnr-y", "st-lpips"], "families": ["local-fourier", "resnet18"]},
        ("rate", "small"): {
            "distillation": {**SMALL.distillation, "matching.finish": 0.5},
            "metrics": ["psnr-y", "st-lpips"],
            "draws": [0],
            "seeds": [0, 1, 2],
            "avif_qualities": [15, 30, 50],
        },
        ("compare", "paper"): {"draws": [0, 1, 2], "seeds": [0, 1, 2, 3, 4], "metrics": ["psnr-y", "ssim-y", "lpips"]},
    }
)


def settings_of(experiment: str, scale: str, options: Mapping[str, Any]) -> StudySettings:
    """Give the settings of an experiment.

    Args:
        experiment: its name.
        scale: a key of `SCALES`.
        options: what shall be otherwise, by field name.

    Returns:
        The settings.

    Raises:
        RecipeError: no such scale, an unknown field, or a value that makes no study.
    """
    if scale not in SCALES:
        raise RecipeError(f"`scale`: got {scale!r}, wanted one of {', '.join(SCALES)}")
    own = OF_EXPERIMENTS.get((experiment, scale), {})
    return with_settings(SCALES[scale], {name: _frozen(value) for name, value in {**own, **options}.items()})


def _frozen(value: Any) -> Any:  # noqa: ANN401
    """Turn lists, as JSON and TOML have them, into what settings hold."""
    if isinstance(value, Mapping):
        return {name: _frozen(each) for name, each in value.items()}
    return tuple(value) if isinstance(value, list) else value
