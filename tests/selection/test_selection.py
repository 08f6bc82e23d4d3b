"""Each method on real crops against a slow second implementation, and where they must agree."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from states import random_states_kept

from gsdd.data.catalog import scan
from gsdd.data.crops import read_tiles
from gsdd.data.degradation import low_resolution
from gsdd.errors import RecipeError
from gsdd.features.extractor import FeatureSpec, feature_drawer
from gsdd.randomness import hashed
from gsdd.selection.measures import bicubic_errors, head_gradients
from gsdd.selection.method import METHODS
from gsdd.selection.selector import LEAVE_OUT, Selector

SIZE, COUNT = 64, 9


@pytest.fixture(scope="module")
def crops(photos) -> torch.Tensor:
    """Real crops of one class, uint8 `[37, 3, 64, 64]`: no multiple of a chunk."""
    return torch.from_numpy(read_tiles(scan(photos, min_size=SIZE), SIZE, limit=37)[0])


@pytest.fixture(scope="module")
def psi(crops):
    return feature_drawer(FeatureSpec(filters=64), crops)(3, "theta of a test", 0)


@pytest.fixture(scope="module")
def features(crops, psi) -> np.ndarray:
    """Features of one crop after the other, as the test computes them."""
    return np.stack([psi(crop[None])[0].double().numpy() for crop in crops])


def chosen(crops, psi, method, count=COUNT, seed=0, leave_out=LEAVE_OUT) -> list[int]:
    selector = Selector(method, seed, leave_out)
    return selector.choose(torch.cat([*selector.measured(crops, psi)]), count, "animal")


def greedy(of: int, cost: Callable[[list[int]], float]) -> list[int]:
    """Add the number that costs least, time and again, each found by trying all."""
    taken: list[int] = []
    for _ in range(COUNT):
        others = [number for number in range(of) if number not in taken]
        taken.append(min(others, key=lambda number: cost([*taken, number])))
    return taken


@pytest.fixture(scope="module")
def distance(features) -> Callable[[list[int]], float]:
    """How far the mean feature of some crops is from that of all."""
    return lambda numbers: float(np.linalg.norm(features[numbers].mean(axis=0) - features.mean(axis=0)))


def test_herding_is_the_greedy_choice_of_an_exhaustive_search(crops, psi, distance):
    assert chosen(crops, psi, "herding") == greedy(len(crops), distance)


def test_herding_matches_the_mean_better_than_random_crops_do(crops, psi, distance):
    by_chance = [distance(chosen(crops, psi, "random", seed=seed)) for seed in range(20)]
    assert distance(chosen(crops, psi, "herding")) < np.quantile(by_chance, 0.25)


def test_kmeans_takes_the_crop_nearest_to_each_centre(crops, psi, features):
    from sklearn.cluster import KMeans

    seed = hashed(0, "k-means of animal") >> 32
    centres = KMeans(COUNT, n_init=10, random_state=seed).fit(features).cluster_centers_
    nearest = [min(range(len(crops)), key=lambda k, c=c: np.linalg.norm(features[k] - c)) for c in centres]
    assert len(set(nearest)) == COUNT
    assert sorted(chosen(crops, psi, "kmeans")) == sorted(nearest)


def test_kmeans_finds_clusters_that_lie_apart():
    draws = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    clusters = [centre + draws.normal(size=(11, 2)) for centre in centres]
    rows = np.concatenate(clusters)
    wanted = {
        11 * k + int(np.linalg.norm(cluster - cluster.mean(axis=0), axis=1).argmin())
        for k, cluster in enumerate(clusters)
    }
    assert set(Selector("kmeans").choose(torch.from_numpy(rows), 3)) == wanted


def student_gradient(crop: torch.Tensor) -> np.ndarray:
    """Let autograd differentiate the first step of the student that `head_gradients` describes."""
    hr, lr = crop[None] / 255, low_resolution(crop[None], 4) / 255
    head = torch.nn.Conv2d(3, 48, 5, padding=2, bias=False)
    torch.nn.init.zeros_(head.weight)
    base = torch.nn.functional.interpolate(lr, scale_factor=4, mode="bicubic", antialias=True)
    image = base + torch.nn.functional.pixel_shuffle(head(lr), 4)
    rounded = (image.clamp(0, 1) * 255).round() / 255
    torch.nn.functional.l1_loss(image + (rounded - image).detach(), hr).backward()
    return head.weight.grad.flatten().double().numpy()


def test_gradients_are_those_of_a_student_in_its_first_step(crops):
    found = head_gradients(crops[:5]).double().numpy()
    np.testing.assert_allclose(found, [student_gradient(crop) for crop in crops[:5]], atol=1e-8)
    assert np.abs(found).max(axis=1).min() > 1e-4


def test_a_crop_that_bicubic_restores_to_the_level_sends_no_gradient():
    flat = torch.full((2, 3, SIZE, SIZE), 121, dtype=torch.uint8)
    flat[1, :, 8, 8] = 122
    assert head_gradients(flat).abs().amax(dim=1).gt(0).tolist() == [False, True]


def test_gradient_is_the_greedy_facility_location_of_an_exhaustive_search(crops, psi):
    gradients = [student_gradient(crop) for crop in crops]
    distances = [[float(np.linalg.norm(one - other)) for other in gradients] for one in gradients]

    def left_over(numbers: list[int]) -> float:
        return sum(min(row[k] for k in numbers) for row in distances)

    assert chosen(crops, psi, "gradient") == greedy(len(crops), left_over)


def pillow_errors(crops: torch.Tensor) -> list[float]:
    """Measure bicubic's squared error with Pillow's own bicubic, in floating point."""
    errors = []
    for hr, lr in zip(crops.numpy(), low_resolution(crops, 4).numpy(), strict=True):
        planes = [Image.fromarray(plane.astype(np.float32)) for plane in lr]
        large = [np.asarray(plane.resize(hr.shape[1:], Image.Resampling.BICUBIC)) for plane in planes]
        errors.append(float(np.square((np.clip(large, 0, 255) - hr) / 255).mean()))
    return errors


def test_errors_are_those_of_bicubic_in_another_library(crops):
    np.testing.assert_allclose(bicubic_errors(crops)[:, 0], pillow_errors(crops), rtol=1e-3)


@pytest.mark.parametrize(("leave_out", "first"), [(0.0, 0), (0.05, 1), (0.5, 18), (1.0, 37 - COUNT)])
def test_loss_takes_the_largest_errors_after_a_share_of_the_very_largest(crops, psi, leave_out, first):
    errors = pillow_errors(crops)
    order = sorted(range(len(crops)), key=lambda number: -errors[number])
    assert chosen(crops, psi, "loss", leave_out=leave_out) == order[first : first + COUNT]


def test_random_crops_are_equally_likely_and_follow_seed_and_class():
    rows = torch.empty(10, 0)
    draws = [Selector("random", seed).choose(rows, 3, "sky") for seed in range(1000)]
    counts = np.bincount(list(itertools.chain(*draws)), minlength=10)
    assert counts.sum() == 3000
    assert np.abs(counts - 300).max() < 5 * (1000 * 0.3 * 0.7) ** 0.5
    assert Selector("random", 7).choose(rows, 3, "sky") == draws[7]
    assert Selector("random", 7).choose(rows, 10, "sea") != Selector("random", 7).choose(rows, 10, "sky")


def first_left(distances: np.ndarray, taken: list[int]) -> int:
    return int(np.where(np.isin(np.arange(len(distances)), taken), np.inf, distances).argmin())


def herded_by_numpy(rows: np.ndarray, count: int) -> list[int]:
    """Greedy herding on arrays, which sum in another order than tensors."""
    taken: list[int] = []
    for size in range(1, count + 1):
        sums = rows[taken].sum(axis=0) + rows
        taken.append(first_left(np.square(rows.mean(axis=0) - sums / size).sum(axis=1), taken))
    return taken


def located_by_numpy(rows: np.ndarray, count: int) -> list[int]:
    """Greedy facility location on arrays; two rows may be equally good, so that the last bit of a sum decides."""
    squares = np.square(rows).sum(axis=1)
    squares = squares[:, None] + squares - 2 * (rows @ rows.T)
    np.fill_diagonal(squares, 0)
    distances = np.sqrt(squares.clip(min=0))
    taken: list[int] = []
    for _ in range(count):
        nearest = distances[:, taken].min(axis=1, initial=distances.max())
        taken.append(first_left(np.minimum(distances, nearest[:, None]).sum(axis=0), taken))
    return taken


@pytest.mark.parametrize(("method", "by_numpy"), [("herding", herded_by_numpy), ("gradient", located_by_numpy)])
@pytest.mark.parametrize("doubled", [False, True])
def test_crops_are_those_that_numpy_chooses_and_of_doubles_the_first(crops, features, method, by_numpy, doubled):
    rows = features if method == "herding" else head_gradients(crops).double().numpy()
    rows = np.concatenate([rows[:12], rows]) if doubled else rows
    found = Selector(method).choose(torch.from_numpy(rows), len(rows) // 2)
    assert found == by_numpy(rows, len(rows) // 2)


@pytest.mark.parametrize("method", METHODS)
class TestEveryMethod:
    def test_the_same_call_gives_the_same_crops_and_reads_no_global_generator(self, crops, psi, method):
        with random_states_kept():
            assert chosen(crops, psi, method) == chosen(crops, psi, method)

    @pytest.mark.parametrize("count", [1, 2, 36, 37])
    def test_no_crop_is_chosen_twice(self, crops, psi, method, count):
        numbers = chosen(crops, psi, method, count)
        assert len(set(numbers)) == len(numbers) == count
        assert set(numbers) <= set(range(len(crops)))

    @pytest.mark.parametrize("count", [0, 38])
    def test_more_crops_than_there_are_or_none_are_refused_with_the_class_named(self, crops, psi, method, count):
        with pytest.raises(RecipeError, match=f"class animal: {count} crops wanted of 37"):
            chosen(crops, psi, method, count)

    def test_a_crops_row_does_not_depend_on_how_many_there_are(self, crops, psi, method):
        selector = Selector(method)
        whole, part = (torch.cat([*selector.measured(some, psi)]) for some in (crops, crops[:11]))
        assert torch.equal(whole[:11], part)

    def test_every_crop_is_measured_once_a_few_at_a_time(self, crops, psi, method):
        parts = [*Selector(method).measured(crops, psi)]
        assert sum(map(len, parts)) == len(crops)
        assert len(parts) > 1


@pytest.mark.parametrize("method", ["random", "herding", "gradient"])
def test_a_smaller_count_is_the_beginning_of_a_larger_one(crops, psi, method):
    assert chosen(crops, psi, method, 3) == chosen(crops, psi, method, 12)[:3]


def test_a_single_crop_is_the_one_in_the_middle(crops, psi, features):
    nearest = int(np.linalg.norm(features - features.mean(axis=0), axis=1).argmin())
    assert chosen(crops, psi, "herding", 1) == chosen(crops, psi, "kmeans", 1) == [nearest]


@pytest.mark.parametrize("method", ["herding", "kmeans", "gradient", "loss"])
def test_crops_that_are_all_alike_are_taken_as_they_come(crops, psi, method):
    assert chosen(crops[:1].expand(5, -1, -1, -1), psi, method, 3, leave_out=0.0) == [0, 1, 2]


@pytest.mark.parametrize("method", ["kmeans", "gradient"])
def test_a_crop_and_its_double_are_both_taken_only_when_no_other_is_left(features, method):
    rows = torch.from_numpy(np.concatenate([features[:4], features[:4]]))
    assert sorted(Selector(method).choose(rows, 4)) == [0, 1, 2, 3]
    assert sorted(Selector(method).choose(rows, 8)) == list(range(8))


def test_a_method_that_looks_at_features_is_refused_without_a_psi(crops):
    with pytest.raises(RecipeError, match="method herding looks at features of psi"):
        next(Selector("herding").measured(crops, None))
