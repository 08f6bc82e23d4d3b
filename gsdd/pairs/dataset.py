"""`.gsdd` files as a map-style dataset of HR-LR pairs, as trainers of the BasicSR family take it."""

import copy
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

from torch.utils.data import Dataset, get_worker_info

from gsdd.data.degradation import SCALE, check_scale, whole
from gsdd.data.served import Draw, Function, Named, find_degradation
from gsdd.distilled.latent_set import Files, LatentSet, joint_sha256, read_files
from gsdd.errors import GsddError, RecipeError
from gsdd.formats.place import without_secrets
from gsdd.monitor import SILENT, Monitor
from gsdd.pairs.batch import Item, Keys, Making, PairBatch, collate
from gsdd.pairs.cache import PairCache
from gsdd.pairs.decoder import Decoder
from gsdd.pairs.draws import ViewDraws
from gsdd.pairs.order import rank_and_world_size
from gsdd.pairs.visits import Visits

# Of the sides of HR images that every scale and every generator makes.
STEP = 8
KEYS = {"lqgt": Keys("lq", "gt", "lq_path", "gt_path"), "LH": Keys("L", "H", "L_path", "H_path")}


class DistilledPairs(Dataset[Item]):
    """HR-LR pairs of one or several files. Each visit of a pair gives another view.

    All latents are decoded when this is made, into a file that DataLoader workers map by its path, whether they are
    forked, spawned or from a fork server. Every index counts its visits, so epochs differ even if nobody calls
    `set_epoch`. Workers share the counts; ranks of torch.distributed see other views. With a sampler that gives each
    index once an epoch, items are a function of (seed, index, epoch).

    Items are dicts of two RGB CHW float32 tensors in [0, 1], and two names of the pair. torch's default collation
    works; `DataLoader(..., collate_fn=DistilledPairs.collate)` is about three times as fast.

    A copy shares files and counts with its original. So does a pickle, as long as the process that made the dataset
    keeps it. With `cache` it can be unpickled later; its counts then start at 0.

    Args:
        files: a `.gsdd` file, its URL, a glob pattern, or a list of these: one set, in the order given; or what was
            read of one already.
        scale: HR side / LR side: 1, 2, 3, 4 or 8. HR is cut to a multiple of it at the right and the bottom.
        lr: "bicubic", antialiased, made once; "realesrgan", the second-order degradation of Real-ESRGAN, made anew for
            each visit; a function of HR (float32 RGB `[3, H, W]` in [0, 1]) and a torch generator, which gives LR; None
            serves HR alone: items have no LR. The random numbers are a function of (seed, pair, visit).
        gt_size: side of the HR crops in pixels, a multiple of the scale; None serves whole images.
        repeat: how many times each pair counts in `len`; trainers with long epochs restart their workers less often.
        use_hflip: mirror half of the views.
        use_rot: flip half of the views top to bottom, and transpose half of them, as BasicSR's option does.
        seed: of the views.
        keys: "lqgt" names items `lq gt lq_path gt_path` (BasicSR, traiNNer-redux, neosr), "LH" `L H L_path H_path`
            (KAIR).
        cache: folder that keeps the decoded pairs for the next run; None takes a temporary one.
        generator: a named generator or a path of weights; None takes the one that each file holds or names.
        device: where G runs; "auto" takes a GPU if there is one.
        force_generator: accept weights other than those a file was made with.
        monitor: told of the decoding, and of weights that are not exactly those of a file.

    Raises:
        FormatError: a file is damaged.
        GeneratorError: no usable generator.
        RecipeError: an option does not fit these files, or their images have different sizes.
        OutputError: there is no room for the decoded pairs.
        GsddError: made in a DataLoader worker, where G must not run.
    """

    collate = staticmethod(collate)

    def __init__(
        self,
        files: Files | LatentSet,
        *,
        scale: int = SCALE,
        lr: Named | Function | None = "bicubic",
        gt_size: int | None = None,
        repeat: int = 1,
        use_hflip: bool = True,
        use_rot: bool = True,
        seed: int = 0,
        keys: Literal["lqgt", "LH"] = "lqgt",
        cache: str | PathLike[str] | None = None,
        generator: str | None = None,
        device: str = "auto",
        force_generator: bool = False,
        monitor: Monitor = SILENT,
    ) -> None:
        if keys not in KEYS:
            raise RecipeError(f"`keys`: got {keys!r}, wanted one of {', '.join(KEYS)}")
        if repeat < 1:
            raise RecipeError(f"`repeat`: got {repeat}, wanted at least 1")
        if get_worker_info() is not None:
            asked = without_secrets(str(files))
            raise GsddError(f"{asked}: DistilledPairs was made in a DataLoader worker; make it before the DataLoader")
        check_scale(scale)
        degradation, has_low = find_degradation(lr, scale), lr == "bicubic"
        sets = read_files(files)
        multiple = 1 if lr is None else scale
        size = _crop_size(sets[0], gt_size, multiple)
        grid = scale if has_low else 1
        self._draws = _view_draws(sets[0], size, grid, (use_hflip, use_rot), seed)
        self._making = Making(KEYS[keys], size, grid, has_low, degradation)
        self._scale, self._lr = scale, degradation.name if degradation else lr
        self._files = [latents.path.name for latents in sets]
        self._names = [latents.name(number) for latents in sets for number in range(len(latents))]
        self._repeat = repeat
        self._grey = all(latents.manifest.source.grey for latents in sets)
        self._sha256 = joint_sha256([latents.latents_sha256 for latents in sets])
        # A sampler may send an index to another rank in the next epoch, where it must not look as it did here.
        self._visits = Visits(len(self), *rank_and_world_size())
        decoder = Decoder(generator, device, force_generator, monitor)
        kept = scale if has_low else None
        self._cache = PairCache(sets, decoder, None if cache is None else Path(cache), kept)

    def __len__(self) -> int:
        return len(self._names) * self._repeat

    def __repr__(self) -> str:
        files = ", ".join(self._files)
        return f"{type(self).__name__}({files!r}, {len(self._names)} pairs, repeat={self._repeat})"

    def __deepcopy__(self, memo: object) -> Self:
        return copy.copy(self)

    @property
    def grey(self) -> bool:
        """Whether all photos were grey, so that LR and HR have three equal channels in every pixel."""
        return self._grey

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that the items depend on, as plain values by name."""
        draws = self._draws
        return {
            "latents": self._sha256[:16],
            "repeat": self._repeat,
            "gt_size": self._making.size,
            "views": [draws.seed, draws.hflip, draws.rotate],
            "lr": [self._lr, self._scale],
        }

    def __getitem__(self, index: int) -> Item:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> PairBatch:
        """Give the items of a batch, as a DataLoader asks for them."""
        known = [range(len(self))[index] for index in indices]
        return self._batch(known, self._visits.take(known))

    def item(self, index: int, visit: int) -> Item:
        """Give the item of a certain visit, without counting it.

        Args:
            index: from 0 to len - 1.
            visit: from 0.

        Returns:
            LR and HR, RGB float32 `[3, h, w]` and `[3, H, W]` in [0, 1], and the pair's name twice, under the names of
            `keys`.
        """
        return self._batch([index], [visit])[0]

    def set_epoch(self, epoch: int) -> None:
        """Serve the views of this epoch from now on, in every worker.

        Args:
            epoch: from 0; each index that was asked for once an epoch got these views by itself.
        """
        self._visits.set_all(epoch)

    def _batch(self, indices: Sequence[int], visits: Sequence[int]) -> PairBatch:
        draws = [self._draw(index, visit) for index, visit in zip(indices, visits, strict=True)]
        places = [self._cache.place(draw.pair) for draw in draws]
        views = [self._draws.draw(draw.pair, draw.visit) for draw in draws]
        return PairBatch(self._making, places, views, [self._names[draw.pair] for draw in draws], draws)

    def _draw(self, index: int, visit: int) -> Draw:
        turn, pair = divmod(index, len(self._names))
        return Draw(self._draws.seed, pair, turn + self._repeat * visit)


def _crop_size(latents: LatentSet, gt_size: int | None, scale: int) -> int:
    most = whole(latents.manifest.hr_size, scale)
    size = most if gt_size is None else gt_size
    if type(size) is not int or size % scale or not scale <= size <= most:
        raise RecipeError(
            f"`gt_size`: got {gt_size!r}, wanted a multiple of {scale} up to {most}, the size of the HR images of "
            f"{latents.path}{_larger(gt_size, most)}"
        )
    return size


def _larger(gt_size: object, most: int) -> str:
    """Say how to get items of that size."""
    if type(gt_size) is not int or gt_size <= most:
        return ""
    least = -(-gt_size // STEP) * STEP
    return f"; compress the photos with `hr_size={least}` or more (docs/trainers.md: what trainers ask for)"


def _view_draws(latents: LatentSet, size: int, grid: int, turns: tuple[bool, bool], seed: int) -> ViewDraws:
    return ViewDraws(seed, latents.manifest.hr_size // grid, size // grid, *turns)
