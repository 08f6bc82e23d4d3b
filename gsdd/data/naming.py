"""File names as text that can be printed, logged and stored, whatever bytes the file system holds."""

from pathlib import PurePath


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character == "\\":
        return "\\\\"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(name: str | PurePath) -> str:
    """Write a file name so that it is one line, has no control characters and encodes as UTF-8.

    Args:
        name: as Python reads it from the file system: bytes that are not UTF-8 are surrogate escapes. The folders of
            a path are told apart by slashes, on Windows too.

    Returns:
        The name itself when it is plain; else with `\\xff` for such a byte, `\\u000a` for a character that does not
        print and two backslashes for one, so that different names stay different.
    """
    text = name if isinstance(name, str) else name.as_posix()
    return "".join(c if c.isprintable() and c != "\\" else _escape(c) for c in text)
