"""The stages of device.py, each in a process of its own: device_stages.py STAGE LINES [--dry-run] [--photos DIR].

A stage yields cases; what a case measures is appended to LINES as it ends, as a line of JSON. Sizes are the product's:
128x128 images, 32x32 latents. A dry run has the same cases, tiny, on the CPU.
"""

import argparse
import inspect
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

Found = dict[str, Any]
Case = tuple[str, Callable[[], Found]]
COMPACT, DEFAULT = "realesr-animevideov3", "realesrgan-x4plus"
CHUNKS = (6, 16, 32, 64, 128, 256)
STUDENT_STEPS, BATCH = 20_000, 32
# -P: the tree has a folder gsdd that is not the whole package, and Python may be started there.
GSDD = (sys.executable, "-P", "-m", "gsdd")


def interpret_with_any_numpy() -> None:
    """Let Triton 3.6 interpret with NumPy 2.4 and later, for which an array of one element is no number."""
    from triton.runtime import interpreter

    patched = interpreter._patch_lang_tensor

    def patch(tensor: Any, scope: Any) -> None:  # noqa: ANN401
        patched(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    if len(inspect.signature(patched).parameters) == 2:  # Triton 3.4 has NumPy's own conversions, and no scope
        interpreter._patch_lang_tensor = patch


class Machine:
    """Where a stage runs, and how large it is."""

    def __init__(self, dry: bool, photos: Path | None) -> None:
        self.dry, self._photos = dry, photos
        self.device = torch.device("cpu" if dry else "cuda")
        self.backend = "triton"
        if dry:
            interpret_with_any_numpy()

    def milliseconds(self, work: Callable[[], object], least: int = 3) -> float:
        """Time work that is warm: on a GPU what the device takes, launches behind each other; median."""
        work()
        if self.device.type == "cpu":
            began = time.perf_counter()
            work()
            return 1e3 * (time.perf_counter() - began)
        from triton.testing import do_bench

        work()
        torch.cuda.synchronize()
        return float(do_bench(work, warmup=10, rep=max(30, 10 * least), return_mode="median"))

    def host_milliseconds(self, work: Callable[[], object], repeats: int = 5) -> float:
        """Time until work is launched, the device being idle before."""
        times = []
        for _ in range(1 if self.dry else repeats):
            self.wait()
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        self.wait()
        return 1e3 * median(times)

    def wait(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def photos(self, folder: Path) -> Path:
        """Return class folders of photos: those given, or those of installed packages."""
        from gsdd.data.sample_photos import package_photos

        return self._photos or package_photos(folder / "photos")


def machine(where: Machine) -> Iterator[Case]:
    """Name what it runs on."""
    import triton

    gpu = "no GPU, dry run" if where.dry else torch.cuda.get_device_name()
    yield "", lambda: {"device": gpu, "torch": torch.__version__, "triton": triton.__version__}


def kernels(where: Machine) -> Iterator[Case]:
    """Compare each kernel with its reference on the device, at small sizes that nothing divides."""
    from gpu_cases import COMPARED, DRY, cases
    from kernel_rows import agreement

    for case in cases(DRY if where.dry else COMPARED):
        yield f"{case.op}, {case.name}", partial(agreement, case)


def timings(where: Machine) -> Iterator[Case]:
    """Time each kernel against eager and compiled composition, at the product's sizes, and a copy."""
    from gpu_cases import DRY, PRODUCT, cases
    from kernel_rows import copied, times

    yield "copy of 1 GiB", partial(copied, where.milliseconds, where.device, 2**10 if where.dry else 2**30)
    for case in cases(DRY if where.dry else PRODUCT):
        yield f"{case.op}, {case.name}", partial(times, case, where.milliseconds, compiled=not where.dry)


def generator(where: Machine) -> Iterator[Case]:
    """Time G there and back by chunk and form, as a share of the rate of a plain convolution."""
    from gsdd.generators.load import load_generator
    from gsdd.parallel.graphs import graphed

    for name in (COMPACT,) if where.dry else (DEFAULT, COMPACT):
        network = load_generator(name, device=str(where.device))
        side, chunks = (8, CHUNKS[:1]) if where.dry else (32, CHUNKS)
        for bf16 in (True, False):
            frozen = network.frozen_bf16 if bf16 else network.frozen
            for chunk in chunks:
                forms = {"eager": frozen.network, "frozen": frozen}
                z = torch.rand(chunk, 3, side, side, device=where.device)

                def measure(forms: dict[str, Any] = forms, z: torch.Tensor = z, bf16: bool = bf16) -> Found:
                    eager = forms["eager"]
                    forms = forms | {"graph": graphed(eager, z.clone().requires_grad_(True))}
                    if not where.dry:
                        forms |= {"compiled": torch.compile(eager)}
                    found: Found = {f"{form}, ms": _there_and_back(where, each, z) for form, each in forms.items()}
                    return found | _rates(where, eager, z, bf16, min(found.values()))

                yield f"{name}, {'bf16' if bf16 else 'fp32'}, chunk {chunk}", measure


def _there_and_back(where: Machine, network: Callable[..., torch.Tensor], z: torch.Tensor) -> float:
    def once() -> object:
        latents = z.detach().requires_grad_(True)
        images = network(latents)
        return torch.autograd.grad(images, latents, images.detach())

    return where.milliseconds(once)


def _rates(where: Machine, eager: Callable[..., torch.Tensor], z: torch.Tensor, bf16: bool, best: float) -> Found:
    """FLOP/s of the best form, and of a plain convolution of 64 channels."""
    from generator_rate import count_flops

    def there_and_back() -> None:
        eager(z[:1].detach().requires_grad_(True)).sum().backward()

    dtype = torch.bfloat16 if bf16 else torch.float32
    x = torch.rand(len(z), 64, 8 if where.dry else 128, 128, device=where.device, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.rand(64, 64, 3, 3, device=where.device, dtype=dtype).contiguous(memory_format=torch.channels_last)

    def plain() -> torch.Tensor:
        return torch.nn.functional.conv2d(x, weight, padding=1)

    rate = len(z) * count_flops(there_and_back) / best / 1e9
    of_plain = count_flops(plain) / where.milliseconds(plain) / 1e9
    return {"best, TFLOP/s": rate, "a convolution, TFLOP/s": of_plain, "share": rate / of_plain}


def steps(where: Machine) -> Iterator[Case]:
    """Time the host and the device in an inversion and a matching step."""
    from host_cost import steps as search_steps

    cases = ((COMPACT, "quick", 1),) if where.dry else ((DEFAULT, "standard", 100), (COMPACT, "standard", 100))
    cases += () if where.dry else ((DEFAULT, "paper", 100),)
    for name, preset, ipc in cases:
        for step, work in search_steps(name, preset, ipc, graphs=True, device=str(where.device)):

            def measure(work: Callable[[], object] = work) -> Found:
                for _ in range(1 if where.dry else 30):
                    work()
                where.wait()
                began, repeats = time.perf_counter(), 1 if where.dry else 10
                for _ in range(repeats):
                    work()
                where.wait()
                whole = 1e3 * (time.perf_counter() - began) / repeats
                return {"host, ms": where.host_milliseconds(work), "whole, ms": whole}

            yield f"{name}, {preset}, IPC {ipc}: {step}", measure


def compress(where: Machine) -> Iterator[Case]:
    """Compress photos as a user does, beside steps of the plain loop on the same device."""
    with tempfile.TemporaryDirectory() as folder:
        photos = where.photos(Path(folder))
        options = ("--preset", "quick", "--hr-size", "64", "--inversion-steps", "1", "--iterations", "1")
        words = [*options, "--generator", COMPACT, "--ipc", "1"] if where.dry else ["--ipc", "100"]
        yield "gsdd compress", lambda: _command("compress", photos, "-o", f"{folder}/o.gsdd", *words)
        yield "a step of the plain loop", partial(_plain_step, where, photos)


def _command(*words: object) -> Found:
    began = time.perf_counter()
    command = [*GSDD, *map(str, words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    run = json.loads(done.stdout).get("run", {})
    told = {key: run[key] for key in ("device", "inversion_steps", "iterations", "peak_memory_bytes") if key in run}
    return {"seconds": time.perf_counter() - began, **told}


def _plain_step(where: Machine, photos: Path) -> Found:
    from plain_loop import plain_loop
    from real_job import real_job

    from gsdd.data.degradation import downscale, to_float
    from gsdd.recipe import Recipe

    sizes = {"generator": COMPACT, "crops.hr_size": 64, "crops.ipc": 1} if where.dry else {"crops.ipc": 100}
    run, _, source, spaces = real_job(photos, Recipe.preset("standard").changed(sizes), str(where.device))
    start = downscale(to_float(source.starts), run.generator.scale).to(where.device)
    made = plain_loop(source, start, run.generator, spaces, run.recipe)
    return {"seconds": [next(made).seconds for _ in range(2)][-1]}


def decode(where: Machine) -> Iterator[Case]:
    """Compare signatures that a CPU made, and serve pairs."""
    with tempfile.TemporaryDirectory() as folder:
        photos, file = where.photos(Path(folder)), Path(folder) / "c.gsdd"
        few = ("--hr-size", "64", "--ipc", "1") if where.dry else ("--ipc", "20")
        searched = ("--preset", "quick", "--inversion-steps", "0", "--iterations", "0", "--generator", COMPACT)
        yield "made on the CPU", lambda: _command("compress", photos, "-o", file, *few, *searched, "--device", "cpu")
        yield "gsdd verify --decode", lambda: _command("verify", file, "--decode", "--device", where.device)
        yield "pairs", lambda: _pairs_a_second(where, file)


def _pairs_a_second(where: Machine, file: Path) -> Found:
    import gsdd

    began = time.perf_counter()
    pairs = gsdd.DistilledPairs(file, device=str(where.device))
    first = pairs[0]
    loaded = time.perf_counter()
    count = min(len(pairs), 2000)
    for number in range(count):
        pairs[number]
    return {
        "seconds to the first pair": loaded - began,
        "pairs a second": count / (time.perf_counter() - loaded),
        "HR side": first["gt"].shape[-1],
    }


def students(where: Machine) -> Iterator[Case]:
    """Train two students on all crops, on random and herded ones, on inverted and distilled latents; all at once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = where.photos(folder)
        size = ("--hr-size", "64") if where.dry else ()
        ipc = "1" if where.dry else "20"
        for method in ("random", "herding"):
            _command("coreset", photos, "-o", folder / method, "--ipc", ipc, "--method", method, *size)
        few = ("--inversion-steps", "1", "--iterations", "1") if where.dry else ()
        searched = ("--preset", "quick", "--generator", COMPACT, "--ipc", ipc, *size, *few)
        _command("compress", photos, "-o", folder / "distilled.gsdd", *searched)
        _command("compress", photos, "-o", folder / "inverted.gsdd", *searched, "--iterations", "0")
        data = {"all": photos, "random": folder / "random", "herded": folder / "herding"}
        data |= {each: folder / f"{each}.gsdd" for each in ("inverted", "distilled")}
        steps = ("--iterations", "1", "--batch", "2", "--crop", "32") if where.dry else (
            "--iterations", str(STUDENT_STEPS), "--batch", str(BATCH)
        )  # fmt: skip
        running = []
        for student in ("compact",) if where.dry else ("compact", "srresnet"):
            for kind, place in data.items():
                model = folder / f"{student}-{kind}.safetensors"
                words = ["train", place, "--student", student, *steps, "-o", model, "--validation", photos, "--json"]
                command = [*GSDD, *map(str, words)]
                began = time.perf_counter()
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                running.append((f"{student}, {kind}", partial(_ended, process, began)))
        yield from running


def _ended(process: "subprocess.Popen[str]", began: float) -> Found:
    out, error = process.communicate()
    if process.returncode:
        raise RuntimeError(error.strip().splitlines()[-1])
    told = json.loads(out)
    seconds = time.perf_counter() - began
    return {"seconds, all at once": seconds, "steps": told["steps"], "PSNR-Y, dB": told["psnr_y"]}


STAGES: dict[str, Callable[[Machine], Iterator[Case]]] = {
    each.__name__: each for each in (machine, kernels, timings, generator, steps, compress, decode, students)
}


def main() -> None:
    """Run a stage; a case that fails is written, and the next one runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--photos", type=Path)
    told = parser.parse_args()
    if not told.dry_run and not torch.cuda.is_available():
        sys.exit("device.py: torch sees no CUDA GPU here; run it where one is, or check the stages with --dry-run")
    for case, measure in STAGES[told.stage](Machine(told.dry_run, told.photos)):
        try:
            found = measure()
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        with told.lines.open("a") as file:
            file.write(json.dumps({"stage": told.stage, "case": case, **found}) + "\n")


if __name__ == "__main__":
    main()
