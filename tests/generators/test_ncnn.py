import shutil
from pathlib import Path

import pytest
import torch
from generators.ncnn_graph import evaluate
from generators.photo import real_latent

from gsdd.errors import GeneratorError
from gsdd.generators.load import load_named
from gsdd.generators.named import NAMED
from gsdd.generators.ncnn import read_ncnn
from gsdd.generators.places import find_weights

COMPACT = NAMED["realesr-animevideov3"]


@pytest.fixture
def compact(tmp_path) -> Path:
    """The graph of a copy of the compact network that a test may damage."""
    source = find_weights(COMPACT)
    shutil.copy(source.with_suffix(".bin"), tmp_path / "net.bin")
    return Path(shutil.copy(source, tmp_path / "net.param"))


@pytest.mark.parametrize("name", NAMED)
def test_the_converted_network_makes_the_image_that_the_ncnn_graph_makes(name):
    z = real_latent(12)
    with torch.no_grad():
        image = load_named(NAMED[name])(z)
        expected = evaluate(find_weights(NAMED[name]), z)
    assert image.shape == (1, 3, 48, 48)
    assert image.std() > 0.03
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-4)


def test_the_gradient_to_the_latent_is_that_of_the_ncnn_graph():
    z = real_latent(12).requires_grad_(True)
    again = z.detach().clone().requires_grad_(True)
    load_named(COMPACT)(z).square().sum().backward()
    evaluate(find_weights(COMPACT), again).square().sum().backward()
    torch.testing.assert_close(z.grad, again.grad, rtol=1e-4, atol=1e-4)


def test_weights_may_be_float32_behind_a_zero_tag(tmp_path):
    (tmp_path / "net.param").write_text(
        "7767517\n4 4\nInput in 0 1 a\nConvolution c 1 1 a b 0=2 1=1 4=0 5=1 6=6\nPReLU p 1 1 b c 0=2\n"
        "Convolution d 1 1 c d 0=1 1=1 4=0 5=1 6=2\n"
    )
    values = torch.arange(13, dtype=torch.float32)
    data = bytes(4) + values[:10].numpy().tobytes() + bytes(4) + values[10:].numpy().tobytes()
    (tmp_path / "net.bin").write_bytes(data)
    state = read_ncnn(tmp_path / "net.param")
    assert state["body.0.weight"].flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert state["body.0.weight"].shape == (2, 3, 1, 1)
    assert state["body.0.bias"].tolist() == [6, 7]
    assert state["body.1.weight"].tolist() == [8, 9]
    assert state["body.2.weight"].shape == (1, 2, 1, 1)
    assert state["body.2.bias"].tolist() == [12]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("7767517", "7767518", "not an ncnn graph"),
        ("40 41", "39 41", "40 layers, and its header says '39'"),
        ("40 41", "", "header says ''"),
        ("PixelShuffle ", "Softmax ", "layer Softmax is not of"),
        ("0=64 1=3 4=1 5=1 6=1728", "0=64 1=3 4=1 5=1 6=1729", "damaged or foreign layer: Convolution Conv_0"),
        ("0=64 1=3 4=1 5=1 6=1728", "0=64 1=3 4=1 5=1 6=-64", "damaged or foreign layer"),
        ("0=64 1=3 4=1 5=1 6=1728", "0=64 1=3 4=1 5=1", "damaged or foreign layer"),
        ("0=64 1=3 4=1 5=1 6=1728", "0=64 1=3 3=2 4=1 5=1 6=1728", "damaged or foreign layer"),
        ("0=64 1=3 4=1 5=1 6=1728", "0=6四 1=3", "damaged or foreign layer"),
        ("0=64 1=3 4=1 5=1 6=1728", "0=64 1=3 4=1 5=1 6=172800000000000", "bytes short of Conv_0"),
        ("PRelu_1                  1 1 54 56 0=64", "PRelu_1 1 1 54 56 0=0", "damaged or foreign layer"),
        ("PRelu_1                  1 1 54 56 0=64", "PRelu_1 1", "damaged or foreign layer"),
        ("PReLU                    PRelu_33", "Split PRelu_33", "do not take turns"),
    ],
)
def test_a_damaged_graph_is_named_in_one_line(compact, old, new, complaint):
    text = compact.read_text()
    assert old in text
    compact.write_text(text.replace(old, new, 1))
    # The order of layers is found out of turn only once their weights were read: shorten those too.
    data = compact.with_suffix(".bin").read_bytes()
    if new.startswith("Split"):
        conv = 4 + 2 * 27648 + 4 * 48
        compact.with_suffix(".bin").write_bytes(data[: -conv - 256] + data[-conv:])
    with pytest.raises(GeneratorError, match=complaint) as caught:
        read_ncnn(compact)
    assert "net." in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda data: data[:-1], "ends 1 bytes short of Conv_34"),
        (lambda data: data + b"\0", "1 bytes are left over"),
        (lambda data: b"\x38" + data[1:], "unknown tag 0x01306b38"),
        (lambda data: b"", "ends 4 bytes short of Conv_0"),
    ],
)
def test_damaged_weights_are_named_in_one_line(compact, damage, complaint):
    weights = compact.with_suffix(".bin")
    weights.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(GeneratorError, match=complaint):
        read_ncnn(compact)


def test_missing_weights_are_named(compact):
    compact.with_suffix(".bin").unlink()
    with pytest.raises(GeneratorError, match=r"net\.bin: cannot be read: No such file"):
        read_ncnn(compact)


def test_an_oversized_graph_is_not_read(compact):
    with compact.open("ab") as file:
        file.truncate(5 << 20)
    with pytest.raises(GeneratorError, match="at most 4,194,304"):
        read_ncnn(compact)


def test_a_number_of_convolutions_that_makes_no_esrgan_is_refused(compact):
    source = find_weights(NAMED["realesrgan-x4plus-anime"])
    lines = source.read_text().splitlines()
    dropped = next(index for index, line in enumerate(lines) if line.startswith("Convolution") and "Conv_13 " in line)
    layers = int(lines[1].split()[0])
    compact.write_text("\n".join([lines[0], f"{layers - 1} 0", *lines[2:dropped], *lines[dropped + 1 :]]))
    weights = source.with_suffix(".bin").read_bytes()
    skipped = sum(4 + 2 * n + 4 * c for c, n in ((64, 1728), (32, 18432), (32, 27648), (32, 36864), (32, 46080)))
    compact.with_suffix(".bin").write_bytes(weights[:skipped] + weights[skipped + 4 + 2 * 110592 + 4 * 64 :])
    with pytest.raises(GeneratorError, match="95 convolutions do not make an x4 ESRGAN"):
        read_ncnn(compact)
