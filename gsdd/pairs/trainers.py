"""An expanded folder -> configuration that SR trainers read, ready to paste."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from gsdd.data.degradation import whole
from gsdd.data.real_esrgan.options import FINAL_SINC, FIRST, KERNEL_NAMES, KERNEL_SIDE, SECOND
from gsdd.pairs.tree import PairTree

BATCH = 16
WORKERS = 4
# What real-world types take on top of a crop of HR.
MARGIN = 32
REAL_ESRGAN, ON_THE_FLY, HR_ALONE = "Real-ESRGAN", "traiNNer-redux, degraded on the fly", "traiNNer-redux, HR alone"


@dataclass(frozen=True)
class _Data:
    """What the configurations say.

    Args:
        name: the data set's, for logs.
        hr: the absolute folder of the HR images, since a trainer runs in a folder of its own.
        lr: that of the LR images.
        scale: HR side / LR side.
        gt_size: side of HR crops in pixels.
        pairs: how many pairs there are.
        by_class: whether each class has a folder of its own.
        image_format: "png" or "webp".
    """

    name: str
    hr: str
    lr: str
    scale: int
    gt_size: int
    pairs: int
    by_class: bool
    image_format: str

    @property
    def lq_size(self) -> int:
        return self.gt_size // self.scale

    @property
    def enlarge_ratio(self) -> int:
        """Stretch an epoch to 2000 batches, as traiNNer-redux's `auto` does: between epochs workers start anew."""
        return -(-2000 * BATCH // self.pairs)


def configurations(tree: PairTree) -> dict[str, str]:
    """Write the data section of a training configuration for each trainer.

    Where a trainer cannot read the folder, the text is a comment of its syntax that says why and what to do.

    Args:
        tree: the folder; it need not be there yet.

    Returns:
        Trainer -> text: YAML for BasicSR, traiNNer-redux and their real-world models, which degrade HR themselves, TOML
        for neosr, JSON for KAIR; where there are LR images of several scales, such a text for each, as "BasicSR, x2".
    """
    if len(tree.scales) == 1:
        return _of_scale(tree, tree.scales[0])
    texts = {scale: _of_scale(replace(tree, scales=(scale,)), scale) for scale in tree.scales}
    return {f"{trainer}, x{scale}": text for scale, each in texts.items() for trainer, text in each.items()}


def _of_scale(tree: PairTree, scale: int) -> dict[str, str]:
    hr, lr = (str(side.absolute()) for side in tree.sides)
    data = _Data(
        name=tree.root.absolute().name,
        hr=hr,
        lr=lr,
        scale=scale,
        gt_size=crop_size(tree.hr_size, scale),
        pairs=len(tree.stems),
        by_class=any("/" in stem for stem in tree.stems),
        image_format=tree.image_format,
    )
    paired = {"BasicSR": _basicsr(data), "traiNNer-redux": _trainner(data), "neosr": _neosr(data), "KAIR": _kair(data)}
    return {**paired, **_of_hr_alone(data, tree)}


def _of_hr_alone(data: _Data, tree: PairTree) -> dict[str, str]:
    """Write configurations of types that make LR themselves."""
    crop = min(whole(tree.hr_size - MARGIN, data.scale), 256)
    if crop < data.scale:
        size = f"HR of {tree.hr_size} px has no room for the {MARGIN} px that these types take on top of a crop"
        on_the_fly = dict.fromkeys((REAL_ESRGAN, ON_THE_FLY), f"# {size}: compress with a larger HR size\n")
    else:
        on_the_fly = {REAL_ESRGAN: _real_esrgan(data, tree.meta_info, crop), ON_THE_FLY: _on_the_fly(data, crop)}
    return {**on_the_fly, HR_ALONE: _hr_alone(data)}


def crop_size(hr_size: int, scale: int) -> int:
    """Choose the side of HR crops: three quarters of an image, so that crops differ, and at most the usual 192 px.

    Args:
        hr_size: side of an HR image in pixels, a multiple of `scale`.
        scale: HR side / LR side.

    Returns:
        A multiple of `scale`, in `[scale, hr_size]`.
    """
    return max(min(hr_size * 3 // 4, 192) // scale, 1) * scale


def _basicsr(data: _Data) -> str:
    if data.by_class:
        return (
            "# PairedImageDataset does not look into class folders, and with meta_info_file it looks for every\n"
            f"# LR image right in {Path(data.lr).name}/: expand without class folders into another folder\n"
        )
    return f"""\
scale: {data.scale}
datasets:
  train:
    name: {_quoted(data.name)}
    type: PairedImageDataset
    dataroot_gt: {_quoted(data.hr)}
    dataroot_lq: {_quoted(data.lr)}
    io_backend:
      type: disk
    gt_size: {data.gt_size}
    use_hflip: true
    use_rot: true
    num_worker_per_gpu: {WORKERS}
    batch_size_per_gpu: {BATCH}
    dataset_enlarge_ratio: {data.enlarge_ratio}
"""


def _trainner(data: _Data) -> str:
    return _redux(data, "pairedimagedataset", data.lq_size, lr=f"\n    dataroot_lq: [{_quoted(data.lr)}]")


def _on_the_fly(data: _Data, crop: int) -> str:
    return _redux(data, "realesrgandataset", crop // data.scale, top="high_order_degradation: true\n")


def _hr_alone(data: _Data) -> str:
    return _redux(data, "singlegtdataset", data.lq_size)


def _redux(data: _Data, kind: str, lq_size: int, *, top: str = "", lr: str = "") -> str:
    """Write traiNNer-redux's YAML for one of its types; `top` and `lr` are lines that not all of them have."""
    return f"""\
scale: {data.scale}
{top}datasets:
  train:
    name: {_quoted(data.name)}
    type: {kind}
    dataroot_gt: [{_quoted(data.hr)}]{lr}
    lq_size: {lq_size}
    use_hflip: true
    use_rot: true
    num_worker_per_gpu: {WORKERS}
    batch_size_per_gpu: {BATCH}
    dataset_enlarge_ratio: auto
"""


def _real_esrgan(data: _Data, meta_info: Path, crop: int) -> str:
    return f"""\
scale: {data.scale}
gt_size: {crop}
datasets:
  train:
    name: {_quoted(data.name)}
    type: RealESRGANDataset
    dataroot_gt: {_quoted(data.hr)}
    meta_info: {_quoted(str(meta_info.absolute()))}
    io_backend:
      type: disk
{_kernels()}
    gt_size: {crop}
    use_hflip: true
    use_rot: false
    use_shuffle: true
    num_worker_per_gpu: {WORKERS}
    batch_size_per_gpu: {BATCH}
    dataset_enlarge_ratio: {data.enlarge_ratio}
"""


def _kernels() -> str:
    """Write what Real-ESRGAN's kernels are drawn from, which its type has no values of its own for."""
    lines = [f"    final_sinc_prob: {FINAL_SINC}"]
    for end, blur in (("", FIRST.blur), ("2", SECOND.blur)):
        lines += [
            f"    blur_kernel_size{end}: {KERNEL_SIDE}",
            f"    kernel_list{end}: {json.dumps(KERNEL_NAMES)}",
            f"    kernel_prob{end}: {json.dumps(blur.shapes)}",
            f"    sinc_prob{end}: {blur.sinc}",
            f"    blur_sigma{end}: {json.dumps(blur.sigma)}",
            f"    betag_range{end}: {json.dumps(blur.generalised)}",
            f"    betap_range{end}: {json.dumps(blur.plateau)}",
        ]
    return "\n".join(lines)


def _neosr(data: _Data) -> str:
    return f"""\
scale = {data.scale}

[datasets.train]
type = "paired"
dataroot_gt = {_quoted(data.hr)}
dataroot_lq = {_quoted(data.lr)}
patch_size = {data.lq_size}
use_hflip = true
use_rot = true
num_worker_per_gpu = {WORKERS}
batch_size = {BATCH}
dataset_enlarge_ratio = {data.enlarge_ratio}
"""


def _kair(data: _Data) -> str:
    if data.image_format == "webp":
        return "// KAIR reads no WebP: expand as PNG into another folder\n"
    train = {
        "name": data.name,
        "dataset_type": "sr",
        "dataroot_H": data.hr,
        "dataroot_L": data.lr,
        "H_size": data.gt_size,
        "dataloader_shuffle": True,
        "dataloader_num_workers": WORKERS,
        # Its loader drops a batch that is not full: with more than all pairs it would train on nothing, for ever.
        "dataloader_batch_size": min(BATCH, data.pairs),
    }
    return json.dumps({"scale": data.scale, "n_channels": 3, "datasets": {"train": train}}, indent=2) + "\n"


def _quoted(text: str) -> str:
    """Write a string that YAML and TOML both read; JSON's surrogate pairs they do not."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
