"""Names of a student's tensors as its authors' current code has them, where spandrel keeps older ones."""

import re
from collections.abc import Mapping

from torch import Tensor

# spandrel holds an RRDBNet in the nested sequences of 2018; BasicSR, Real-ESRGAN and spandrel itself read these names.
ENDS = {
    "model.0": "conv_first",
    "model.3": "conv_up1",
    "model.6": "conv_up2",
    "model.8": "conv_hr",
    "model.10": "conv_last",
}
DENSE = re.compile(r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0")
TRUNK_END = re.compile(r"model\.1\.sub\.\d+")


def official_keys(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of spandrel's RRDBNet; those of other networks have their official names.

    Args:
        state_dict: of a student.

    Returns:
        The same tensors under the names of BasicSR@8d56e3a, basicsr/archs/.
    """
    return {_official(key): value for key, value in state_dict.items()}


def _official(key: str) -> str:
    layer, _, kind = key.rpartition(".")
    if match := DENSE.fullmatch(layer):
        block, dense, number = match.groups()
        return f"body.{block}.rdb{dense}.conv{number}.{kind}"
    if TRUNK_END.fullmatch(layer):
        return f"conv_body.{kind}"
    return f"{ENDS.get(layer, layer)}.{kind}"
