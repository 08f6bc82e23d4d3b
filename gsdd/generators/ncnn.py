"""Reads network weights in ncnn's form: a text graph (.param) and the weights in graph order (.bin).

A convolution's weights are float16 behind a tag, padded to four bytes, or float32 behind a zero tag; biases and PReLU
slopes are bare float32. Nothing is executed, and every length is checked before it is used.

Source: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gsdd.errors import GeneratorError
from gsdd.formats.opening import read_whole

MAGIC = "7767517"
TAG_FLOAT32 = 0
TAG_FLOAT16 = 0x01306B47
MAX_PARAM_BYTES = 4 << 20
MAX_BIN_BYTES = 1 << 30

# The layers whose order says nothing about weights; any other kind is not of the networks that are read here.
WEIGHTLESS = frozenset({"Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp", "PixelShuffle"})

CONVOLUTIONS_OF_BLOCK = 15
CONVOLUTIONS_AROUND_BLOCKS = 6


@dataclass(frozen=True)
class Layer:
    """A line of the graph that carries weights.

    Attributes:
        kind: "Convolution" or "PReLU".
        name: the layer's name in the graph.
        channels: output channels.
        elements: weights, without the bias.
        kernel: side of the square kernel; 1 for PReLU.
    """

    kind: str
    name: str
    channels: int
    elements: int
    kernel: int


def read_ncnn(param: Path) -> dict[str, torch.Tensor]:
    """Read a network of the ESRGAN or Compact architecture from ncnn files.

    Args:
        param: the graph; the weights lie beside it with the suffix .bin.

    Returns:
        A float32 state dict under the names that Real-ESRGAN gives these networks, which spandrel reads.

    Raises:
        GeneratorError: a file is missing, damaged, or is another network.
    """
    layers = tuple(_parse(param))
    tensors = _Weights(param.with_suffix(".bin")).read(layers)
    is_compact = any(layer.kind == "PReLU" for layer in layers)
    prefixes = _compact_names(layers, param) if is_compact else _esrgan_names(layers, param)
    return {
        f"{prefix}.{part}": tensor
        for prefix, parts in zip(prefixes, tensors, strict=True)
        for part, tensor in parts.items()
    }


def _parse(param: Path) -> Iterator[Layer]:
    lines = _bytes_of(param, MAX_PARAM_BYTES).decode("utf-8", errors="replace").splitlines()
    if len(lines) < 3 or lines[0].strip() != MAGIC:
        raise GeneratorError(f"{param}: not an ncnn graph; wanted a first line of {MAGIC}")
    count, rows = lines[1].split()[:1], [row for row in map(str.split, lines[2:]) if row]
    if count != [str(len(rows))]:
        raise GeneratorError(f"{param}: damaged: {len(rows)} layers, and its header says {' '.join(count)!r}")
    for row in rows:
        if row[0] not in WEIGHTLESS:
            yield _layer(row, param)


def _layer(row: list[str], param: Path) -> Layer:
    if row[0] not in ("Convolution", "PReLU"):
        raise GeneratorError(f"{param}: layer {row[0]} is not of an ESRGAN or Compact network")
    try:
        pairs = (word.split("=") for word in row[4 + int(row[2]) + int(row[3]) :])
        # Keys from -23300 down hold lists, such as the slope of a fused activation; they say nothing about weights.
        options = {int(key): int(value) for key, value in pairs if not key.startswith("-")}
        return _convolution(row[1], options) if row[0] == "Convolution" else _prelu(row[1], options)
    except (ValueError, KeyError, IndexError) as error:
        raise GeneratorError(f"{param}: damaged or foreign layer: {' '.join(row)[:120]}") from error


def _convolution(name: str, options: dict[int, int]) -> Layer:
    channels, kernel, elements = options[0], options[1], options[6]
    usual = options.get(3, 1) == 1 and options.get(2, 1) == 1 and options[5] == 1 and options[4] == kernel // 2
    if not usual or channels < 1 or kernel < 1 or elements < 1 or elements % (channels * kernel * kernel):
        raise ValueError(name)
    return Layer("Convolution", name, channels, elements, kernel)


def _prelu(name: str, options: dict[int, int]) -> Layer:
    if options[0] < 1:
        raise ValueError(name)
    return Layer("PReLU", name, options[0], options[0], 1)


class _Weights:
    """The bytes of a .bin file, taken from the front."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = _bytes_of(path, MAX_BIN_BYTES)
        self.position = 0

    def read(self, layers: tuple[Layer, ...]) -> list[dict[str, torch.Tensor]]:
        tensors = [self._read_layer(layer) for layer in layers]
        if self.position != len(self.bytes):
            raise GeneratorError(f"{self.path}: damaged: {len(self.bytes) - self.position} bytes are left over")
        return tensors

    def _read_layer(self, layer: Layer) -> dict[str, torch.Tensor]:
        if layer.kind == "PReLU":
            return {"weight": self._floats(layer, layer.elements, "<f4")}
        (tag,) = struct.unpack("<I", self._take(layer, 4))
        if tag not in (TAG_FLOAT16, TAG_FLOAT32):
            raise GeneratorError(f"{self.path}: {layer.name}: weights have the unknown tag {tag:#010x}")
        weight = self._floats(layer, layer.elements, "<f2" if tag == TAG_FLOAT16 else "<f4")
        shape = (layer.channels, -1, layer.kernel, layer.kernel)
        return {"weight": weight.reshape(shape), "bias": self._floats(layer, layer.channels, "<f4")}

    def _floats(self, layer: Layer, count: int, dtype: str) -> torch.Tensor:
        size = count * np.dtype(dtype).itemsize
        data = self._take(layer, size + -size % 4)
        return torch.from_numpy(np.frombuffer(data, dtype=dtype, count=count).astype(np.float32))

    def _take(self, layer: Layer, size: int) -> bytes:
        start, self.position = self.position, self.position + size
        if self.position > len(self.bytes):
            missing = self.position - len(self.bytes)
            raise GeneratorError(f"{self.path}: damaged: it ends {missing} bytes short of {layer.name}'s weights")
        return self.bytes[start : self.position]


def _bytes_of(path: Path, limit: int) -> bytes:
    try:
        return read_whole(path, limit)
    except OSError as error:
        raise GeneratorError(f"{path}: cannot be read: {error.strerror}") from error


def _esrgan_names(layers: tuple[Layer, ...], param: Path) -> list[str]:
    blocks, rest = divmod(len(layers) - CONVOLUTIONS_AROUND_BLOCKS, CONVOLUTIONS_OF_BLOCK)
    if blocks < 1 or rest:
        raise GeneratorError(f"{param}: {len(layers)} convolutions do not make an x4 ESRGAN network (6 and 15 a block)")
    dense = [
        f"body.{block}.rdb{part}.conv{number}"
        for block in range(blocks)
        for part in (1, 2, 3)
        for number in (1, 2, 3, 4, 5)
    ]
    return ["conv_first", *dense, "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]


def _compact_names(layers: tuple[Layer, ...], param: Path) -> list[str]:
    expected = ["PReLU" if index % 2 else "Convolution" for index in range(len(layers))]
    if len(layers) % 2 == 0 or [layer.kind for layer in layers] != expected:
        raise GeneratorError(f"{param}: convolutions and PReLU do not take turns as in a Compact network")
    return [f"body.{index}" for index in range(len(layers))]
