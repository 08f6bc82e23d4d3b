"""On PYTHONPATH: a process and all that it spawns are as on Windows."""

import sys

from as_on_windows import Finder

sys.meta_path.insert(0, Finder())
