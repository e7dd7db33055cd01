"""Roman numbers, both ways: `to_roman(2026) == "MMXXVI"`."""

import re

__all__ = ["from_roman", "to_roman"]

SIGNS = {
    "M": 1000,
    "CM": 900,
    "D": 500,
    "CD": 400,
    "C": 100,
    "XC": 90,
    "L": 50,
    "XL": 40,
    "X": 10,
    "IX": 9,
    "V": 5,
    "IV": 4,
    "I": 1,
}
FORM = re.compile("M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")


def to_roman(number: int) -> str:
    """The Roman form of a number from 1 to 3999.

    >>> to_roman(1994)
    'MCMXCIV'
    """
    if not 1 <= number <= 3999:
        raise ValueError(f"{number} has no Roman form: they go from 1 to 3999")
    written = ""
    for sign, value in SIGNS.items():
        times, number = divmod(number, value)
        written += sign * times
    return written


def from_roman(text: str) -> int:
    """The number that a Roman form in capital letters stands for.

    >>> from_roman("MMXXVI")
    2026
    """
    if not text or not FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not a Roman number")
    signs = re.findall("|".join(sorted(SIGNS, key=len, reverse=True)), text)
    return sum(SIGNS[sign] for sign in signs)
