import pytest

from roman_numbers import from_roman, to_roman


def test_every_number_comes_back() -> None:
    assert [from_roman(to_roman(number)) for number in range(1, 4000)] == list(range(1, 4000))


@pytest.mark.parametrize(("number", "text"), [(1, "I"), (4, "IV"), (49, "XLIX"), (944, "CMXLIV"), (3999, "MMMCMXCIX")])
def test_known_numbers(number: int, text: str) -> None:
    assert to_roman(number) == text


@pytest.mark.parametrize("number", [-1, 0, 4000])
def test_a_number_without_a_roman_form_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="has no Roman form"):
        to_roman(number)


@pytest.mark.parametrize("text", ["", "IIII", "VX", "iv", "MMMM", "IC", "X "])
def test_what_is_not_a_roman_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Roman number"):
        from_roman(text)
