"""Run as a script: reads the struct `model` of a .mat file with scipy, in a process of its own.

A few bytes of a damaged file can end scipy's reader with a segmentation fault. This process may end so; the one that
started it goes on. Bytes of a file come in on stdin; out go its arrays, as an .npz of names such as `rf.0.upper`.
"""

import io
import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

NAME = "model"
# Beside what scipy and NumPy take themselves, of address space.
ROOM = 2 << 30


def flattened(name: str, value: object) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    """Name the arrays in nested structs and cells."""
    if isinstance(value, dict):
        parts = [(str(key), each) for key, each in value.items()]
    elif isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype == object):
        parts = [(str(number), each) for number, each in enumerate(np.ravel(np.asarray(value, dtype=object)))]
    else:
        yield name, np.asarray(value)
        return
    for key, each in parts:
        yield from flattened(f"{name}.{key}" if name else key, each)


def bound(size: int) -> None:
    """Bound the memory, where the system does that: an array may claim to be of any size."""
    try:
        import resource
    except ImportError:  # Windows
        return
    most = ROOM + 4 * size
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> None:
    """Read stdin, write stdout; what cannot be read ends it with a line on stderr."""
    from scipy.io import loadmat

    data = sys.stdin.buffer.read()
    bound(len(data))
    try:
        content = loadmat(io.BytesIO(data), variable_names=[NAME], simplify_cells=True)
        arrays = dict(flattened("", content[NAME]))
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sys.stdout.buffer.write(file.getvalue())


if __name__ == "__main__":
    main()
