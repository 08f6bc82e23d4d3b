"""How many latents go through G together."""

from dataclasses import replace

import pytest
import torch
from recipes import changed
from small_job import RECIPE, job

from gsdd.parallel.chunks import CHUNK, chunk_of, even

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_a_gpu_takes_as_many_as_have_the_pixels_of_128_of_32x32():
    assert [chunk_of(GPU, side * side) for side in (16, 32, 64, 128)] == [512, 128, 32, 8]
    assert chunk_of(GPU, 1024**2) == 1
    assert {chunk_of(CPU, side * side) for side in (16, 32, 1024)} == {CHUNK}


def test_even_chunks_are_as_few_as_can_be_and_pad_less_than_a_latent_each():
    for most in range(1, 40):
        for count in range(1, 200):
            size = even(count, most)
            chunks = -(-count // size)
            assert size <= most
            assert (chunks - 1) * most < count <= chunks * size < count + chunks
            assert even(count, size) == size  # a run that goes on has the same chunks


@pytest.mark.parametrize("latents", [1, 5, 6, 7, 700])
def test_on_a_cpu_a_chunk_is_the_same_for_any_number_of_latents(latents):
    run = job(RECIPE)
    assert run.in_chunks_for(latents).chunk == CHUNK
    assert replace(run, recipe=changed(RECIPE, chunk=4)).in_chunks_for(latents).chunk == 4
