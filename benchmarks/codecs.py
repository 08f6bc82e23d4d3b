"""What each codec makes of the latents of a file, and how fast they come back: all of them, and one.

python benchmarks/codecs.py FILE.gsdd [FILE.gsdd ...]
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from gsdd.formats.codec import LENGTHS
from gsdd.formats.codecs import CODECS
from gsdd.formats.container import latents_of, read

# Bulk decoding is timed on at least so many latents; a small file's are repeated.
LATENTS = 2000


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Median time of a call."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def line(name: str, latents: np.ndarray, repeats: int) -> str:
    """Measure one codec."""
    codec = CODECS[name]
    tensors = codec.encode(latents)
    size, raw = sum(tensor.nbytes for tensor in tensors.values()), latents.size
    same = all(np.array_equal(tensor, tensors[key]) for key, tensor in codec.encode(latents).items())
    many = np.resize(latents, (max(LATENTS, len(latents)), *latents.shape[1:]))
    bulk, shape = codec.encode(many), many.shape
    rate = many.size / seconds(lambda: codec.decode(bulk, shape), repeats) / 1e6
    one = seconds(lambda: codec.decode(tensors, latents.shape, slice(0, 1)), 20 * repeats)
    root = float(np.sqrt(np.square(codec.rounded(latents) - latents).mean()))
    streams = f", {tensors[LENGTHS].mean():.0f} bytes a stream" if LENGTHS in tensors else ""
    return (
        f"{name}: {size / raw:.4f} bytes a value{streams}; {rate:.1f} million values a second, one latent in "
        f"{one * 1e3:.2f} ms; root mean square error {root:.5f}; the same bytes twice: {same}"
    )


@click.command()
@click.argument("files", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.option("--codec", "codecs", multiple=True, default=["fp16", "uint8", "dct"])
@click.option("--repeats", default=5)
def main(files: tuple[Path, ...], codecs: tuple[str, ...], repeats: int) -> None:
    """Print a line a file and codec; latents that were rounded already are rounded again."""
    for file in files:
        latents = latents_of(read(file))
        click.echo(f"{file.name}: {len(latents)} latents of {list(latents.shape[1:])}")
        for name in codecs:
            click.echo(f"  {line(name, latents, repeats)}")


if __name__ == "__main__":
    main()
