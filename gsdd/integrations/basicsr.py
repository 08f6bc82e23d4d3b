"""BasicSR and traiNNer-redux: a dataset type that trains from a `.gsdd` file, with nothing expanded."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gsdd.errors import MissingExtraError, RecipeError
from gsdd.formats.manifest import DEGRADATION
from gsdd.formats.place import place_of

if TYPE_CHECKING:
    from torch import Tensor

PASSED_ON = frozenset({"repeat", "seed", "cache", "generator", "device", "force_generator"})
OURS = PASSED_ON | {"file", "dataroot_gt", "gt_size", "lq_size", "use_hflip", "use_rot"}
# What the trainers add to every dataset's options, or read for the loader, the sampler and the log.
THEIRS = frozenset(
    {
        *("name", "type", "phase", "scale", "io_backend", "num_worker_per_gpu", "batch_size_per_gpu", "accum_iter"),
        *("dataset_enlarge_ratio", "prefetch_mode", "num_prefetch_queue", "prefetch_factor"),
        *("pin_memory", "persistent_workers"),
    }
)


class Structure(Protocol):
    """Options as traiNNer-redux hands them over: a structure with the fields of every dataset type."""

    __struct_fields__: tuple[str, ...]
    name: str
    type: str

    def __init__(self, *, name: str, type: str) -> None: ...


class DistilledPairsDataset:
    """The pairs of a `.gsdd` file, as a trainer's configuration asks for them.

    Args:
        opt: the options of one dataset. `file` (in traiNNer-redux `dataroot_gt`) names one or several `.gsdd` files;
            `gt_size` or `lq_size`, `use_hflip`, `use_rot`, `repeat`, `seed`, `cache`, `generator`, `device` and
            `force_generator` are those of `gsdd.DistilledPairs`. In a phase other than `train` images are whole and
            not flipped.

    Raises:
        RecipeError: an option is unknown, missing, or makes no run; or the file's scale is not the configuration's.
        FormatError: the file is not sound.
    """

    label = "image pairs"  # traiNNer-redux logs how many there are of these

    def __init__(self, opt: Mapping[str, Any] | Structure) -> None:
        from gsdd.pairs.dataset import DistilledPairs

        options = _given(opt)
        _check_names(options)
        files = _files(options)
        _check_scale(files[0], options.get("scale"))
        self.opt = opt
        self.pairs = DistilledPairs(files, **_arguments(options))

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> "dict[str, Tensor | str]":
        return self.pairs[index]


def register(trainer: str = "basicsr") -> None:
    """Make `type: DistilledPairsDataset` known to a trainer; call it before the trainer builds its datasets.

    Args:
        trainer: "basicsr" (also what Real-ESRGAN uses) or "traiNNer", whose registry keeps names in lower case.

    Raises:
        RecipeError: the trainer is neither of the two.
        MissingExtraError: the trainer cannot be imported.
    """
    if trainer not in ("basicsr", "traiNNer"):
        raise RecipeError(f"`trainer`: got {trainer!r}, wanted 'basicsr' or 'traiNNer'")
    try:
        registry = import_module(f"{trainer}.utils.registry").DATASET_REGISTRY
    except ImportError as error:
        raise MissingExtraError(
            f"cannot import {trainer}: {error}; install it from its repository, or run where it lies "
            "(the basicsr 1.4.2 of PyPI does not work with torchvision 0.17 and later)"
        ) from error
    if DistilledPairsDataset not in {kind for _, kind in registry}:
        registry.register(DistilledPairsDataset)


def _given(opt: Mapping[str, Any] | Structure) -> dict[str, Any]:
    if isinstance(opt, Mapping):
        return {name: value for name, value in opt.items() if value is not None}
    untouched = type(opt)(name=opt.name, type=opt.type)
    values = {name: getattr(opt, name) for name in opt.__struct_fields__}
    return {"name": opt.name} | {name: value for name, value in values.items() if value != getattr(untouched, name)}


def _check_names(options: Mapping[str, Any]) -> None:
    unknown = sorted(options.keys() - OURS - THEIRS)
    if unknown:
        raise RecipeError(
            f"DistilledPairsDataset {options.get('name')}: got the options {', '.join(unknown)}, which it does not "
            f"know; wanted some of {', '.join(sorted(OURS))}"
        )


def _files(options: Mapping[str, Any]) -> Sequence[str]:
    # traiNNer-redux refuses keys that it does not know, `file` too, and makes a list of every root.
    roots = [options.get("file", ()), options.get("dataroot_gt", ())]
    files = [fspath(file) for root in roots for file in ([root] if isinstance(root, str | PathLike) else root)]
    if not files:
        raise RecipeError(f"DistilledPairsDataset {options.get('name')}: got no file, wanted `file` or `dataroot_gt`")
    return [str(Path(file).expanduser()) if file.startswith("~") else file for file in files]


def _check_scale(file: str, scale: int | None) -> None:
    made_for = int(DEGRADATION["scale"])
    if scale not in (None, made_for):
        raise RecipeError(
            f"{place_of(file)}: got scale {scale}, wanted {made_for}; change the scale of the configuration"
        )


def _arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {name: options[name] for name in PASSED_ON & options.keys()}
    if options.get("phase", "train") != "train":
        return chosen | {"use_hflip": False, "use_rot": False}
    chosen |= {name: options[name] for name in ("gt_size", "use_hflip", "use_rot") if name in options}
    if "gt_size" not in chosen and "lq_size" in options:
        chosen["gt_size"] = options["lq_size"] * int(DEGRADATION["scale"])
    return chosen
