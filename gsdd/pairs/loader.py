"""A DataLoader that knows what was trained on."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch.utils.data import DataLoader, Dataset

from gsdd.errors import RecipeError
from gsdd.pairs.order import Resumable
from gsdd.pairs.stream import DistilledStream


class ResumableLoader(DataLoader[Any]):
    """A DataLoader over a `DistilledStream`, or with a `ResumableSampler`, that resumes exactly.

    Its state counts the batches that it has handed out, not those that its workers have fetched ahead. Each iteration
    is the next epoch, or the rest of one.

    Args:
        dataset: a stream, whose batch size it takes, or a map-style dataset.
        **options: of `torch.utils.data.DataLoader`.

    Raises:
        RecipeError: there is neither a stream nor a `ResumableSampler`, or the batch size is not the stream's.
    """

    def __init__(self, dataset: Dataset[Any], **options: Any) -> None:  # noqa: ANN401
        source = dataset if isinstance(dataset, DistilledStream) else options.get("sampler")
        if not isinstance(source, Resumable):
            raise RecipeError(
                f"ResumableLoader: got sampler={source!r}, wanted a ResumableSampler, or a DistilledStream"
            )
        if isinstance(source, DistilledStream):
            size = options.setdefault("batch_size", source.batch_size)
            if size != source.batch_size:
                raise RecipeError(f"batch_size: got {size}, wanted {source.batch_size}, the stream's")
        if not options.get("in_order", True):
            raise RecipeError("ResumableLoader: got in_order=False, wanted batches in the order that is counted")
        super().__init__(dataset, **options)
        self._source, self._size = source, self.batch_size or 1
        self._least = self._size if self.drop_last else 1

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        begun, taken = self._source.lead(), 0
        try:
            for batch in super().__iter__():
                taken += self._size
                self._source.count(begun, taken, self._least)
                yield batch
        finally:
            self._source.release()

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; see `Resumable.set_epoch`."""
        self._source.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Tell where to go on after the batch that was handed out last."""
        return self._source.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iteration begin where a state says; see `Resumable.load_state_dict`."""
        self._source.load_state_dict(state, self._least)
