"""The runner of shown commands finds what is wrong on a page, and nothing else."""

from pathlib import Path

import pytest

from tests.e2e.transcript import Command, File, differences, matches, parse, run

SAMPLE = """# Title

```yaml
# sub/plan.yaml
plan: hello
```

Prose. ```console is not at the start of this line.

```console
$ cat sub/plan.yaml
# sub/plan.yaml
plan: hello
$ cd sub && date +%Y; false
20…
$ echo $?
1
```

1. In a list:
   ```console
   $ for i in 1 2 3; do
   >   echo "line $i" >&2
   > done
   line 1
   …
   $ pwd; read -r x
   …/work/sub
   $ echo $?
   1
   ```

```sh
not run
```
"""


def test_a_page_gives_its_files_and_commands_in_order() -> None:
    page = parse(SAMPLE)
    assert page[0] == File(4, "sub/plan.yaml", "# sub/plan.yaml\nplan: hello\n")
    assert page[1] == Command(11, "cat sub/plan.yaml", ("# sub/plan.yaml", "plan: hello"))
    assert page[4] == Command(22, 'for i in 1 2 3; do\n  echo "line $i" >&2\ndone', ("line 1", "…"))
    assert len(page) == 7


def test_a_true_page_passes(tmp_path: Path) -> None:
    assert differences(run(parse(SAMPLE), tmp_path)) == []


def shown(tmp_path: Path, *lines: str) -> list[str]:
    return differences(run(parse("\n".join(["```console", *lines, "```"])), tmp_path))


def test_another_output_is_found_with_its_line(tmp_path: Path) -> None:
    assert shown(tmp_path, "$ echo one", "one", "$ echo two", "three") == ["line 4: $ echo two\n  - three\n  + two"]


def test_an_output_the_page_does_not_show_is_found(tmp_path: Path) -> None:
    assert shown(tmp_path, "$ echo one; echo two", "one") == ["line 2: $ echo one; echo two\n  - one\n  + one\n  + two"]


def test_a_failure_the_page_does_not_show_is_found(tmp_path: Path) -> None:
    assert shown(tmp_path, "$ sh -c 'exit 3'") == ["line 2: $ sh -c 'exit 3'\n  ended with 3 and printed\n"]


def test_a_command_that_ends_the_shell_is_found(tmp_path: Path) -> None:
    found = shown(tmp_path, "$ exit 0", "$ echo two", "two")
    assert [text.split("\n")[1] for text in found] == ["  did not end, or ended the shell"] * 2


def test_a_console_block_without_a_prompt_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 2: a console block begins with a command"):
        parse("```console\nholdfast demo\n```\n")


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ((), (), True),
        ((), ("x",), False),
        (("a",), ("a",), True),
        (("a",), ("a  ", "", ""), True),
        (("a", "", ""), ("a",), True),
        (("run … done in …s",), ("run 01H done in 0.42s",), True),
        (("run … done",), ("run 1", "done"), False),
        (("…",), (), True),
        (("…",), ("a", "b"), True),
        (("a", "…", "c"), ("a", "b", "b", "c"), True),
        (("a", "…", "c"), ("a", "c"), True),
        (("a", "…", "c"), ("a", "b"), False),
        (("a.c",), ("abc",), False),
        (("…",), ("a", "", "b"), True),
    ],
)
def test_an_ellipsis_matches_on_a_line_or_whole_lines(
    expected: tuple[str, ...], printed: tuple[str, ...], *, same: bool
) -> None:
    assert matches(expected, printed) is same
