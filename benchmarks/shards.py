"""Large sets: what shards take to write, to open, to read one latent of, and to verify.

    python benchmarks/shards.py --latents 1000000

Synthetic latents of 3x32x32 in 8 bits (HR 128x128). The folder's file system decides much of it; the last line compares
`verify` with reading the same bytes and doing nothing. Each figure is of a fresh process, imports apart.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
import numpy as np

from gsdd.formats import shards
from gsdd.formats.manifest import Manifest, ManifestClass, ManifestGenerator, ManifestSource
from gsdd.shard_files import verify_shards
from gsdd.shards import open_shards

CLASSES = 10
READS = 300


def manifest_of(latents: int) -> Manifest:
    per_class = [latents // CLASSES + (k < latents % CLASSES) for k in range(CLASSES)]
    return Manifest(
        generator=ManifestGenerator("synthetic", "none", 4, 1, "0" * 64, "0" * 64, "nowhere", "CC0"),
        hr_size=128,
        codec="uint8",
        classes=tuple(ManifestClass(f"class {k}", count) for k, count in enumerate(per_class)),
        recipe={},
        run={},
        source=ManifestSource(1, 1, "0" * 64, 0, 0, "CC0"),
        training={},
    )


def rows_of(rows: slice) -> dict[str, np.ndarray]:
    count, draw = rows.stop - rows.start, np.random.default_rng(rows.start)
    return {
        "latents": draw.integers(0, 256, (count, 3, 32, 32), np.uint8),
        "latents.scale": np.full((count, 3), 1 / 255, np.float32),
        "latents.offset": np.zeros((count, 3), np.float32),
        "source_index": np.zeros(count, np.int32),
        "signatures": draw.integers(0, 256, (count, 8, 8), np.uint8),
    }


def write(path: Path, latents: int, most: int) -> dict[str, float]:
    began = time.perf_counter()
    index = shards.write(path, manifest_of(latents), rows_of, most)
    return {"s": time.perf_counter() - began, "bytes": sum(index.bytes), "shards": len(index.files)}


def look(path: Path) -> dict[str, float]:
    began = time.perf_counter()
    opened = open_shards(path)
    seconds = time.perf_counter() - began
    numbers, times = np.random.default_rng(0).integers(0, len(opened), READS), []
    for number in numbers.tolist():
        began = time.perf_counter()
        opened[number]
        times.append(time.perf_counter() - began)
    return {"open_ms": 1e3 * seconds, "latent_ms": 1e3 * median(times), "slowest_ms": 1e3 * max(times)}


def verify(path: Path) -> dict[str, float]:
    began = time.perf_counter()
    verify_shards(path)
    return {"s": time.perf_counter() - began}


def read(path: Path) -> dict[str, float]:
    """Read all bytes and do nothing, as the limit."""
    began = time.perf_counter()
    for each in open_shards(path).paths:
        with each.open("rb", buffering=0) as file:
            buffer = bytearray(2**22)
            while file.readinto(buffer):
                pass
    return {"s": time.perf_counter() - began}


STEPS: dict[str, Callable[..., dict[str, float]]] = {"write": write, "look": look, "verify": verify, "read": read}


def in_process(step: str, *arguments: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "--step", step, *arguments], check=True, capture_output=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@click.command()
@click.option("--latents", default=1_000_000, show_default=True)
@click.option("--shard", default=50_000, show_default=True, help="Latents of a shard.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where the files are written; default: a temporary one."
)
@click.option("--step", type=click.Choice(list(STEPS)), hidden=True)
@click.option("--path", type=click.Path(path_type=Path), hidden=True)
def main(latents: int, shard: int, folder: Path | None, step: str | None, path: Path | None) -> None:
    if step and path:
        found = STEPS[step](path, latents, shard) if step == "write" else STEPS[step](path)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({**found, "peak_bytes": peak}))
        return
    with tempfile.TemporaryDirectory(dir=folder) as place:
        target = os.fspath(Path(place) / "set.gsdd")
        arguments = ("--path", target, "--latents", str(latents), "--shard", str(shard))
        made = in_process("write", *arguments)
        seen, checked, limit = (in_process(each, *arguments) for each in ("look", "verify", "read"))
    rate = made["bytes"] / 1e6
    print(f"{latents:,} latents, {made['bytes']:,.0f} bytes in {made['shards']:.0f} shards")
    print(f"write   {made['s']:6.1f} s, {rate / made['s']:,.0f} MB/s, peak {made['peak_bytes'] / 1e6:,.0f} MB resident")
    print(f"open    {seen['open_ms']:6.1f} ms; a random latent {seen['latent_ms']:.2f} ms (median of {READS}), "
          f"slowest {seen['slowest_ms']:.1f} ms, with the header of its shard")  # fmt: skip
    print(f"verify  {checked['s']:6.1f} s, {rate / checked['s']:,.0f} MB/s, peak {checked['peak_bytes'] / 1e6:,.0f} MB,"
          f" reading alone {limit['s']:.1f} s: {limit['s'] / checked['s']:.2f} of its rate")  # fmt: skip


if __name__ == "__main__":
    main()
