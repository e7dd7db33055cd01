"""Unified diffs are applied strictly, or refused with the hunk and the line that do not fit."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.runners.patch import PatchError, apply, is_applied, lines_of, read_diff

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "--- x", "+++ y", "@@ z", "\\ q", "-", "\r"]), max_size=14)
TEXT = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


def unified(before: str, after: str, context: int = 3) -> str:
    """The diff that `diff -u` would write."""
    written: list[str] = []
    for line in difflib.unified_diff(lines_of(before), lines_of(after), "old", "new", n=context):
        written += [line] if line.endswith("\n") else [line + "\n", "\\ No newline at end of file\n"]
    return "".join(written)


@given(TEXT, TEXT, st.integers(0, 3))
def test_a_diff_of_two_texts_makes_one_of_the_other(before: str, after: str, context: int) -> None:
    text = unified(before, after, context)
    if before == after:
        return
    diff = read_diff(text)
    assert "".join(apply(diff, lines_of(before))) == after
    assert is_applied(diff, lines_of(after))


TEN = "".join(f"{n}\n" for n in range(10))


def patched(diff: str, text: str = TEN) -> str:
    return "".join(apply(read_diff(diff), lines_of(text)))


def test_a_hunk_is_found_where_its_lines_moved_to() -> None:
    assert patched("@@ -2,3 +2,3 @@\n 5\n-6\n+six\n 7\n") == TEN.replace("6", "six")


def test_an_editor_may_have_cut_the_space_of_an_empty_line() -> None:
    assert patched("@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n", "a\n\nb\n") == "a\n\nc\n"


def test_a_file_with_carriage_returns_keeps_them() -> None:
    assert patched("@@ -1,2 +1,3 @@\n a\n+x\n b\n", "a\r\nb\r\n") == "a\r\nx\r\nb\r\n"


@pytest.mark.parametrize(
    ("diff", "words"),
    [
        ("", "has no hunk"),
        ("hello\n", "has no hunk"),
        (
            "@@ -1 +1 @@\n-x\n+y\n",
            "hunk 1 (line 1 of the diff) does not fit: it expects line 1 to be 'x', but it is '0'",
        ),
        ("@@ -3,2 +3,2 @@\n 2\n-x\n+y\n", "it expects line 4 to be 'x', but it is '3'"),
        ("@@ -10,2 +10,2 @@\n 9\n-x\n+y\n", "it expects line 11 to be 'x', and the file has 10 lines"),
        ("@@ -1,3 +1,3 @@\n 0\n-1\n+one\n", "ends before the lines that its header counts"),
        (
            "@@ -1,1 +1,1 @@\n-0\n+zero\n 1\n",
            "line 4 of the diff is beyond the lines that the header of its hunk counts",
        ),
        ("@@ -1,2 +1,2 @@\n 0\n*1\n+one\n", "line 3 of the diff begins with '*', not with a space, + or -"),
        ("@@ 1,2 @@\n", "line 1 of the diff is no hunk header"),
        ("--- a\n+++ b\n@@ -1 +1 @@\n-0\n+x\n--- c\n+++ d\n@@ -1 +1 @@\n-0\n+x\n", "the diff is of 2 files"),
        ("Binary files a and b differ\n", "of a binary file"),
        ("@@ -20,0 +21 @@\n+x\n", "the file has 10 lines, and it adds after line 20"),
        ("@@ -1 +1 @@\n-0\n+x\n\\ No newline at end of file\n", "would not be the file's last"),
    ],
)
def test_a_diff_that_does_not_fit_says_where(diff: str, words: str) -> None:
    with pytest.raises(PatchError) as caught:
        patched(diff)
    assert words in str(caught.value)


def test_lines_at_more_than_one_place_are_no_place() -> None:
    with pytest.raises(PatchError, match="expects line 2 to be 'a'"):
        patched("@@ -2 +2 @@\n-a\n+x\n", "a\nb\na\n")
