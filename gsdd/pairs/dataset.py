"""A `.gsdd` file as a map-style dataset of HR-LR pairs, as trainers of the BasicSR family take it."""

import secrets
import warnings
from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

from torch.utils.data import Dataset, get_worker_info

from gsdd.errors import GsddError, RecipeError
from gsdd.formats.manifest import DEGRADATION
from gsdd.generators.generator import Generator
from gsdd.pairs.cache import PairCache
from gsdd.distilled.latent_set import LatentSet
from gsdd.distilled.latent_set import read_latents
from gsdd.pairs.draws import View, ViewDraws
from gsdd.pairs.items import Keys, PairItem, Pixels, make_known
from gsdd.pairs.ranks import rank_and_world_size
from gsdd.pairs.shared import ArrayLayout, Rebuilt, SharedArrays

KEYS = {"lqgt": Keys("lq", "gt", "lq_path", "gt_path"), "LH": Keys("L", "H", "L_path", "H_path")}


class DistilledPairs(Rebuilt, Dataset[dict[str, Any]]):
    """The pairs of a file, each visit of a pair in another view.

    G runs in the process that makes the dataset, once for each latent; on a CPU on a thread, so that the first items
    come before all are decoded. DataLoader workers read the result from shared memory, whether they are forked, spawned
    or from a fork server. Every index counts its visits, so epochs differ though nobody calls `set_epoch`; workers have
    one count, and ranks of torch.distributed see other views. With a sampler that gives each index once an epoch, items
    are a function of (seed, index, epoch).

    Args:
        path: the `.gsdd` file, or its URL.
        gt_size: side of the HR crops in pixels, a multiple of the scale; None serves whole images.
        repeat: how many times each pair counts in `len`; trainers with long epochs restart their workers less often.
        use_hflip: mirror half of the views.
        use_rot: mirror top and bottom, and transpose, half of them; as BasicSR's option.
        seed: of the views.
        keys: "lqgt" names items `lq gt lq_path gt_path` (BasicSR, traiNNer-redux, neosr), "LH" `L H L_path H_path`
            (KAIR).
        cache: folder that keeps the decoded pairs for the next run; None keeps them in memory.
        generator: a named generator or a path of weights; None takes the one that the file names.
        device: where G runs.
        force_generator: take weights that are not those that the file was made with; a warning tells.

    Raises:
        FormatError: the file is damaged.
        GeneratorError: no usable generator.
        RecipeError: an option has no meaning for this file.
        OutputError: the cache folder has no room.
        GsddError: made in a DataLoader worker, where G must not run.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        gt_size: int | None = None,
        repeat: int = 1,
        use_hflip: bool = True,
        use_rot: bool = True,
        seed: int = 0,
        keys: Literal["lqgt", "LH"] = "lqgt",
        cache: str | PathLike[str] | None = None,
        generator: str | None = None,
        device: str = "cpu",
        force_generator: bool = False,
    ) -> None:
        if keys not in KEYS:
            raise RecipeError(f"keys: got {keys!r}, wanted one of {', '.join(KEYS)}")
        if repeat < 1:
            raise RecipeError(f"repeat: got {repeat}, wanted at least 1")
        if get_worker_info() is not None:
            raise GsddError(f"{path}: DistilledPairs was made in a DataLoader worker; make it before the DataLoader")
        distilled = read_latents(path)
        self._names = tuple(distilled.name(number) for number in range(len(distilled)))
        self._name, self.keys, self.token = distilled.path.name, KEYS[keys], secrets.token_hex(8)
        self._draws = _view_draws(distilled, gt_size, use_hflip, use_rot, seed)
        self._repeat = repeat
        # A sampler may send an index to another rank in the next epoch, where it must not look as it did here.
        rank, self._world_size = rank_and_world_size()
        self._visits = SharedArrays({"visits": ArrayLayout("i8", (len(distilled) * repeat,))})
        self._visits["visits"][:] = rank
        self._latents = distilled.latents_sha256
        self._cache = self._make_cache(distilled, cache, generator, device, force_generator)
        make_known(self)

    def __len__(self) -> int:
        return len(self._names) * self._repeat

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, {len(self._names)} pairs, repeat={self._repeat})"

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the items, as plain values by name."""
        draws = self._draws
        return {
            "latents": self._latents[:16],
            "repeat": self._repeat,
            "gt_size": draws.crop * int(DEGRADATION["scale"]),
            "views": [draws.seed, draws.hflip, draws.rotate],
        }

    def __getitem__(self, index: int) -> dict[str, Any]:
        index = range(len(self))[index]
        return self.item(index, self._visit(index)).whole()

    def __getitems__(self, indices: Sequence[int]) -> list[PairItem]:
        """Give the items of a batch, as a DataLoader asks for it; what is not decoded is asked for all at once."""
        make_known(self)
        indices = [range(len(self))[index] for index in indices]
        self.want(indices)
        return [self.item(index, self._visit(index)) for index in indices]

    def want(self, indices: Iterable[int]) -> None:
        """Ask for the pairs of some items to be decoded before others."""
        self._cache.want(index % len(self._names) for index in indices)

    def item(self, index: int, visit: int) -> PairItem:
        """Give an item as on a certain visit, and count nothing.

        Args:
            index: from 0 to len - 1.
            visit: from 0.

        Returns:
            LR and HR, RGB `[3, h, w]` and `[3, H, W]`, and the pair's name twice, under the names of `keys`.
        """
        turn, pair = divmod(index, len(self._names))
        view = self._draws.draw(pair, turn + self._repeat * visit)
        return PairItem(self, pair, view)

    def look(self, pair: int, view: View) -> tuple[Pixels, Pixels, str]:
        """Look at a pair, waiting for it if need be.

        Args:
            pair: which latent.
            view: from `ViewDraws`.

        Returns:
            LR and HR, uint8 RGB `[3, h, w]` and `[3, H, W]`, not copied; and the pair's name.

        Raises:
            GsddError: it cannot be decoded.
        """
        low, high = self._cache.pair(pair)
        size = self._draws.crop
        return view.of(low, size, 1), view.of(high, size, int(DEGRADATION["scale"])), self._names[pair]

    def set_epoch(self, epoch: int) -> None:
        """Serve the views of an epoch from now on, in every worker.

        Args:
            epoch: from 0; each index that was asked for once an epoch got these views by itself.
        """
        self._visits["visits"][:] = epoch

    def complete(self) -> None:
        """Return once every pair is decoded.

        Raises:
            GsddError: they could not be decoded, or not be kept.
        """
        self._cache.complete()

    def _visit(self, index: int) -> int:
        visits = self._visits["visits"]
        visit = int(visits[index])
        visits[index] = visit + self._world_size
        return visit

    def _make_cache(
        self, distilled: LatentSet, folder: str | PathLike[str] | None, generator: str | None, device: str, force: bool
    ) -> PairCache:
        def load() -> Generator:
            model, note = distilled.load_generator(generator, device=device, force=force)
            if note:
                warnings.warn(f"{distilled.path}: {note}", stacklevel=5)
            return model

        fingerprint = None if generator else distilled.manifest.generator.fingerprint
        return PairCache(distilled, load, None if folder is None else Path(fspath(folder)), fingerprint)


def _view_draws(distilled: LatentSet, gt_size: int | None, hflip: bool, rotate: bool, seed: int) -> ViewDraws:
    scale, whole = int(DEGRADATION["scale"]), distilled.manifest.hr_size
    size = whole if gt_size is None else gt_size
    if not isinstance(size, int) or size % scale or not scale <= size <= whole:
        raise RecipeError(
            f"gt_size: got {gt_size!r}, wanted a multiple of {scale} up to {whole}, the size of the HR images of "
            f"{distilled.path}"
        )
    return ViewDraws(seed, whole // scale, size // scale, hflip, rotate)
