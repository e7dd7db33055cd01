"""Patterns: what they match, what is refused, and that no text makes them slow."""

import random

import pytest

from holdfast.plan.expr import ExpressionError, compile_pattern
from holdfast.plan.language.automaton import MAX_CACHED
from holdfast.plan.language.work import Work


@pytest.mark.parametrize(
    ("pattern", "text", "found", "whole"),
    [
        ("", "", True, True),
        ("", "a", True, False),
        ("a", "ba", True, False),
        ("a|bc", "bc", True, True),
        ("a|", "", True, True),
        ("(a|b)*c", "abac", True, True),
        ("(?:ab)+", "ababx", True, False),
        ("(?P<day>a)b", "ab", True, True),
        ("a?b", "b", True, True),
        ("a{2}", "aa", True, True),
        ("a{2,}", "aaaa", True, True),
        ("a{2,3}", "aaaa", True, False),
        ("a{,2}b", "aab", True, True),
        ("a{,}b", "aaab", True, True),
        ("a{0}b", "ab", True, False),
        ("a*?b+?c??", "aabb", True, True),
        ("a{", "a{", True, True),
        ("a{}", "a{}", True, True),
        ("a{x}", "a{x}", True, True),
        ("a{1,x", "a{1,x", True, True),
        ("}]", "}]", True, True),
        ("(a{3}-)+", "aaa-aaa-", True, True),
        ("(a{1,2}b){2}", "aabab", True, True),
        ("(a+)?", "aa", True, True),
        ("(a+){1}", "aa", True, True),
        ("()*a", "a", True, True),
        (".", "\n", False, False),
        ("(?s).", "\n", True, True),
        ("(?i)ÄB[c-d]", "äbD", True, True),
        ("(?i)[^a]", "A", False, False),
        ("(?im)^B$", "a\nb\n", True, False),
        ("^a$", "a\n", True, False),
        ("^a$", "a\nb", False, False),
        ("a$\n", "a\n", True, True),
        (r"a\Z", "a\n", False, False),
        (r"\Aa", "ba", False, False),
        ("(?m)^b$", "a\nb\nc", True, False),
        ("(?m)a$", "a\n\nb", True, False),
        (r"\bcat\b", "a cat!", True, False),
        (r"\bcat\b", "concat", False, False),
        (r"\Bcat", "concat", True, False),
        (r"^\b", "", False, False),
        (r"(^)a(\b)", "a", True, True),
        (r"\d+\D\w\W\s\S", "12-a. x", True, True),
        (r"[\d_a-c.\]\-^]+", "1_b.]-^", True, True),
        (r"[^\D]", "5", True, True),
        ("[]a]+", "]a", True, True),
        ("[^]a]", "]", False, False),
        ("[a-]+", "-a", True, True),
        (r"[\b]", "\b", True, True),
        (r"\t\n\r\f\v\a\0", "\t\n\r\f\v\a\0", True, True),
        (r"\x41\u00e9\U0001F600", "Aé\U0001f600", True, True),
        (r"\.\*\(\\\é", ".*(\\é", True, True),
    ],
)
def test_a_pattern_matches(pattern: str, text: str, found: bool, whole: bool) -> None:  # noqa: FBT001 - a table
    compiled = compile_pattern(pattern)
    assert (compiled.search(text), compiled.fullmatch(text)) == (found, whole)
    assert compiled.text == pattern


