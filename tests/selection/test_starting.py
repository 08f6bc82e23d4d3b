"""The real crops that latents begin from: drawn, or herded; always as many as are wanted, and no two the same."""

import pytest
import torch
from heard import Heard

from gsdd.data.catalog import scan
from gsdd.data.crops import grid_crops, plan_crops, read_crops
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import RecipeError
from gsdd.features.extractor import FeatureSpec, feature_drawer
from gsdd.inspect.planned import planned_crops
from gsdd.recipe import Recipe
from gsdd.run.compress import compress
from gsdd.selection.coreset import coreset
from gsdd.selection.crop_list import find_crops, read_list
from gsdd.selection.starting import starting_crops

SIZE = 64
TILES = (18, 18, 27)  # a 240x200 photo has nine


@pytest.fixture(scope="module")
def catalog(source):
    return scan(source, min_size=SIZE)


def gaps(catalog, crops):
    """Squared distance, class by class, of the mean feature of some crops from that of all tiles; theta of the seed."""
    psi = feature_drawer(FeatureSpec("local-fourier"), torch.empty(0))(3, "theta of a coreset", 0)

    def middle(some, number):
        own = [crop for crop in some if crop.class_index == number]
        return psi(torch.from_numpy(read_crops(catalog, own, SIZE))).mean(dim=0)

    numbers = range(len(catalog.classes))
    return torch.stack([(middle(crops, k) - middle(grid_crops(catalog, k, SIZE), k)).square().sum() for k in numbers])


def test_random_crops_are_those_of_the_plan(catalog):
    assert starting_crops(catalog, [3, 3, 3], SIZE, 3, "random") == plan_crops(catalog, [3, 3, 3], SIZE, 3)


def test_herded_crops_are_the_coreset_and_nearer_to_the_mean_of_their_class(source, catalog, tmp_path):
    herded = starting_crops(catalog, [4, 4, 4], SIZE, 3, "herding")
    coreset(source, tmp_path / "list.csv", ipc=4, method="herding", hr_size=SIZE, seed=3)
    assert herded == find_crops(read_list(tmp_path / "list.csv"), catalog)
    assert (gaps(catalog, herded) < gaps(catalog, plan_crops(catalog, [4, 4, 4], SIZE, 3))).all()


def test_the_crops_of_a_class_do_not_depend_on_the_other_classes(catalog):
    together = starting_crops(catalog, [2, 5, 3], SIZE, 0, "herding")
    alone = starting_crops(catalog, [0, 5, 0], SIZE, 0, "herding")
    assert [crop for crop in together if crop.class_index == 1] == list(alone)


def test_where_tiles_are_too_few_others_are_drawn_beside_them(catalog):
    tiles = {crop for k in range(len(catalog.classes)) for crop in grid_crops(catalog, k, SIZE)}
    count = len(tiles)
    crops = starting_crops(catalog, [count] * 3, SIZE, 0, "herding")
    assert len(set(crops)) == len(crops) == 3 * count and set(crops) > tiles
    with pytest.raises(RecipeError, match="crops"):
        starting_crops(catalog, [10**6, 1, 1], SIZE, 0, "herding")


def test_latents_begin_from_the_crops_that_the_recipe_says(source, catalog, tmp_path):
    recipe = Recipe.preset("quick").changed({
        "generator": "realesr-animevideov3", "crops.ipc": 2, "crops.hr_size": SIZE, "crops.method": "herding",
        "inversion.steps": 0, "matching.iterations": 0, "storage.codec": "fp32", "seed": 3,
    })  # fmt: skip
    heard = Heard()
    made = compress(source, tmp_path / "a.gsdd", recipe=recipe, monitor=heard)
    crops = starting_crops(catalog, [2, 2, 2], SIZE, 3, "herding")
    distilled = read_latents(made.path)
    assert distilled.source_index.tolist() == [crop.photo_index for crop in crops]
    assert planned_crops(distilled, source)[1] == crops
    assert ("crops", sum(TILES), sum(TILES)) in heard.stages
    with pytest.raises(RecipeError, match=r"Crops\.method`: got 'best'"):
        recipe.changed({"crops.method": "best"})
