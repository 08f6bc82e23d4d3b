"""A stranger's text as it may be shown: on one line, not too long, with nothing that steers or deceives a terminal."""

import re

LONGEST = 120
# Unicode calls these letters or marks, and shows nothing for them.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def escaped(text: str) -> str:
    """Write a text so that it is one line, encodes as UTF-8, and shows every character that it has.

    Args:
        text: any; bytes of a file name that are not UTF-8 are surrogate escapes.

    Returns:
        The text itself where it is plain; else with `\\xff` for such a byte, `\\u202e` for a character that does not
        print, turns the direction of others or has no width, and two backslashes for one: different texts stay
        different.
    """
    if text.isprintable() and "\\" not in text and not _BLANK.search(text):
        return text
    return "".join(c if c.isprintable() and c != "\\" and not _BLANK.match(c) else _escape(c) for c in text)


def shown(text: object, most: int = LONGEST) -> str:
    """Write a text of unknown origin for a person: as `escaped`, and cut where it is longer than that.

    Args:
        text: such as a class name or a licence of a file.
        most: characters.
    """
    line = escaped(str(text)[: most + 1])
    return line if len(line) <= most else f"{line[: most - 3]}..."


def harmless(text: str) -> str:
    """Write lines for a terminal: as they are, but for what steers it; bytes of file names stay what they are.

    Args:
        text: of our own making, perhaps with a stranger's text in it.
    """
    return text if text.isprintable() else "".join(c if _may_pass(c) else _escape(c) for c in text)


def _may_pass(character: str) -> bool:
    return character.isprintable() or character == "\n" or "\udc80" <= character <= "\udcff"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character == "\\":
        return "\\\\"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
