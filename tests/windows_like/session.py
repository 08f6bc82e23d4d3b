"""What a user does, in one process and the workers that it spawns: `session.py FILE PHOTOS FOLDER`."""

import contextlib
import importlib
import io
import os
import sys
from pathlib import Path

import gsdd
from gsdd.cli.main import exit_code
from gsdd.errors import Interrupted
from gsdd.formats.atomic import HOLDS_OPEN_FILES
from gsdd.monitor import Monitor
from gsdd.recipe import Recipe
from gsdd.run.execution import Execution
from gsdd.study.claims import claimed

SMALL = {
    "generator": "realesr-animevideov3", "crops.hr_size": 32, "crops.method": "random", "crops.ipc": 2,
    "crops.real": 4, "inversion.steps": 2, "matching.iterations": 4, "matching.real_batch": 2, "features.filters": 16,
}  # fmt: skip


class StopsOnce(Monitor):
    """Interrupts a run in its matching."""

    def __init__(self):
        self.matching = False

    def progress(self, stage, done, total, loss=None, images=0.0):
        self.matching = stage == "matching" and done == 2

    def should_stop(self):
        return self.matching


def import_everything(root):
    tops = [("gsdd", root / "gsdd"), *((f"gsdd.{top}", root / top) for top in ("cli", "formats", "kernels"))]
    for top, folder in tops:
        for file in sorted(folder.rglob("*.py")):
            parts = [part for part in file.relative_to(folder).with_suffix("").parts if part != "__init__"]
            # Kernels are imported where there is triton, and no __main__ is imported.
            if not file.name.startswith(("triton", "__main__")):
                importlib.import_module(".".join([top, *parts]))


def run(*words):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = exit_code([str(word) for word in words])
    assert code == 0, words
    assert said.getvalue()


def leave_what_killed_processes_leave(folder):
    (folder / ".a.gsdd.gsdd-0123456789abcdef.part").write_bytes(b"half")
    (folder / ".coreset.gsdd-0123456789abcdef.unfinished").mkdir()
    (folder / ".coreset.gsdd-0123456789abcdef.unfinished" / "lock").write_bytes(b"")


def claim(place):
    with claimed(place) as ours, claimed(place) as twice:
        assert (ours, twice) == (True, False)


def load(file, cache):
    from torch.utils.data import DataLoader

    pairs = gsdd.DistilledPairs(file, gt_size=32, repeat=2, device="cpu", cache=cache)
    options = {"batch_size": 4, "num_workers": 2, "multiprocessing_context": "spawn", "collate_fn": pairs.collate}
    assert sum(len(batch["lq"]) for batch in DataLoader(pairs, **options)) == len(pairs)
    return pairs


def interrupt_and_continue(photos, output):
    recipe = Recipe.preset("quick").changed(SMALL)
    often = Execution(checkpoint_seconds=0)
    with contextlib.suppress(Interrupted):
        gsdd.compress(photos, output, recipe=recipe, device="cpu", monitor=StopsOnce(), execution=often)
    assert not output.exists()
    gsdd.compress(photos, output, recipe=recipe, device="cpu", execution=often)


def main(file, photos, folder):
    assert HOLDS_OPEN_FILES
    assert not hasattr(os, "fork")
    import_everything(Path(gsdd.__file__).parents[1])
    leave_what_killed_processes_leave(folder)
    claim(folder / "claim")
    run("info", file)
    run("verify", file, "--decode", "--device", "cpu")
    run("expand", file, "-o", folder / "pairs", "--device", "cpu", "-q")
    run("convert", file, folder / "a.h5")
    run("convert", folder / "a.h5", folder / "a.gsdd")
    run("convert", folder / "a.h5", folder / "a.gsdd", "--force")
    run("coreset", photos, "-o", folder / "coreset", "--ipc", 1, "--method", "random", "--hr-size", 32)
    load(file, None)
    load(file, folder / "cache")
    interrupt_and_continue(photos, folder / "made.gsdd")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
    sys.stdout.write("done")
