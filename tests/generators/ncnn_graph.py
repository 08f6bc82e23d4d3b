"""Evaluates an ncnn graph as it is written, layer by layer: knows nothing of ESRGAN, Compact, spandrel or gsdd."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional


def evaluate(param: Path, image: torch.Tensor) -> torch.Tensor:
    """Run the graph of `param` with the weights beside it on its only input, and return its only output."""
    data = param.with_suffix(".bin").read_bytes()
    blobs: dict[str, torch.Tensor] = {}
    position = 0
    for row in map(str.split, param.read_text().splitlines()[2:]):
        kind, n_in, n_out = row[0], int(row[2]), int(row[3])
        inputs = [blobs.pop(name) for name in row[4 : 4 + n_in]]
        outputs = row[4 + n_in : 4 + n_in + n_out]
        options = dict(word.split("=") for word in row[4 + n_in + n_out :])
        result, position = OPERATIONS[kind](inputs or [image], options, data, position)
        blobs |= dict.fromkeys(outputs, result)
    assert position == len(data)
    return blobs["output"]


def convolution(inputs, options, data, position):
    channels, kernel, elements = int(options["0"]), int(options["1"]), int(options["6"])
    assert data[position : position + 4] == bytes.fromhex("476b3001")
    halves = np.frombuffer(data, "<f2", elements, position + 4).astype(np.float32)
    position += 4 + (2 * elements + 3) // 4 * 4
    weight = torch.from_numpy(halves.reshape(channels, inputs[0].shape[1], kernel, kernel))
    bias = torch.from_numpy(np.frombuffer(data, "<f4", channels, position).copy())
    result = functional.conv2d(inputs[0], weight, bias, padding=int(options["4"]))
    if options.get("9") == "2":
        result = functional.leaky_relu(result, numbers(options["-23310"])[0])
    return result, position + 4 * channels


def prelu(inputs, options, data, position):
    slopes = np.frombuffer(data, "<f4", int(options["0"]), position).copy()
    return functional.prelu(inputs[0], torch.from_numpy(slopes)), position + slopes.nbytes


def eltwise(inputs, options, data, position):
    assert options["0"] == "1"
    a, b = numbers(options["-23301"])
    return a * inputs[0] + b * inputs[1], position


def interp(inputs, options, data, position):
    assert options["0"] == "1"
    assert options["1"] == options["2"]
    times = int(float(options["1"]))
    return inputs[0].repeat_interleave(times, 2).repeat_interleave(times, 3), position


def pixel_shuffle(inputs, options, data, position):
    r = int(options["0"])
    n, c, h, w = inputs[0].shape
    parts = inputs[0].reshape(n, c // r**2, r, r, h, w)
    return parts.permute(0, 1, 4, 2, 5, 3).reshape(n, c // r**2, h * r, w * r), position


def binary_op(inputs, options, data, position):
    assert options.get("0", "0") == "0"
    return inputs[0] + inputs[1], position


def numbers(text: str) -> list[float]:
    count, *values = text.split(",")
    assert int(count) == len(values)
    return [float(value) for value in values]


OPERATIONS = {
    "Input": lambda inputs, options, data, position: (inputs[0], position),
    "Split": lambda inputs, options, data, position: (inputs[0], position),
    "Concat": lambda inputs, options, data, position: (torch.cat(inputs, 1), position),
    "Convolution": convolution,
    "PReLU": prelu,
    "Eltwise": eltwise,
    "Interp": interp,
    "PixelShuffle": pixel_shuffle,
    "BinaryOp": binary_op,
}
