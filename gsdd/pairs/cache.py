"""Decoded pairs in files that every process maps by their path."""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO, Any
from weakref import WeakValueDictionary, finalize

import numpy as np

from gsdd.data.degradation import SCALE, cut, low_resolution, whole
from gsdd.distilled.latent_set import LatentSet
from gsdd.errors import GsddError, OutputError
from gsdd.formats.atomic import remove_orphans, reserve, told_as_output_error, written_whole
from gsdd.formats.opening import bytes_in, opened
from gsdd.pairs.decoder import Decoder, Pixels, chunks
from gsdd.pairs.temporary import TemporaryFolder

# Bytes of the sha256 of the pairs, behind them.
DIGEST = hashlib.sha256().digest_size
_CHUNK = 1 << 20


class PairFile:
    """The decoded pairs of some latents, in a file that is only read.

    Args:
        path: the file.
        pairs: how many it holds.
        hr_size: side of the images that the latents make, in pixels.
        scale: HR side / LR side; None for HR alone.

    Raises:
        GsddError: it is gone.
    """

    def __init__(self, path: Path, pairs: int, hr_size: int, scale: int | None = SCALE) -> None:
        self._made_from = path, pairs, hr_size, scale
        self._end = pairs * record(hr_size, scale).itemsize + DIGEST
        try:
            self._file = opened(path)
            finalize(self, self._file.close)
            self._check_end()
            records = np.asarray(np.memmap(self._file, record(hr_size, scale), "r", shape=(pairs,)))
        except FileNotFoundError as error:
            raise GsddError(
                f"{path}: the decoded pairs are gone with the process that made them; make the dataset anew, or with "
                "`cache=DIR`, which keeps them"
            ) from error
        except OSError as error:
            raise GsddError(f"{path}: cannot be read: {error.strerror or error}; make the dataset anew") from error
        self._hr, self._lr = records["hr"], None if scale is None else records["lr"]
        _open_files[self._made_from] = self

    def pair(self, number: int) -> tuple[Pixels, Pixels]:
        """Return LR and HR, uint8 RGB `[3, h, w]` and `[3, H, W]`; not copied, not to be written.

        Raises:
            GsddError: it holds HR alone, or was cut short: to look at what is mapped and gone would end the process.
        """
        if self._lr is None:
            raise GsddError(f"{self._made_from[0]}: holds HR alone; give a `scale` for LR")
        return self._lr[number], self.hr(number)

    def hr(self, number: int) -> Pixels:
        """Return HR, uint8 RGB `[3, H, W]`; not copied, not to be written; raises GsddError as `pair` does."""
        self._check_end()
        image: Pixels = self._hr[number]
        return image

    def _check_end(self) -> None:
        if bytes_in(self._file) != self._end:
            raise GsddError(f"{self._made_from[0]}: the decoded pairs were cut short; make the dataset anew")

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, self._made_from


# A batch that comes from a worker finds here what its pairs are read from; mapping the file for each costs more.
_open_files: WeakValueDictionary[tuple[Path, int, int, int | None], PairFile] = WeakValueDictionary()


def _opened(*made_from: Any) -> PairFile:  # noqa: ANN401
    return _open_files.get(made_from) or PairFile(*made_from)


