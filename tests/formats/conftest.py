"""A sound sample taken apart, and a reader that must refuse."""

import pytest
from sample_file import take_apart, write_sample

from gsdd.errors import FormatError
from gsdd.formats import container as files


@pytest.fixture
def sound(tmp_path) -> tuple[dict, dict[str, bytes]]:
    return take_apart(write_sample(tmp_path / "sound.gsdd").read_bytes())


@pytest.fixture
def refusal(tmp_path):
    """Read bytes that must be refused; give the message."""

    def read(data: bytes) -> str:
        path = tmp_path / "hostile.gsdd"
        path.write_bytes(data)
        with pytest.raises(FormatError) as caught:
            files.read(path)
        text = str(caught.value)
        assert text.startswith(f"{path}: ")
        assert text.isprintable()
        assert len(text) < len(str(path)) + 400
        return text

    return read