@pytest.mark.parametrize(
    ("pattern", "headline", "offset"),
    [
        ("(a", "pattern: this ( is never closed", 0),
        ("a)", "pattern: this ) closes nothing", 1),
        ("[a", "pattern: this [ is never closed", 0),
        ("[]", "pattern: this [ is never closed", 0),
        ("[a-", "pattern: this [ is never closed", 0),
        ("*a", "pattern: there is nothing to repeat", 0),
        ("a|+", "pattern: there is nothing to repeat", 2),
        ("{2}", "pattern: there is nothing to repeat", 0),
        ("^*", "pattern: there is nothing to repeat", 1),
        ("a**", "pattern: a quantifier after a quantifier", 2),
        ("a++", "pattern: a quantifier after a quantifier", 2),
        ("a{2}{3}", "pattern: a quantifier after a quantifier", 4),
        ("a{1001}", "pattern: a count is at most 1,000", 1),
        ("a{99999}", "pattern: a count is at most 1,000", 1),
        ("a{3,2}", "pattern: the first count is above the second", 1),
        ("[b-a]", "pattern: this range is not from a lower to a higher character", 0),
        (r"[\d-z]", "pattern: this range is not from a lower to a higher character", 0),
        (r"[a-\d]", "pattern: this range is not from a lower to a higher character", 0),
        (r"\1", "pattern: back-references are not part of patterns", 0),
        (r"\01", "pattern: back-references are not part of patterns", 0),
        (r"\q", r"pattern: \q is not an escape", 0),
        (r"a\Q", r"pattern: \Q is not an escape", 1),
        ("a\\", "pattern: \\ is not an escape", 1),
        (r"\x4", r"pattern: \x needs 2 hexadecimal digits of a character", 0),
        (r"\U00110000", r"pattern: \U needs 8 hexadecimal digits of a character", 0),
        ("(?=a)", "pattern: look-around, back-references and special groups are not part of patterns", 0),
        ("(?!a)", "pattern: look-around, back-references and special groups are not part of patterns", 0),
        ("(?<=a)b", "pattern: look-around, back-references and special groups are not part of patterns", 0),
        ("(?<!a)b", "pattern: look-around, back-references and special groups are not part of patterns", 0),
        ("(?P<a>b)(?P=a)", "pattern: look-around, back-references and special groups are not part of patterns", 8),
        ("(?>a)", "pattern: look-around, back-references and special groups are not part of patterns", 0),
        ("a(?i)", "pattern: look-around, back-references and special groups are not part of patterns", 1),
        ("(?i:a)", "pattern: look-around, back-references and special groups are not part of patterns", 0),
        ("(" * 33 + "a" + ")" * 33, "pattern: groups are nested deeper than 32", 32),
        ("a" * 4_097, "the pattern is longer than 4,096 characters", None),
        ("(a{1000}){3}", "the pattern with its counts written out has more than 2,500 parts", None),
        ("((a{40}){40}){40}", "the pattern with its counts written out has more than 2,500 parts", None),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, headline: str, offset: int | None) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_pattern(pattern)
    assert (caught.value.headline, caught.value.offset) == (headline, offset)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*",
        "(a|b*)+c",
        "((a+)b)*",
        "(.*a){20}",
        "(a?)*",
        "(a{1,2})+",
        "(a+b?){2,}",
        "x(y(z+))*",
        "(a+)??b(c*){2}",
    ],
)
def test_nested_quantifiers_are_refused(pattern: str) -> None:
    with pytest.raises(ExpressionError, match="nested quantifiers"):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", ["a*a*a*a*a*b", "(a|a)*b", ".*.*.*b$", "(a|aa|aaa)*b", "a{0,200}a{0,200}b", "a{500}b", "(x|a)*(y|a)*b"]
)
def test_a_text_that_keeps_other_matchers_busy_for_ages_is_done_within_the_limit_of_work(pattern: str) -> None:
    assert compile_pattern(pattern).search("a" * 65_536) is False


def test_a_match_that_needs_too_many_states_runs_into_the_limit_of_work() -> None:
    text = "".join(random.Random(1).choices("ab", k=60_000))
    with pytest.raises(ExpressionError, match="units of work"):
        compile_pattern("(a|b)*a(a|b){200}$").search(text)


def test_a_set_of_many_ranges_is_charged_for_them() -> None:
    ranges = "".join(f"{chr(code)}-{chr(code + 1)}" for code in range(0x4E00, 0x4E00 + 3_000, 3))
    spent = Work()
    compile_pattern(f"[{ranges}]+$").search("\u9999" * 10, spent)
    plain = Work()
    compile_pattern("[b-c]+$").search("\u9999" * 10, plain)
    assert plain.left > spent.left


def test_more_states_than_are_remembered_do_not_change_the_answer() -> None:
    letters = random.Random(2).choices("ab", k=4_000)
    text = "".join(letters) + "a" + "b" * 12
    pattern = compile_pattern("a(a|b){12}$")
    assert MAX_CACHED < 4_000
    assert pattern.search(text) is True
    assert pattern.search(text + "b") is False


def test_a_pattern_is_matched_on_at_most_64_kib() -> None:
    assert compile_pattern("b").search("a" * 65_535 + "b") is True
    with pytest.raises(ExpressionError, match="at most 65,536 characters"):
        compile_pattern("b").search("a" * 65_537)
