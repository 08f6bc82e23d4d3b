"""What a run saw on its way and its file does not hold."""

from dataclasses import dataclass

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop
from gsdd.distill.curves import Curves
from gsdd.distill.inversion import Inverted
from gsdd.distill.run import Run
from gsdd.generators.generator import Generator
from gsdd.run.journal import Journal
from gsdd.run.optimise import Matched


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """What a run keeps after its file is written, so that drawings need no second inversion.

    Attributes:
        catalog: the photos.
        crops: the real crop of each latent.
        inverted: the latents before the matching.
        curves: losses and seconds; those of the first process, of several.
        generator: G, on the device where the run computed.
    """

    catalog: Catalog
    crops: tuple[Crop, ...]
    inverted: Inverted
    curves: Curves
    generator: Generator

    @classmethod
    def of(cls, matched: Matched, run: Run) -> "Trace":
        """Keep what is needed of a run that has ended.

        Args:
            matched: what it found.
            run: its journal heard the losses.
        """
        chosen = matched.chosen
        curves = run.journal.curves if isinstance(run.journal, Journal) else Curves()
        return cls(chosen.catalog, chosen.crops, matched.state.inverted, curves, run.generator)
