"""What of our set-up is not the paper's, in words."""

from collections.abc import Iterator

from gsdd.generators.named import NAMED
from gsdd.metrics.registry import find_metrics
from gsdd.study import paper
from gsdd.study.plan import Results, StudyPlan


def differences(plan: StudyPlan) -> Iterator[str]:
    """Tell line by line what a reader of both tables has to know.

    Args:
        plan: of the experiment.

    Yields:
        A line each.
    """
    recipe = plan.settings.distillation_recipe()
    training = plan.settings.training_recipe(plan.settings.students[0], 0)
    catalog = plan.train.catalog
    yield (
        f"Photos: {catalog.images} in {plan.classes} classes, tested on {plan.test.catalog.images}"
        f"{' that were held out of the training photos (`tune`)' if plan.tuned else ''}; the paper: "
        f"{paper.SETUP['photos']}."
    )
    yield (
        f"Distillation: {recipe.inversion.steps} steps of inversion, {recipe.matching.iterations} of matching, "
        f"features {recipe.features.family}, lambda {recipe.matching.lam:g}; the paper: "
        f"{paper.SETUP['iterations of distillation']} of matching, {paper.SETUP['features']}, lambda "
        f"{paper.SETUP['lambda']}."
    )
    yield (
        f"Students: {training.iterations} iterations with L1"
        f"{f' and {training.gan_iterations} with L1 + perceptual + GAN' if training.gan_iterations else ' alone'}, "
        f"batch {training.batch}, HR crops of {training.crop} px; the paper: {paper.SETUP['students']}."
    )
    yield from _generators(plan)
    yield (
        f"HR crops of {plan.settings.hr_size} px; full data are "
        f"{'whole photos' if plan.settings.full == 'photos' else 'all tiles of that size that do not overlap'}. The "
        "paper does not say which crops it takes, nor on which channel its SSIM is, nor how much of a border is left "
        "out; ours say it."
    )


def _generators(plan: StudyPlan) -> Iterator[str]:
    for name, weights in plan.settings.generators.items():
        student = plan.settings.own_students.get(name, plan.settings.students[0])
        about = f"{NAMED[weights].architecture}, {NAMED[weights].origin}" if weights in NAMED else "weights of the user"
        yield f"Generator {name}: {weights} ({about}); its own student: {student}."


def conventions(results: Results, metrics: tuple[str, ...]) -> Iterator[str]:
    """Tell the convention of each metric, and why one is missing."""
    for metric in find_metrics(metrics):
        yield f"{metric.name}: {metric.better} is better, {metric.convention}; the mean over photos."
    missing = {(name, why) for each in results.by_stem.values() for name, why in each.get("missing", {}).items()}
    yield from _left_out(results)
    for name, why in sorted(missing):
        yield f"{name} is missing: {why}. Once it is here, remove cells/scores-* and cells/blind-* to score again."
    if "lpips" not in metrics and "st-lpips" in metrics:
        yield "st-lpips is shift-tolerant LPIPS, another metric than the paper's LPIPS: the numbers do not compare."


def _left_out(results: Results) -> Iterator[str]:
    """Tell where a mean is not over all photos: some are too small, or too flat, for a metric."""
    counts = {
        (name, count, each["photos"])
        for each in results.by_stem.values()
        for name, count in each.get("counted", {}).items()
        if 0 < count < each["photos"]
    }
    for name, count, photos in sorted(counts):
        yield f"{name} is over {count} of {photos} photos in some cells: the others are too small or too flat for it."
