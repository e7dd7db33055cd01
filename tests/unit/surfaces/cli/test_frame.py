"""Lines of the live view."""

from holdfast.surfaces.cli.frame import WORD, WORD_STYLE


def test_two_spaces_stand_behind_the_longest_word() -> None:
    assert max(map(len, WORD_STYLE)) + 2 == WORD
