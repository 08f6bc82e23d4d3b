"""The libraries of the GPU that stands in, compiled, and the environment of a process that has it."""

import os
import subprocess
from pathlib import Path

import triton

HERE = Path(__file__).parent
INCLUDE = Path(triton.__file__).parent / "backends" / "nvidia" / "include"
LIBRARIES = {"runtime.so": ("runtime.c", "nothing.c"), "libcuda.so.1": ("driver.c",)}


def build(folder: Path) -> Path:
    """Compile both libraries into a folder; return it."""
    for library, sources in LIBRARIES.items():
        words = ["cc", "-w", "-shared", "-fPIC", f"-I{INCLUDE}", f"-Wl,-soname,{library}", "-o", folder / library]
        subprocess.run([*words, *(HERE / source for source in sources)], check=True)
    (folder / "libcuda.so").symlink_to("libcuda.so.1")  # Triton 3.4 still links its launcher to the driver
    return folder


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Give the environment of a process with the GPU of `build`; kernels are compiled, not interpreted."""
    kept = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    return kept | {
        "LD_PRELOAD": str(folder / "runtime.so"), "LD_LIBRARY_PATH": str(folder), "TRITON_LIBCUDA_PATH": str(folder),
        "TRITON_CACHE_DIR": str(folder / "triton"), "PYTHONPATH": str(HERE), **more,
    }  # fmt: skip
