"""Students by name: what they are, what they begin with, and that all of them learns."""

import pytest
import torch
from alike import same_weights
from generators import official_lists
from states import random_states_kept
from torch.nn import functional as F

from gsdd.errors import KernelInputError, RecipeError
from gsdd.networks.categories import CATEGORIES, category_condition
from gsdd.students.named import build, students
from gsdd.students.networks import bare_network
from gsdd.students.official_keys import official_keys

# The shapes of their tensors, as the authors' own code lists them.
OFFICIAL = {
    "srresnet": "srresnet_body",
    "compact": "compact",
    "rrdbnet": "rrdbnet_body",
    "swinir": "swinir_classical",
    "sftgan": "sftgan_retrained",
}
ONE_A_NETWORK = ["small", *OFFICIAL]
ROWS_OF_THE_PAPER = {"esrgan", "sftgan", "best-buddy", "fssr", "realsr", "real-esrgan", "srresnet", "swinir"}


def small(name: str, seed: int = 0) -> torch.nn.Module:
    """Build a student in small; of RRDBNet's equal blocks one will do."""
    return build(name, seed, "small", {"num_blocks": 1} if name == "rrdbnet" else {})


def lr(height: int = 16, width: int | None = None, count: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, height, width or height, generator=torch.Generator().manual_seed(1))


def test_every_student_of_the_paper_is_there():
    assert students().keys() == ROWS_OF_THE_PAPER | {"small", "compact", "rrdbnet", "bsrgan"}


@pytest.mark.parametrize("size", ["full", "small"])
@pytest.mark.parametrize("name", ONE_A_NETWORK)
def test_the_table_says_how_many_parameters_a_student_has(name, size):
    student = students()[name]
    network = bare_network(student.architecture, student.sizes[size].options)
    assert sum(parameter.numel() for parameter in network.parameters()) == student.sizes[size].parameters


def test_names_of_one_network_give_one_network():
    for name, student in students().items():
        if student.architecture == "rrdbnet" and name != "rrdbnet":
            assert student.sizes == students()["rrdbnet"].sizes


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_student_in_full_has_the_tensors_of_its_authors(name):
    tensors = official_keys(bare_network(name, students()[name].sizes["full"].options).state_dict())
    official = official_lists.read(OFFICIAL[name]).tensors
    assert {key: list(value.shape) for key, value in tensors.items()} == {
        key: shape for key, (_, shape) in official.items()
    }


