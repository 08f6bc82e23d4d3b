"""Run by each of several processes: what `gather`, `agree` and `alike` promise."""

import torch

from gsdd.parallel.workers import joined

DTYPES = (torch.uint8, torch.int64, torch.bfloat16, torch.float16, torch.float32, torch.float64)


def chunk(number: int, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    values = 100 * torch.rand(shape, generator=torch.Generator().manual_seed(number))
    return torch.full_like(values, torch.nan).to(dtype) if number == 3 and dtype.is_floating_point else values.to(dtype)


def bits(tensor: torch.Tensor) -> tuple[torch.dtype, torch.Size, bytes]:
    return tensor.dtype, tensor.shape, tensor.reshape(-1).view(torch.uint8).numpy().tobytes()


with joined("cpu") as workers:
    for count in range(1, 8):
        for dtype in DTYPES:
            for shape in ((), (3,), (8, 2, 3), (2, 0)):
                wanted = [chunk(number, dtype, shape) for number in range(count)]
                got = workers.gather([wanted[number] for number in workers.deal(count)], count)
                assert [bits(each) for each in got] == [bits(each) for each in wanted]
    assert workers.agree(workers.rank == 0)
    assert not workers.agree(workers.rank != 0)
    assert workers.alike("same")
    assert workers.alike("other" if workers.rank == workers.size - 1 else "same") == (workers.size == 1)
    workers.meet()
