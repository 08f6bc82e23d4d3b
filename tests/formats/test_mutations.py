"""Files damaged at random are refused with exit code 3, or proven harmless. `python tests/mutations.py` does more."""

import pytest
from mutations import CODEC_NAMES, CONTAINERS, KINDS, mutations, tally

MUTATIONS = 100


@pytest.mark.parametrize("codec", CODEC_NAMES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_mutation_is_refused_or_harmless(container, codec, capsys):
    found = tally(codec, container, MUTATIONS)
    capsys.readouterr()
    assert found["refused"] > MUTATIONS / 2
    assert found["harmless"] > 0


def test_the_corpus_reaches_behind_the_digests(capsys):
    """Where a change is told in the manifest, some files must be found sound: else nothing behind it was looked at."""
    found = tally("dct", "safetensors", 300)
    assert found["harmless with_another_tensor"] > 5
    assert found["harmless with_another_field"] > 0


def test_mutations_of_a_seed_are_the_same_again(tmp_path):
    first, second = (list(mutations("uint8", "safetensors", 10, tmp_path)) for _ in range(2))
    assert first == second
    assert {kind for kind, _ in first} == {kind.__name__ for kind in KINDS}