@pytest.mark.parametrize("name", ONE_A_NETWORK)
def test_every_weight_of_a_student_gets_a_gradient_from_images_that_are_not_square(name):
    network = small(name)
    image = network(lr(12, 20, count=2))
    assert (image.shape, image.dtype, network.training) == ((2, 3, 48, 80), torch.float32, True)
    image.square().sum().backward()
    without = [key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not without


@pytest.mark.parametrize("name", ONE_A_NETWORK)
def test_a_seed_gives_the_same_weights_and_another_seed_others(name):
    one, again, other = (small(name, seed) for seed in (3, 3, 4))
    assert same_weights(one, again)
    drawn = [key for key, value in one.state_dict().items() if value.ndim == 4 and "mask" not in key]
    assert drawn
    assert not any(torch.equal(one.state_dict()[key], other.state_dict()[key]) for key in drawn)


@pytest.mark.parametrize("name", ONE_A_NETWORK)
def test_building_and_training_leave_every_global_random_state_as_it_was(name):
    with random_states_kept():
        small(name)(lr()).sum().backward()


def test_the_global_generator_does_not_change_the_first_weights():
    with torch.random.fork_rng():
        torch.randn(5)
        other = small("swinir")
    assert same_weights(small("swinir"), other)


@pytest.mark.parametrize("name", ["small", "srresnet"])
def test_a_student_that_adds_to_an_interpolation_begins_close_to_it(name):
    image = F.interpolate(lr(8), scale_factor=3.0, mode="bicubic").clamp(0, 1)
    plain = F.interpolate(image, scale_factor=4, mode="bilinear")
    with torch.no_grad():
        assert 10 * torch.log10(1 / (build(name, seed=0)(image) - plain).square().mean()) > 25


def test_the_small_student_is_a_convolution_six_blocks_and_a_pixel_shuffle_on_the_bicubic_image():
    """The network written out with torch's functions; bicubic as `downscale` has it (a = -0.5)."""
    state, image = build("small", seed=0).state_dict(), lr(9)

    def convolve(features, name):
        return F.conv2d(features, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    features = convolve(image, "head")
    for block in range(6):
        inner = convolve(features, f"blocks.{block}.conv1").clamp(min=0)
        features = features + convolve(inner, f"blocks.{block}.conv2")
    # The pixel shuffle by hand: channel c * 16 + 4 * y + x is pixel (y, x) of each 4x4 patch.
    patches = convolve(features, "tail").reshape(1, 3, 4, 4, 9, 9).permute(0, 1, 4, 2, 5, 3).reshape(1, 3, 36, 36)
    bicubic = F.interpolate(image, scale_factor=4, mode="bicubic", antialias=True)
    torch.testing.assert_close(build("small", seed=0)(image), bicubic + patches)


def test_dense_blocks_begin_with_a_tenth_of_kaimings_draw():
    weight = small("rrdbnet").state_dict()["model.1.sub.0.RDB1.conv5.0.weight"]
    fan_in = weight[0].numel()
    assert weight.std() == pytest.approx(0.1 * (2 / fan_in) ** 0.5, rel=0.05)


def test_options_of_a_size_may_be_changed():
    assert len(build("srresnet", seed=0, size="small", options={"blocks": 2}).body) == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"name": "edsr"}, r"no student is named 'edsr'; wanted one of small, srresnet, compact"),
        ({"name": "small", "size": "tiny"}, r"student small has no size 'tiny'; wanted one of full, small"),
        ({"name": "small", "options": {"depth": 3}}, r"student small has no option depth; it has channels, blocks"),
    ],
)
def test_arguments_that_make_no_student_are_refused(arguments, complaint):
    with pytest.raises(RecipeError, match=complaint):
        build(**{"seed": 0} | arguments)


def test_sftgan_makes_other_images_of_other_categories():
    network = small("sftgan").eval()
    for weight in network.parameters():
        weight.data.mul_(3)
    image = lr(8)
    with torch.no_grad():
        background, sky, plant = (network(image, category_condition([name])) for name in ("background", "sky", "plant"))
        assert torch.equal(network(image), background)
    assert not torch.equal(sky, background)
    assert not torch.equal(sky, plant)


def test_one_patch_stands_for_a_whole_map_of_its_category():
    network = small("sftgan").eval()
    images, conditions = lr(8, count=2), category_condition(["water", "animal"])
    with torch.no_grad():
        whole = network(images, conditions.repeat(1, 1, 8, 8))
        torch.testing.assert_close(network(images, conditions), whole)


def test_a_class_that_is_no_outdoor_category_is_background():
    condition = category_condition(["Sky", "portrait", "animal"])
    assert condition.shape == (3, 8, 4, 4)
    assert condition.amax(dim=(2, 3)).argmax(dim=1).tolist() == [1, 0, 7]
    assert bool((condition.sum(dim=1) == 1).all())
    assert CATEGORIES[0] == "background"


@pytest.mark.parametrize("shape", [(1, 7, 4, 4), (3, 8, 4, 4), (2, 8, 8, 8), (8, 4, 4)])
def test_a_condition_of_another_shape_is_refused(shape):
    with pytest.raises(KernelInputError, match=r"condition is \[.*\]; wanted \[2 or 1, 8, 32, 32\], or 4x4"):
        small("sftgan")(lr(8, count=2), torch.zeros(shape))
