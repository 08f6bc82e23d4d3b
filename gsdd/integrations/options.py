"""The options of one dataset in a trainer's configuration, whatever structure the trainer hands them over in."""

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Protocol

from gsdd.errors import RecipeError

PASSED_ON = frozenset({"repeat", "seed", "cache", "generator", "device", "force_generator"})
OURS = PASSED_ON | {"file", "dataroot_gt", "gt_size", "lq_size", "use_hflip", "use_rot"}
# What the trainers add to every dataset's options, or read for the loader, the sampler and the log.
THEIRS = frozenset(
    {
        *("name", "type", "phase", "scale", "io_backend", "num_worker_per_gpu", "batch_size_per_gpu", "accum_iter"),
        *("dataset_enlarge_ratio", "prefetch_mode", "num_prefetch_queue", "prefetch_factor"),
        *("pin_memory", "persistent_workers", "use_shuffle", "meta_info", "meta_info_file", "filename_tmpl"),
    }
)
SCALE = 4


class Structure(Protocol):
    """Options as traiNNer-redux hands them over: a structure with the fields of every dataset type."""

    __struct_fields__: tuple[str, ...]
    name: str
    type: str

    def __init__(self, *, name: str, type: str) -> None: ...


Options = Mapping[str, Any] | Structure


def given(opt: Options, always: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Read the options that a configuration gave.

    Args:
        opt: as the trainer hands them over.
        always: options that are read where the structure has a value of its own, too.

    Returns:
        Values by name.
    """
    if isinstance(opt, Mapping):
        return {name: value for name, value in opt.items() if value is not None}
    untouched = type(opt)(name=opt.name, type=opt.type)
    values = {name: getattr(opt, name) for name in opt.__struct_fields__}
    changed = {name: value for name, value in values.items() if value != getattr(untouched, name) or name in always}
    return {"name": opt.name} | changed


def check_names(options: Mapping[str, Any], kind: str, known: frozenset[str]) -> None:
    """Refuse options that a type does not know, by name; raises RecipeError."""
    unknown = sorted(options.keys() - known - THEIRS)
    if unknown:
        raise RecipeError(
            f"{kind} {options.get('name')}: got the options {', '.join(unknown)}, which it does not "
            f"know; wanted some of {', '.join(sorted(known))}"
        )


def files_of(options: Mapping[str, Any], kind: str) -> Sequence[str]:
    """List the `.gsdd` files; raises RecipeError where there is none."""
    # traiNNer-redux refuses keys that it does not know, `file` too, and makes a list of every root.
    roots = [options.get("file", ()), options.get("dataroot_gt", ())]
    files = [fspath(file) for root in roots for file in ([root] if isinstance(root, str | PathLike) else root)]
    if not files:
        raise RecipeError(f"{kind} {options.get('name')}: got no file, wanted `file` or `dataroot_gt`")
    return [str(Path(file).expanduser()) if file.startswith("~") else file for file in files]


def arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the arguments of `gsdd.DistilledPairs`; in a phase other than `train` images are whole and not flipped."""
    scale = options.get("scale", SCALE)
    chosen = {name: options[name] for name in PASSED_ON & options.keys()} | {"scale": scale}
    if options.get("phase", "train") != "train":
        return chosen | {"use_hflip": False, "use_rot": False}
    chosen |= {name: options[name] for name in ("gt_size", "use_hflip", "use_rot") if name in options}
    if "gt_size" not in chosen and "lq_size" in options:
        chosen["gt_size"] = options["lq_size"] * scale
    return chosen
