"""Every error that gsdd raises on purpose.

GsddError
├── SourceError            the photos, or the folder that holds them, cannot be used
├── GeneratorError         weights that cannot be loaded, or are not a generator
│   ├── GeneratorNotFoundError   named or given weights are not on this machine
│   └── FingerprintError         the weights are not those that a file was made with
├── RecipeError            an option has a value that makes no run
├── FormatError            a file is not a sound .gsdd file (exit code 3)
├── NoSignaturesError      a sound file of format 1.0, which has nothing to compare decoded images with
├── MergeError             sound files that do not belong into one
├── OutputError            the output exists, or cannot be written
├── KernelInputError       a tensor has a shape, dtype or device that an op does not take
├── MetricError            weights of a metric that cannot be read
│   └── MissingWeightsError      they are not on this machine: the metric is missing, and has no number
├── MissingExtraError      an optional package is needed and not installed
├── DivergedError          a search, a training or a network came to numbers that are not finite
├── DeviceMemoryError      a job needs more memory than its device has
├── ProcessLostError       another process of a run under torchrun is gone
└── Interrupted            a run was asked to stop, and its checkpoint is written

Each but the last also inherits the builtin that it is, so `except ValueError` works for a caller who knows nothing of
gsdd. `Interrupted` is no KeyboardInterrupt: it comes only to a caller who asked for it.
A message says what, got, wanted, and what to do, and names the file and the class.
"""


class GsddError(Exception):
    """Base of all errors that gsdd raises on purpose; its text is written for the user."""


class SourceError(GsddError, ValueError):
    """The photos, or the folder that holds them, cannot be used."""


class GeneratorError(GsddError, ValueError):
    """Weights that cannot be loaded, or are not a generator that gsdd can use."""


class GeneratorNotFoundError(GeneratorError, FileNotFoundError):
    """Named or given weights are not on this machine; the text says how to get them."""


class FingerprintError(GeneratorError):
    """The weights at hand are not those that the file was made with."""


class RecipeError(GsddError, ValueError):
    """An option, or a combination of options, that makes no run."""


class FormatError(GsddError, ValueError):
    """The bytes are not a sound .gsdd file: damaged, hostile, or of an unknown version."""


class NoSignaturesError(GsddError, LookupError):
    """The file is of format 1.0, before images had signatures: what it decodes to cannot be compared."""


class MergeError(GsddError, ValueError):
    """The files are sound, and do not belong into one: the text names them and what differs or is missing."""


class OutputError(GsddError, OSError):
    """The output exists already, or cannot be written."""


class KernelInputError(GsddError, ValueError):
    """A tensor has a shape, dtype or device that an op does not take."""


class MetricError(GsddError, ValueError):
    """Weights of a metric that cannot be read, or are not those of that metric."""


class MissingWeightsError(MetricError, FileNotFoundError):
    """A metric's weights are not on this machine; the text says how to get them."""


class MissingExtraError(GsddError, ImportError):
    """An optional package is needed and not installed; the text names it."""


class DivergedError(GsddError, ArithmeticError):
    """A search, a training or a network came to numbers that are not finite; the text says at which step, and why."""


class DeviceMemoryError(GsddError, MemoryError):
    """A job needs more memory than its device has; the text says what to lower."""


class ProcessLostError(GsddError, RuntimeError):
    """Another process of a run under torchrun is gone; the same command continues from the checkpoint."""


class Interrupted(GsddError):
    """A run was asked to stop, and did so with its checkpoint written; the same call continues it."""
