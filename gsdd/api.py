"""The noun of gsdd: a .gsdd file as one object, whose methods are everything that one does with it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from gsdd.data.degradation import SCALE, low_resolution, to_float
from gsdd.distilled.latent_set import LatentSet, read_latents
from gsdd.errors import RecipeError
from gsdd.formats.manifest import Manifest
from gsdd.formats.origins import origins_of
from gsdd.generators.generator import Generator
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import pick_device
from gsdd.recipe import Recipe, from_record

if TYPE_CHECKING:
    from gsdd.data.images import ImageFormat
    from gsdd.data.served import Function, Named
    from gsdd.inspect.savings import Savings
    from gsdd.inspect.verification import Verification
    from gsdd.pairs.dataset import DistilledPairs
    from gsdd.pairs.expand import ExpandReport, To


def open(
    path: str | PathLike[str], *, generator: str | None = None, device: str = "auto", force_generator: bool = False
) -> "Distilled":
    """Open a .gsdd file.

    Args:
        path: a file in any container, or its URL.
        generator: a named generator or a path of weights; None takes the one that the file holds or names.
        device: where the generator runs; "auto" takes a GPU if there is one.
        force_generator: accept weights other than those the file was made with.

    Returns:
        The file. Its generator is loaded when images are first asked for.

    Raises:
        FormatError: the file is damaged, or of an unknown version.
        SourceError: there is no such file.
    """
    return Distilled(path, generator=generator, device=device, force_generator=force_generator)


class Distilled:
    """A .gsdd file. Latents are in memory; images are computed when they are asked for.

    Args:
        path: as for `gsdd.open`; so are the other arguments.
        generator: a named generator or a path of weights.
        device: where the generator runs.
        force_generator: accept weights other than those the file was made with.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        generator: str | None = None,
        device: str = "auto",
        force_generator: bool = False,
    ) -> None:
        self._path, self._name, self._device, self._force = path, generator, device, force_generator
        self._set: LatentSet = read_latents(path)

    def __len__(self) -> int:
        return len(self._set)

    def __repr__(self) -> str:
        return f"Distilled({self._set.path.name!r}, {len(self)} latents, {len(self.classes)} classes)"

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Give a whole pair.

        Args:
            index: of the latent; negative ones count from the end.

        Returns:
            `lq` and `gt`, RGB float32 `[3, h, w]` and `[3, H, W]` in [0, 1], and the pair's name as `lq_path` and
            `gt_path`: an item of `pairs()` without crop, flip or rotation.
        """
        number = range(len(self))[index]
        hr = self.images(slice(number, number + 1))
        name = self._set.name(number)
        lr = low_resolution(hr, SCALE)
        return {"lq": to_float(lr)[0], "gt": to_float(hr)[0], "lq_path": name, "gt_path": name}

    @property
    def manifest(self) -> Manifest:
        """The file's metadata: generator, source, licences, run."""
        return self._set.manifest

    @property
    def classes(self) -> Mapping[str, int]:
        """The number of latents of each class, in file order."""
        return {each.name: each.latents for each in self.manifest.classes}

    @property
    def recipe(self) -> Recipe:
        """The recipe of the run that made the file.

        Raises:
            RecipeError: it was merged from several runs, or made by a later version.
        """
        origins = origins_of(self.manifest, self._set.path)
        recipes = [dict(origin.recipe) for origin in origins]
        if any(recipe != recipes[0] for recipe in recipes):
            raise RecipeError(
                f"{self._set.path}: was merged from {len(origins)} runs with different recipes; manifest.run has them"
            )
        return from_record(recipes[0])

    @cached_property
    def generator(self) -> Generator:
        """The generator, loaded once.

        Raises:
            GeneratorError: it is not here, or not the file's.
            RecipeError: torch cannot use the device.
        """
        return self._set.load_generator(self._name, device=pick_device(self._device), force=self._force)[0]

    def latents(self, which: int | slice = slice(None)) -> Tensor:
        """Give latents.

        Args:
            which: one, or several; all by default.

        Returns:
            z, float32 `[C, h, w]` of one, `[N, C, h, w]` of several; image-like, about [0, 1], not clipped.
        """
        return self._set.latents[which]

    def images(self, which: int | slice = slice(None)) -> Tensor:
        """Compute HR images G(z).

        Args:
            which: one, or several; all by default.

        Returns:
            uint8 RGB `[3, H, W]` of one, `[N, 3, H, W]` of several, on the CPU.

        Raises:
            GeneratorError: the generator is not installed, or not the one of the file.
        """
        if isinstance(which, slice):
            return self._set.decode(self.generator, which)
        number = range(len(self))[which]
        return self._set.decode(self.generator, [number])[0]

    def pairs(
        self,
        *,
        scale: int = SCALE,
        lr: "Named | Function | None" = "bicubic",
        gt_size: int | None = None,
        repeat: int = 1,
        use_hflip: bool = True,
        use_rot: bool = True,
        seed: int = 0,
        keys: Literal["lqgt", "LH"] = "lqgt",
        cache: str | PathLike[str] | None = None,
        monitor: Monitor = SILENT,
    ) -> "DistilledPairs":
        """Give the HR-LR pairs as a map-style PyTorch dataset; see `gsdd.DistilledPairs`.

        Args:
            scale: HR side / LR side: 1, 2, 3, 4 or 8.
            lr: "bicubic", "realesrgan", a function of HR and a torch generator, or None for HR alone.
            gt_size: side of the HR crops in pixels; None serves whole images.
            repeat: how many times each pair counts in `len`.
            use_hflip: mirror half of the views.
            use_rot: flip half of the views top to bottom, and transpose half of them.
            seed: of the views.
            keys: names of an item's parts: "lqgt" as in the BasicSR family, "LH" as in KAIR.
            cache: folder that keeps the decoded pairs for the next run.
            monitor: told of the decoding.
        """
        from gsdd.pairs.dataset import DistilledPairs

        return DistilledPairs(
            self._set, scale=scale, lr=lr, gt_size=gt_size, repeat=repeat, use_hflip=use_hflip, use_rot=use_rot,
            seed=seed, keys=keys, cache=cache, generator=self._name, device=self._device,
            force_generator=self._force, monitor=monitor,
        )  # fmt: skip

    def expand(
        self,
        folder: str | PathLike[str],
        *,
        to: "To" = "folder",
        scales: Sequence[int] = (SCALE,),
        by_class: bool = False,
        image_format: "ImageFormat" = "png",
        force: bool = False,
        monitor: Monitor = SILENT,
    ) -> "ExpandReport":
        """Write the pairs as images that SR trainers read.

        Args:
            folder: where to write. Existing images are kept, missing ones are added.
            to: "folder", "imagefolder" or "webdataset".
            scales: of the LR images: some of 1, 2, 3, 4 and 8.
            by_class: write one sub-folder per class.
            image_format: "png" or lossless "webp".
            force: replace the images of this or an earlier expansion.
            monitor: told of the pairs.
        """
        from gsdd.pairs.expand import expand

        return expand(
            self._set, folder, to=to, scales=scales, by_class=by_class, image_format=image_format, force=force,
            generator=self._name, device=self._device, force_generator=self._force, monitor=monitor,
        )  # fmt: skip

    def verify(self, *, decode: bool = False, monitor: Monitor = SILENT) -> "Verification":
        """Check every byte of the file and, with `decode`, that images decode as they did for its author.

        Args:
            decode: compare decoded images with the signatures in the file.
            monitor: told of the images.
        """
        from gsdd.inspect.verification import verify

        return verify(
            self._path, decode=decode, generator=self._name, device=self._device, force_generator=self._force,
            monitor=monitor,
        )  # fmt: skip

    def savings(self, source: str | PathLike[str], *, monitor: Monitor = SILENT) -> "Savings":
        """Compare the file with the photos that it was made from, as found and as image codecs store them.

        Args:
            source: the folder of photos.
            monitor: told of the photos.
        """
        from gsdd.inspect.savings import savings

        return savings(source, self._path, monitor=monitor)
