"""Text for a terminal: foreign text is made harmless, and measured in cells."""

import re
import unicodedata

# Compiled when first used, which `re` remembers: a short command needs none of them.
_SEQUENCES = (
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_k][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC, window title
    r"|\x1b[ -/]*[0-~]"
    r"|\x1b"
)
_COLOUR = r"\x1b\[[0-9;:]*m"
_INVISIBLE = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)
_SURROGATES = r"[\ud800-\udfff]"
TAB = 8


def clean(text: str) -> str:
    """One or more lines without anything that moves the cursor, changes the terminal or hides text.

    Control sequences, control characters and direction overrides go; a tab becomes a space, a byte that was not
    UTF-8 a question mark.
    """
    if text.isascii() and text.isprintable():
        return text
    text = re.sub(_SEQUENCES, "", text).replace("\t", " ")
    return re.sub(_SURROGATES, "?", re.sub(_INVISIBLE, "", text))


def one_line(text: str) -> str:
    """`clean` text on one line."""
    return " ".join(clean(text).split()) if "\n" in text else clean(text).strip()


def shown(line: str) -> str:
    """A line of a log for a terminal: colours stay, everything else that is not text goes.

    A carriage return starts the line again, as a terminal would show it.
    """
    line = last_overwrite(line)
    parts, position = [], 0
    for colour in re.finditer(_COLOUR, line):
        parts += [_plain(line[position : colour.start()]), colour[0]]
        position = colour.end()
    parts.append(_plain(line[position:]))
    text = "".join(parts)
    return f"{text}\x1b[0m" if position else text


def last_overwrite(line: str) -> str:
    """What is left of a line that carriage returns have overwritten (progress bars)."""
    return next((part for part in reversed(line.split("\r")) if part), "")


def compact(value: object) -> str:
    """A value on one line: text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)


def cells(text: str) -> int:
    """How many columns a terminal needs for clean text."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def cut(text: str, width: int) -> str:
    """Clean text in at most `width` columns; an ellipsis stands for what was cut."""
    if cells(text) <= width:
        return text
    if width < 1:
        return ""
    room, taken = width - 1, []
    for character in text:
        room -= _cell(character)
        if room < 0:
            break
        taken.append(character)
    return "".join(taken) + "…"


def padded(text: str, width: int) -> str:
    """Clean text filled with spaces to `width` columns."""
    return text + " " * (width - cells(text))


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 step`, `2 steps`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _plain(text: str) -> str:
    return clean(text.expandtabs(TAB))


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
