"""A study of seconds: two classes of two photos, tiny crops, a few steps."""

from pathlib import Path

from gsdd.monitor import SILENT
from gsdd.study.cells import Workshop
from gsdd.study.plan import Results
from gsdd.study.study import study

TINY = {
    "students": ["small:small"],
    "ipc": [1, 2],
    "main_ipc": 1,
    "shown_ipc": [1],
    "lams": [0.0, 0.1],
    "draws": [0],
    "seeds": [0, 1],
    "hr_size": 48,
    "metrics": ["psnr-y"],
    "blind_metrics": ["niqe"],
    "blind_size": 64,
    "families": ["local-fourier"],
    "coreset": "loss",
    "avif_qualities": [50],
    "curve_every": 2,
    "training": {"iterations": 4, "batch": 2, "crop": 32},
    "distillation": {
        "inversion.steps": 1, "matching.iterations": 1, "matching.real_batch": 2, "crops.real": 4, "matching.bank": 1,
        "features.calibration": 4, "features.filters": 8,
    },
}  # fmt: skip
NOTHING_YET = Results({}, Workshop(Path("nowhere")))


def apart_from(few: Path) -> Path:
    return few.with_name("test")


def run(folder: Path, few: Path, name: str = "compare", at_most=None, monitor=SILENT, options=TINY, **facts):
    workshop = Workshop(folder, checkpoint_seconds=0.0, monitor=monitor)
    return study(name, few, apart_from(few), workshop, options=options, at_most=at_most, **facts)
