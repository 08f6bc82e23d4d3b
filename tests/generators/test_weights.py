import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gsdd.errors import GeneratorError, GeneratorNotFoundError
from gsdd.generators.load import load_generator
from gsdd.generators.named import NAMED
from gsdd.generators.ncnn import read_ncnn
from gsdd.generators.places import find_weights

COMPACT = NAMED["realesr-animevideov3"]


class Bomb:
    """Unpickled without care, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def compact() -> dict[str, torch.Tensor]:
    return read_ncnn(find_weights(COMPACT))


@pytest.mark.parametrize("wrapper", [None, "params", "params_ema", "state_dict"])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt"])
def test_a_state_dict_saved_by_torch_is_read_in_any_usual_wrapping(tmp_path, compact, suffix, wrapper):
    path = tmp_path / f"my{suffix}"
    torch.save({wrapper: compact} if wrapper else compact, path)
    reference = load_generator(str(path)).reference
    assert reference.fingerprint == COMPACT.fingerprint
    assert (reference.name, reference.origin, reference.licence) == (path.name, f"the file {path.name}", "unknown")
    assert (reference.architecture, reference.parameters) == ("Compact 64nf 16nc", 621_424)


def test_both_sets_of_weights_in_one_file_means_the_averaged_ones(tmp_path, compact):
    last = {key: value * 0 for key, value in compact.items()}
    torch.save({"params": last, "params_ema": compact}, tmp_path / "a.pth")
    assert load_generator(str(tmp_path / "a.pth")).fingerprint == COMPACT.fingerprint


def test_the_oldest_format_of_torch_is_read(tmp_path, compact):
    torch.save(compact, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert load_generator(str(tmp_path / "old.pth")).fingerprint == COMPACT.fingerprint


def test_safetensors_are_read_and_float16_ones_are_made_float32(tmp_path, compact):
    half = {key: value.half() for key, value in compact.items()}
    save_file(half, tmp_path / "half.safetensors")
    generator = load_generator(str(tmp_path / "half.safetensors"))
    assert {weight.dtype for weight in generator.network.parameters()} == {torch.float32}
    assert torch.equal(generator.network.state_dict()["body.0.weight"], compact["body.0.weight"])


def test_the_blocks_of_realesrgan_keep_their_fingerprint_under_the_older_names(tmp_path):
    named = NAMED["realesrgan-x4plus-anime"]
    renamed = {"conv_body": "trunk_conv", "conv_up": "upconv", "conv_hr": "HRconv", "rdb": "RDB"}
    older = {}
    for key, value in read_ncnn(find_weights(named)).items():
        for new, old in renamed.items():
            key = key.replace(new, old)
        older[re.sub("^body", "RRDB_trunk", key)] = value
    assert "RRDB_trunk.5.RDB3.conv5.bias" in older
    save_file(older, tmp_path / "older.safetensors")
    assert load_generator(str(tmp_path / "older.safetensors")).fingerprint == named.fingerprint


@pytest.mark.parametrize("how", ["zip archive", "bare pickle", "beside weights"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, compact, how):
    path, trace = tmp_path / "bomb.pth", tmp_path / "it ran"
    if how == "bare pickle":
        path.write_bytes(pickle.dumps(Bomb(trace)))
    elif how == "zip archive":
        torch.save(Bomb(trace), path)
    else:
        torch.save({"params": compact, "hyper_parameters": Bomb(trace)}, path)
    with pytest.raises(GeneratorError, match=r"bomb\.pth: refused: it holds more than tensors") as caught:
        load_generator(str(path))
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Bomb(trace)))
    assert trace.exists()


def test_a_small_archive_that_says_it_unpacks_to_gigabytes_is_refused(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/0", b"small")
        archive.filelist[0].file_size = 3 << 30
    with pytest.raises(GeneratorError, match="claims to unpack to 3221225472 bytes"):
        load_generator(str(path))


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x80\2.", b"not weights at all, but a longer text", bytes(100)])
def test_a_file_that_holds_no_weights_is_named_in_one_line(tmp_path, suffix, content):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(GeneratorError, match=r"broken\.") as caught:
        load_generator(str(path))
    assert "\n" not in str(caught.value)


def test_an_archive_whose_directory_is_garbled_is_named_in_one_line(tmp_path, compact):
    path = tmp_path / "broken.pth"
    torch.save(compact, path)
    path.write_bytes(path.read_bytes().replace(b"broken/data.pkl", b"broken/dat\xb2.pkl"))
    with pytest.raises(GeneratorError, match=r"broken\.pth: damaged"):
        load_generator(str(path))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_cut_short_is_named_in_one_line(tmp_path, compact, suffix):
    path = tmp_path / f"short{suffix}"
    torch.save(compact, path) if suffix == ".pth" else save_file(compact, path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(GeneratorError, match=r"short\.") as caught:
        load_generator(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda state: {"weight": torch.zeros(3, 3)}, "not a network that spandrel recognises"),
        (lambda state: {}, "holds a dict; wanted a dictionary of tensors"),
        (lambda state: [1, 2], "holds a list; wanted a dictionary of tensors"),
        (lambda state: {key: value for key, value in state.items() if key != "body.2.bias"}, "spandrel.*body.2.bias"),
        (lambda state: state | {"body.4.weight": torch.zeros(64, 64, 1, 1)}, "spandrel.*size mismatch"),
        (lambda state: state | {"body.4.bias": torch.full((64,), torch.nan)}, "some weights are NaN or infinite"),
        (lambda state: scaled(state, 5), "Compact 64nf 16nc: purpose SR, x5, 3 channels in and 3 out; wanted .* x8"),
    ],
)  # fmt: skip
def test_a_network_that_is_no_generator_is_refused(tmp_path, compact, change, complaint):
    torch.save(change(compact), tmp_path / "other.pth")
    with pytest.raises(GeneratorError, match=complaint) as caught:
        load_generator(str(tmp_path / "other.pth"))
    assert "\n" not in str(caught.value)


def scaled(state: dict[str, torch.Tensor], scale: int) -> dict[str, torch.Tensor]:
    """The compact network with a last layer for another scale."""
    channels = 3 * scale**2
    weight = state["body.34.weight"].repeat(2, 1, 1, 1)[:channels]
    return state | {"body.34.weight": weight, "body.34.bias": torch.zeros(channels)}


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_a_network_of_another_scale_is_a_generator_of_that(tmp_path, compact, scale):
    torch.save(scaled(compact, scale), tmp_path / "other.pth")
    generator = load_generator(str(tmp_path / "other.pth"))
    assert generator.latent_shape(48) == (3, 48 // scale, 48 // scale)


def test_a_file_that_is_not_there_says_how_to_give_another():
    with pytest.raises(GeneratorNotFoundError, match=r"no/such\.pth: no such file .*`generator=PATH`"):
        load_generator("no/such.pth")


def test_a_file_of_another_kind_is_refused_by_its_suffix(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"onnx")
    with pytest.raises(GeneratorError, match=r"suffix '\.onnx'; wanted one of \.safetensors, \.pth, \.pt, \.ckpt"):
        load_generator(str(tmp_path / "net.onnx"))


def test_loading_prints_nothing_and_lets_no_warning_of_the_libraries_through(tmp_path, compact):
    torch.save(compact, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    script = "import sys; from gsdd.generators.load import load_generator as f; [f(name) for name in sys.argv[1:]]"
    command = [sys.executable, "-W", "always", "-c", script, str(tmp_path / "a.pth"), COMPACT.name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