def record(hr_size: int, scale: int | None) -> np.dtype[np.void]:
    """Lay out a pair in the file; HR is cut to a multiple of the scale."""
    high = whole(hr_size, scale or 1)
    low = [("lr", np.uint8, (3, high // scale, high // scale))] if scale else []
    return np.dtype([("hr", np.uint8, (3, high, high)), *low])


class PairCache:
    """The pairs of one or several files, all decoded when this is made.

    Args:
        sets: the latents of the files, with images of one size.
        decoder: decodes what is not there yet, and tells its monitor.
        folder: keeps the pairs for the next run too; None is a temporary folder, which goes with this object.
        scale: HR side / LR side; None keeps HR alone.

    Raises:
        GeneratorError: no usable generator.
        OutputError: no room for the pairs.
        Interrupted: the monitor said so; what was decoded of the file at hand is lost.
    """

    def __init__(
        self,
        sets: Sequence[LatentSet],
        decoder: Decoder,
        folder: Path | None = None,
        scale: int | None = SCALE,
    ) -> None:
        self._scale, temporary = scale, None
        if folder is None:
            temporary = TemporaryFolder()
            folder = temporary.path
        self._starts = [0, *accumulate(map(len, sets))]
        self._files = [
            PairFile(self._find(latents, decoder, folder, start), len(latents), latents.manifest.hr_size, scale)
            for latents, start in zip(sets, self._starts, strict=False)
        ]
        # Last, so that it goes last: Windows removes nothing that is mapped.
        self._temporary = temporary

    def __len__(self) -> int:
        return self._starts[-1]

    def pair(self, number: int) -> tuple[Pixels, Pixels]:
        """Return a pair.

        Args:
            number: which latent, counted through all files.

        Returns:
            LR and HR, as `PairFile.pair` does.
        """
        file, place = self.place(number)
        return file.pair(place)

    def hr(self, number: int) -> Pixels:
        """Return the HR image of a pair, as `PairFile.hr` does."""
        file, place = self.place(number)
        return file.hr(place)

    def place(self, number: int) -> tuple[PairFile, int]:
        """Tell where a pair is.

        Args:
            number: which latent, counted through all files.

        Returns:
            Its file, and its number there.
        """
        file = bisect_right(self._starts, number) - 1
        return self._files[file], number - self._starts[file]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_temporary": None}

    def _find(self, latents: LatentSet, decoder: Decoder, folder: Path, start: int) -> Path:
        """Find the pairs of a file, or decode them; `start` is how many pairs come before them."""
        if decoder.generator is None:
            path = self._path(folder, latents, latents.manifest.generator.fingerprint)
            if self._is_whole(path, latents):
                return path
        path = self._path(folder, latents, decoder.load(latents).fingerprint)
        if not self._is_whole(path, latents):
            try:
                self._decode(latents, decoder, path, start)
            except OutputError:
                # Another process may have decoded the same meanwhile. Windows replaces nothing that is mapped.
                if not self._is_whole(path, latents):
                    raise
        return path

    def _decode(self, latents: LatentSet, decoder: Decoder, path: Path, start: int) -> None:
        with told_as_output_error(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        remove_orphans(path.parent, path.name)
        with written_whole(path, force=True) as file:
            _reserve(file, path.parent, self._size(latents))
            digest = hashlib.sha256()
            for members in chunks(latents):
                hr = cut(decoder.images(latents, members), self._scale or 1)
                pairs = np.empty(len(members), record(latents.manifest.hr_size, self._scale))
                pairs["hr"] = hr.numpy()
                if self._scale:
                    pairs["lr"] = low_resolution(hr, self._scale).numpy()
                digest.update(pairs.tobytes())
                file.write(pairs.tobytes())
                decoder.tell("decode", start + members.stop, len(self))
            file.write(digest.digest())

    def _path(self, folder: Path, latents: LatentSet, fingerprint: str) -> Path:
        kind = f"x{self._scale}" if self._scale else "hr"
        return folder / f"{latents.latents_sha256[:24]}-{fingerprint[:24]}-{kind}.pairs"

    def _size(self, latents: LatentSet) -> int:
        return len(latents) * record(latents.manifest.hr_size, self._scale).itemsize + DIGEST

    def _is_whole(self, path: Path, latents: LatentSet) -> bool:
        """Tell whether the pairs of a file are there, to the byte: what is kept may have been changed."""
        with told_as_output_error(path.parent):
            try:
                with opened(path) as file:
                    size = self._size(latents)
                    return bytes_in(file) == size and _holds(file, size - DIGEST)
            except FileNotFoundError:
                return False


def _holds(file: IO[bytes], size: int) -> bool:
    """Tell whether the first bytes of a file have the digest that follows them."""
    digest = hashlib.sha256()
    for first in range(0, size, _CHUNK):
        digest.update(file.read(min(_CHUNK, size - first)))
    return digest.digest() == file.read()


def _reserve(file: IO[bytes], folder: Path, size: int) -> None:
    """Tell of a full disk before the decoding and not after."""
    try:
        reserve(file, folder, size)
    except OSError as error:
        raise OutputError(
            f"{folder}: no room for {size / 1e6:,.0f} MB of decoded pairs ({error.strerror}); make room, or give "
            "another folder as `cache=DIR`"
        ) from error
