"""All that a run would do, looked at, timed on a few steps, and told; nothing is written."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from gsdd.compressor import check_target
from gsdd.cost.estimate import estimate
from gsdd.cost.trial import run_trial
from gsdd.description import manifest_of
from gsdd.distill.checkpoint import identity_of
from gsdd.distill.journal import Journal
from gsdd.fitting import aimed, default_container
from gsdd.formats.container import ContainerName
from gsdd.plan import Progress, make_plan
from gsdd.search import Note, place


def dry_run(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    container: ContainerName | None = None,
    licence: str = "unknown",
    force: bool = False,
    progress: Progress | None = None,
    note: Note | None = None,
    **options: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Tell what `gsdd.compress` with these arguments would make, and what that would cost.

    Args:
        source: as for `gsdd.compress`, and so are the rest.
        output: the file that would be written.
        container: `safetensors`, `hdf5` or `deflated`; None as there.
        licence: of the photos.
        force: whether the output may exist.
        progress: called while photos are looked at.
        note: called with lines that the user should read.
        **options: those of `gsdd.plan.make_plan`.

    Returns:
        What would be made, `flops`, `seconds`, `memory_bytes` and `bytes` of the file, and under `checkpoint` where the
        run would go on, None for the beginning; as JSON has them.

    Raises:
        GsddError: as `gsdd.compress` before its search.
    """
    target = Path(output)
    check_target(target, Path(source), force=force)
    work = make_plan(source, progress=progress, **options)
    if note:
        for line in work.decisions:
            note(line)
    container = container or default_container(work)
    work = aimed(work, manifest_of(work, licence), container, target.parent, note)
    manifest = manifest_of(work, licence)
    found = Journal(target, identity_of(manifest), seconds=math.inf, force=force).read(note)
    cost = estimate(work, run_trial(work), manifest, container)
    if work.budget:
        cost = replace(cost, file_bytes=work.budget.likely)
    return {
        **work.to_dict(),
        **cost.to_dict(),
        "checkpoint": place(found, work.recipe) if found else None,
        "path": str(target),
    }
