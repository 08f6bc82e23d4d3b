"""The families of psi."""

from typing import Literal, get_args

Family = Literal["local-fourier", "resnet18"]
FAMILIES: tuple[str, ...] = get_args(Family)
