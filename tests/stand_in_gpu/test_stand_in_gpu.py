"""Every job end to end on a GPU that stands in: it launches nothing, but torch and Triton take it for one.

Values are zeros or garbage there. What is seen: that every tensor is where it should be, since torch refuses to mix
devices; that work is launched on the GPU that `auto` chose; and what is said where a GPU is missing or too small.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stand_in_gpu.build import HERE, build, environment

from gsdd.cli.main import exit_code
from gsdd.formats.codecs import CODECS
from gsdd.students.named import students

GENERATOR = "realesr-animevideov3"
FEW = "--hr-size 64 --inversion-steps 2 --iterations 2 --set crops.real=4 --set matching.real_batch=4"


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("stand-in"))


@pytest.fixture(scope="session")
def run(libraries, tmp_path_factory):
    """Run jobs in one process; (what each ended with, all that was said on stderr)."""
    folder = tmp_path_factory.mktemp("jobs")

    def go(*jobs: str, **more: str) -> tuple[list[dict[str, int]], str]:
        # Memory that no tensor had before is 0, so that no value is NaN. Where memory is short the allocator counts.
        clean = {} if "STAND_IN_BYTES" in more else {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
        done = subprocess.run(
            [sys.executable, HERE / "jobs.py", *jobs],
            env=environment(libraries, **clean, **more), cwd=folder, capture_output=True, text=True,
        )  # fmt: skip
        ended = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("ended ")]
        assert len(ended) == len(jobs), done.stderr[-4000:]
        return ended, done.stderr

    return go


@pytest.fixture(scope="session")
def standard(run, source, tmp_path_factory) -> tuple[Path, dict[str, int], str]:
    """A file that the preset standard made on the GPU, what that launched, and what was said."""
    file = tmp_path_factory.mktemp("standard") / "standard.gsdd"
    (ended,), said = run(f"compress {source} -o {file} --ipc 1 --generator {GENERATOR} {FEW}")
    return file, ended, said


def test_auto_takes_the_gpu_and_says_so_in_one_line(standard):
    file, ended, said = standard
    assert ended["code"] == 0 and file.exists(), said
    assert "computing on cuda: Stand-in GPU\n" in said
    assert ended["triton"] > 0 and ended["kernels"] > ended["triton"]


def test_the_search_asks_for_deterministic_algorithms_and_finds_one_for_all_that_it_does(standard):
    document = subprocess.run(
        [sys.executable, "-m", "gsdd", "info", "--json", standard[0]], capture_output=True, text=True, check=True
    ).stdout
    assert "not_deterministic" not in document


@pytest.mark.parametrize(
    "how",
    [
        "--preset paper --ipc 1",
        "--target 30KB",
        "--preset quick --ipc 1 --dry-run",
        "--ipc 1 --set features.family=student --set features.student_steps=2 --set features.checkpoints=2",
    ],
)
def test_other_searches_run_there(run, source, tmp_path, how):
    (ended,), said = run(f"compress {source} -o {tmp_path}/o.gsdd --generator {GENERATOR} {FEW} {how}")
    assert ended["code"] == 0 and ended["triton"] > 0, said


def test_what_reads_a_file_runs_there(run, standard, source, tmp_path):
    file = standard[0]
    jobs = {
        f"expand {file} -o {tmp_path}/expanded": 0,
        f"verify {file} --decode": 0,  # always black
        f"info {file} --contact-sheet {tmp_path}/sheet.png --source {source}": 0,
        f"load {file} spawn": 0,
        f"load {file} fork": 0,
    }
    ended, said = run(*jobs)
    assert [each["code"] for each in ended] == list(jobs.values()), said
    assert all(each["kernels"] for each in ended)


def test_every_student_trains_there(run, standard, source, tmp_path):
    steps = "--size small --iterations 1 --batch 2 --crop 32"
    jobs = [f"train {standard[0]} --student {name} {steps} -o {tmp_path}/{name}.safetensors" for name in students()]
    jobs.append(f"{jobs[0]} --force --set gan_iterations=1 --validation {source}")
    ended, said = run(*jobs)
    assert [each["code"] for each in ended] == [0] * len(jobs), said
    assert all(each["kernels"] for each in ended)


def test_models_are_evaluated_there(run, small_file, source, tmp_path):
    """Trained on the CPU: weights that the stand-in makes may be no numbers."""
    steps = "--size small --iterations 1 --batch 2 --crop 32 --device cpu"
    for name in ("small", "sftgan"):
        job = f"train {small_file} --student {name} {steps} -o {tmp_path}/{name}.safetensors"
        assert exit_code(job.split()) == 0
    jobs = [f"evaluate {model} {source}" for model in (GENERATOR, *tmp_path.glob("*.safetensors"))]
    ended, said = run(*jobs)
    assert [each["code"] for each in ended] == [0, 0, 0], said
    assert all(each["kernels"] for each in ended)


def test_coresets_are_chosen_there(run, source, tmp_path):
    methods = ("herding", "gradient", "loss")
    jobs = [f"coreset {source} -o {tmp_path}/{name} --ipc 1 --hr-size 64 --method {name}" for name in methods]
    ended, said = run(*jobs)
    assert all(each["code"] == 0 and each["kernels"] > 0 for each in ended), said


@pytest.mark.parametrize("preset", ["standard", "paper", "student"])
def test_a_step_of_the_search_waits_for_nothing_and_launches_little(libraries, preset):
    """benchmarks/host_cost.py on few latents: counts do not go with their number, up to a chunk."""
    script = HERE.parents[1] / "benchmarks" / "host_cost.py"
    words = [sys.executable, script, "--repeats", "2", "--in-stand-in", GENERATOR, preset, "4", "True"]
    done = subprocess.run(words, env=environment(libraries), capture_output=True, text=True, check=True)
    found = {row.pop("step"): row for row in map(json.loads, re.findall(r"^found (.*)$", done.stdout, re.MULTILINE))}
    assert found["inversion"]["kernels"] <= 20
    assert found["matching"]["kernels"] <= {"standard": 130, "paper": 900, "student": 1030}[preset]
    for step in found.values():
        assert step["waits"] == step["pageable"] == 0


@pytest.fixture(scope="session")
def counts(libraries) -> dict[str, dict[str, int]]:
    """What counts.py counts, by its work."""
    words = [sys.executable, HERE / "counts.py"]
    done = subprocess.run(words, env=environment(libraries), capture_output=True, text=True, check=True)
    rows = map(json.loads, re.findall(r"^found (.*)$", done.stdout, re.MULTILINE))
    return {row.pop("work"): row for row in rows}


KERNELS = {"dct": 90, "dct of a target": 620, **dict.fromkeys(map("stored as {}".format, CODECS), 60)}


@pytest.mark.parametrize("work", KERNELS)
def test_a_codec_in_the_loop_waits_for_nothing(counts, work):
    found = counts[work]
    assert found["waits"] == found["pageable"] == found["copies_out"] == 0
    assert found["kernels"] <= KERNELS[work]


def test_codecs_and_choices_sum_in_one_order(counts):
    assert counts["all of it"]["not_deterministic"] == []


@pytest.mark.parametrize("method", ["herding", "gradient"])
def test_the_choice_of_crops_waits_once_whatever_their_count(counts, method):
    few, many = (counts[f"{method} {count}"] for count in (2, 20))
    assert few["waits"] == many["waits"] == 1
    assert few["copies_out"] == many["copies_out"] == 1
    assert many["kernels"] > few["kernels"]


class TestWhatIsSaid:
    def test_of_a_gpu_that_is_not_there(self, run, small_file, tmp_path):
        (ended,), said = run(f"expand {small_file} -o {tmp_path}/e --device cuda:3", STAND_IN_GPUS="2")
        assert ended["code"] == 2
        assert said == (
            "gsdd: --device: got cuda:3, but torch sees 2 GPUs, counted from cuda:0; take --device cpu, or auto\n"
        )

    def test_of_a_search_that_does_not_fit(self, run, source, tmp_path):
        """For a tensor of over 1 MB torch asks the driver for 20 MB."""
        job = f"compress {source} -o {tmp_path}/o.gsdd --ipc 1 --generator {GENERATOR} {FEW} --hr-size 128"
        (ended,), said = run(job, STAND_IN_BYTES=str(16 << 20))
        assert ended["code"] == 1
        assert said.splitlines()[-1] == (
            "gsdd: a search of 128x128 images needs more memory than cuda:0 has: lower --set chunk or "
            "--hr-size, or take a smaller --generator"
        )

    def test_of_a_training_that_does_not_fit(self, run, small_file, tmp_path):
        (ended,), said = run(
            f"train {small_file} --student srresnet --batch 512 --crop 64 -o {tmp_path}/s.safetensors --device cuda",
            STAND_IN_BYTES=str(256 << 20),
        )
        assert ended["code"] == 1
        assert said.splitlines()[-1] == "gsdd: a training step needs more memory than cuda has: lower --batch or --crop"


def picked_by_the_second_of_two(libraries: Path, gpus: int) -> subprocess.CompletedProcess[str]:
    """What the second of two processes of torchrun makes of three names, on a machine with so many GPUs."""
    told = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "STAND_IN_GPUS": str(gpus)}
    script = "import stand_in, os, sys; from gsdd.parallel.device import pick_device as pick; "
    script += "print(*map(pick, ('auto', 'cuda', 'cpu'))); sys.stdout.flush(); os._exit(0)"
    words, where = [sys.executable, "-c", script], environment(libraries, **told)
    return subprocess.run(words, env=where, capture_output=True, text=True, check=False)


def test_each_process_of_torchrun_takes_a_gpu_of_its_own(libraries):
    done = picked_by_the_second_of_two(libraries, 2)
    assert done.stdout == "cuda:1 cuda:1 cpu\n", done.stderr


def test_fewer_gpus_than_processes_are_refused(libraries):
    told = picked_by_the_second_of_two(libraries, 1).stderr.splitlines()[-1]
    assert "torchrun started a process for GPU 1, but torch sees 1 GPU on this machine; start as many" in told
