"""How many ops of torch a step asks for: each is a launch, so that loops over images, crops or classes would show."""

import pytest
import torch
from recipes import changed
from small_job import RECIPE, crops, generator, job, not_inverted, spaces
from torch.utils._python_dispatch import TorchDispatchMode

from gsdd.distill.bank import DistillationSource
from gsdd.distill.criterion import Criterion
from gsdd.distill.inversion import _begin, starting_latents
from gsdd.distill.matching import _Loop
from gsdd.parallel.chunks import CHUNK


class Launches(TorchDispatchMode):
    """Counts what would run on a device; views and looks at a tensor run nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        is_view = isinstance(result, torch.Tensor) and any(
            isinstance(each, torch.Tensor) and each.untyped_storage().data_ptr() == result.untyped_storage().data_ptr()
            for each in args
        )
        self.count += not is_view and not func.name().startswith(("aten::empty", "aten::new_empty"))
        return result


def launches(step) -> int:
    """Count those of a step that is like the one before."""
    step()
    with Launches() as seen:
        step()
    return seen.count


def of_inversion(photos, latents: int, codec: str = "uint8") -> int:
    """The last of its steps, which sees latents as they will be stored."""
    recipe = changed(RECIPE, inversion_steps=1, codec=codec)
    run = job(recipe)
    wanted = Criterion(spaces(photos, recipe).fixed_psi(), run)
    search = _begin(crops(photos)[:latents], wanted, run, None, None, 0)
    return launches(lambda: search.step(False, 1))


def of_matching(photos, classes: int, latents: int, features: str) -> int:
    """A step on one draw, all of its bank met, that moves `latents` of each class; as many rest."""
    few = {"student_steps": 1, "checkpoints": 1}
    recipe = changed(RECIPE, features=features, latent_batch=latents, bank=1, iterations=1000, **few)
    images, count = crops(photos), 2 * latents
    source = DistillationSource(
        tuple(map(str, range(classes))), (count,) * classes, images[:1].expand(classes * count, -1, -1, -1),
        (images,) * classes,
    )  # fmt: skip
    run = job(recipe)
    start = starting_latents(source.starts, generator().scale, recipe)
    loop = _Loop(source, not_inverted(start), spaces(photos, recipe), run, None, None)
    loop.begin()
    loop.step()
    return launches(loop.step)


@pytest.mark.parametrize("codec", ["uint8", "dct"])
def test_an_inversion_step_asks_for_as_many_whatever_the_chunk_holds(photos, codec):
    few, all_of_them = of_inversion(photos, 1, codec), of_inversion(photos, CHUNK, codec)
    assert few == all_of_them <= INVERSION[codec]


@pytest.mark.parametrize("features", ["local-fourier", "resnet18", "student"])
def test_a_matching_step_asks_for_as_many_whatever_a_chunk_holds(photos, features):
    one, three = (of_matching(photos, 1, latents, features) for latents in (1, 3))
    assert one == three <= MATCHING[features]


@pytest.mark.parametrize("features", ["local-fourier", "resnet18", "student"])
def test_classes_cost_a_matching_step_chunks_and_no_more(photos, features):
    """Two chunks instead of one, whatever the classes are: so much a chunk."""
    one, six = (of_matching(photos, classes, 2, features) for classes in (1, 6))
    assert six - one <= A_CHUNK[features]


INVERSION = {"uint8": 250, "dct": 320}
MATCHING = {"local-fourier": 310, "resnet18": 380, "student": 1240}
A_CHUNK = {"local-fourier": 260, "resnet18": 320, "student": 1180}
