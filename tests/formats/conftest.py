"""A sound sample taken apart, a reader that must accept, and one that must refuse."""

import pytest
from sample_file import take_apart, write_sample

from gsdd.errors import FormatError
from gsdd.formats import container as files


@pytest.fixture
def sound(tmp_path) -> tuple[dict, dict[str, bytes]]:
    return take_apart(write_sample(tmp_path / "sound.gsdd").read_bytes())


@pytest.fixture
def accepted(tmp_path):
    """Read bytes that must be accepted; give what they hold."""

    def read(data: bytes) -> files.Contents:
        path = tmp_path / "given.gsdd"
        path.write_bytes(data)
        return files.read(path)

    return read


@pytest.fixture
def refusal(accepted, tmp_path):
    """Read bytes that must be refused; give the message."""

    def read(data: bytes) -> str:
        with pytest.raises(FormatError) as caught:
            accepted(data)
        text = str(caught.value)
        assert text.startswith(f"{tmp_path / 'given.gsdd'}: ")
        assert text.isprintable()
        assert len(text) < len(str(tmp_path)) + 412
        return text

    return read
