"""Where a .gsdd file may be written: not under a name whose ending means something else."""

from pathlib import Path

from gsdd.errors import OutputError
from gsdd.formats.atomic import check_output

ENDING = ".gsdd"
OF_OTHERS = {
    "an image": ".avif .bmp .gif .heic .jpeg .jpg .jxl .png .tif .tiff .webp",
    "a video": ".avi .m4v .mkv .mov .mp4 .mpeg .mpg .webm .wmv",
    "an archive": ".7z .bz2 .gz .rar .tar .tgz .xz .zip .zst",
    "weights or arrays": ".ckpt .npy .npz .onnx .pickle .pkl .pt .pth",
    "text": ".csv .htm .html .json .jsonl .log .md .pdf .py .toml .txt .xml .yaml .yml",
}
_KINDS = {suffix: kind for kind, suffixes in OF_OTHERS.items() for suffix in suffixes.split()}


def check_place(path: Path, *, force: bool = False) -> None:
    """Refuse a .gsdd file that could not be written, or would be taken for something else, before the work.

    Args:
        path: the file to be written. Its name may have no ending, or one that nobody knows.
        force: whether it may exist.

    Raises:
        OutputError: as for `check_output`, or it has the ending of another kind of file.
    """
    if kind := _KINDS.get(path.suffix.lower()):
        raise OutputError(
            f"{path}: what is written is a .gsdd file, and {path.suffix} means {kind}; give {path.with_suffix(ENDING)}"
        )
    check_output(path, force=force)
