"""BasicSR and traiNNer-redux: dataset types that train from a `.gsdd` file, with nothing expanded."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gsdd.errors import MissingExtraError, RecipeError
from gsdd.integrations.kernel_options import NAMES as KERNEL_OPTIONS
from gsdd.integrations.options import OURS, Options, arguments, check_names, files_of, given

if TYPE_CHECKING:
    from gsdd.pairs.dataset import DistilledPairs

Item = dict[str, Any]
# Real-world models crop what they degraded once more; traiNNer-redux gives them as many pixels on top.
MARGIN = 32


class _FromFile:
    """A type of dataset.

    Attributes:
        label: traiNNer-redux logs how many there are of these.
    """

    label: ClassVar[str] = "image pairs"
    _known: ClassVar[frozenset[str]] = OURS
    _always: ClassVar[frozenset[str]] = frozenset()
    _lr: ClassVar[Literal["bicubic"] | None] = "bicubic"

    def __init__(self, opt: Options) -> None:
        kind, options = type(self).__name__, given(opt, self._always)
        check_names(options, kind, self._known)
        self.opt, self._options = opt, options
        self.pairs = self._open(files_of(options, kind), arguments(options))

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Item:
        return self.pairs[index]

    def _open(self, files: Any, chosen: dict[str, Any]) -> "DistilledPairs":  # noqa: ANN401
        from gsdd.pairs.dataset import DistilledPairs

        return DistilledPairs(files, lr=self._lr, **chosen)


class DistilledPairsDataset(_FromFile):
    """The pairs of a `.gsdd` file, as a trainer's configuration asks for them.

    Args:
        opt: the options of one dataset. `file` (in traiNNer-redux `dataroot_gt`) names one or several `.gsdd` files;
            `scale`, `gt_size` or `lq_size`, `use_hflip`, `use_rot`, `repeat`, `seed`, `cache`, `generator`, `device`
            and `force_generator` are those of `gsdd.DistilledPairs`. In a phase other than `train` images are whole
            and not flipped.

    Raises:
        RecipeError: an option is unknown, missing, or makes no run.
        FormatError: the file is not sound.
    """


class DistilledGtDataset(_FromFile):
    """HR alone, for models that make LR themselves: as traiNNer-redux's SingleGtDataset.

    Args:
        opt: as for `DistilledPairsDataset`; `lq_resize_mode` goes into the items.
    """

    label = "GT-only images"
    _known = OURS | {"lq_resize_mode"}
    _lr = None

    def __getitem__(self, index: int) -> Item:
        """Give `gt`, `gt_path` and, for logs, the same as `lq_path`."""
        item = self.pairs[index]
        mode = {"lq_resize_mode": self._options["lq_resize_mode"]} if "lq_resize_mode" in self._options else {}
        return {**item, "lq_path": item["gt_path"], **mode}


class DistilledRealESRGANDataset(_FromFile):
    """HR and three kernels, for the real-world models, which degrade a batch on the GPU.

    Args:
        opt: as for `DistilledPairsDataset`; the kernels' options have the trainers' names, and Real-ESRGAN's published
            values where a trainer has none. With `gt_size` or `lq_size` HR has 32 pixels more, as these models crop
            what they degraded; without it is whole.
    """

    label = "images"
    _known = OURS | KERNEL_OPTIONS
    _always = KERNEL_OPTIONS
    _lr = None

    def __init__(self, opt: Options) -> None:
        from gsdd.integrations.kernel_options import kernels_of

        super().__init__(opt)
        self._kernels = kernels_of(self._options)

    def __getitem__(self, index: int) -> Item:
        """Give `gt`, `kernel1`, `kernel2`, `sinc_kernel` (float32 `[21, 21]`) and `gt_path`."""
        batch = self.pairs.__getitems__([index])
        return {**batch[0], **self._kernels.draw(batch.draws[0])}

    def _open(self, files: Any, chosen: dict[str, Any]) -> "DistilledPairs":  # noqa: ANN401
        margin = {"gt_size": chosen["gt_size"] + MARGIN} if "gt_size" in chosen else {}
        return super()._open(files, {**chosen, **margin})


TYPES = (DistilledPairsDataset, DistilledGtDataset, DistilledRealESRGANDataset)


def register(trainer: str = "basicsr") -> None:
    """Make the types known to a trainer, such as `type: DistilledPairsDataset`; call it before datasets are built.

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
    known = {kind for _, kind in registry}
    for kind in TYPES:
        if kind not in known:
            registry.register(kind)
