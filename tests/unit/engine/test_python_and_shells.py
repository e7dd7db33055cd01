"""Python scripts, typed arguments of functions, and the shells that few systems have."""

import shutil
from pathlib import Path

import pytest

from holdfast.errors import RequestError
from holdfast.run import events as ev
from tests.unit.engine.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


SCRIPT = """
    import json, os, sys, atexit, threading
    import beside
    def later():
        threading.main_thread().join(0.05)
        print("thread")
    def end():
        print("end")
    def main():
        print(__name__, beside.NAME, json.dumps(sys.argv[1:]), os.path.basename(os.getcwd()))
        with open(os.environ["HOLDFAST_OUTPUT"], "a") as file:
            file.write("n=1\\n")
        atexit.register(end)
        threading.Thread(target=later).start()
    main()
    """


def test_a_script_runs_as_python_would_run_it(shop: Workshop) -> None:
    (shop.folder / "sub").mkdir()
    (shop.folder / "data").mkdir()
    shop.module(SCRIPT, "sub/script")
    shop.module("NAME = 'neighbour'", "sub/beside")
    shop.module("NAME = 'wrong'", "beside")
    end = shop.run("""
        inputs: {day: {type: date, default: 2026-01-02}}
        steps:
          a:
            uses: python
            cwd: data
            with: {script: sub/script.py, args: {day: "${{ inputs.day }}", v: true, q: false, x: [1, two], e: null}}
          b: {uses: python, depends_on: [a], with: {script: sub/script.py, args: [--plain, 1, "a b"]}}
        """)
    assert end.exit_code == 0
    lines = shop.log(end, "a.1.out").decode().splitlines()
    assert lines == ['__main__ neighbour ["--day=2026-01-02", "--v", "--x=1", "--x=two"] data', "thread", "end"]
    assert shop.log(end, "b.1.out").decode().splitlines()[0].split(" ", 2)[2].startswith('["--plain", "1", "a b"]')
    assert shop.outputs(end, "a") == {"n": "1"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import sys; sys.exit(3)", ev.Error("exit.nonzero", "SystemExit: 3")),
        ("raise ValueError('no')", ev.Error("exit.nonzero", "ValueError: no")),
        ("1 +", None),
    ],
)
def test_a_script_fails_as_it_would_by_itself(shop: Workshop, text: str, error: ev.Error | None) -> None:
    shop.module(text, "script")
    end = shop.run("steps: {a: {uses: python, with: {script: script.py}}}")
    found = shop.error(end, "a")
    assert found == error if error else found.message.startswith("SyntaxError: ")
    log = shop.log(end, "a.1.err").decode()
    assert "worker.py" not in log
    assert "scripts.py" not in log
    assert "runpy" not in log


def test_a_script_that_is_not_there_is_fatal(shop: Workshop) -> None:
    end = shop.run("steps: {a: {uses: python, retry: 3, with: {script: none.py}}}")
    assert shop.error(end, "a") == ev.Error("spawn.failed", f"there is no script {shop.folder}/none.py")


def test_scripts_and_functions_do_not_see_each_others_modules(shop: Workshop) -> None:
    shop.module("import state\nstate.N += 1\ndef f():\n    return state.N", "acts")
    shop.module("N = 0", "state")
    shop.module("import state\nprint(state.N)", "script")
    end = shop.run("""
        limits: {concurrency: 1}
        steps:
          a: {uses: python, with: {call: "acts:f"}}
          b: {uses: python, depends_on: [a], with: {script: script.py}}
          c: {uses: python, depends_on: [b], with: {call: "acts:f"}}
        """)
    assert shop.log(end, "b.1.out") == b"0\n"
    assert shop.outputs(end, "c") == {"result": 1}


def test_a_function_gets_its_arguments_in_the_types_it_names(shop: Workshop) -> None:
    shop.module("""
        from datetime import date
        from pathlib import Path
        def f(day: date, where: Path, n: int = 1):
            return f"{day:%d.%m.%Y} {where.name} {n}"
        """)
    end = shop.run("""
        inputs: {day: {type: date, default: 2026-01-02}}
        steps:
          a: {uses: python, with: {call: "acts:f", args: {day: "${{ inputs.day }}", where: a/b}}}
        """)
    assert shop.outputs(end, "a") == {"result": "02.01.2026 b 1"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("{day: x}", "acts:f: the argument day must be an int, not 'x', a text"),
        ("{dya: 1}", "acts:f has no parameter dya; did you mean day?"),
        ("{}", "acts:f needs the argument day; give it under args"),
    ],
)
@pytest.mark.parametrize("inline", ["false", "true"])
def test_an_argument_that_does_not_fit_is_an_error_before_the_call(
    shop: Workshop, args: str, words: str, inline: str
) -> None:
    shop.module("def f(day: int): open('called', 'w')")
    effect = "once" if inline == "false" else "repeatable"
    step = f'{{uses: python, retry: 3, effect: {effect}, with: {{call: "acts:f", args: {args}, inline: {inline}}}}}'
    end = shop.run(f"steps: {{a: {step}}}")
    assert shop.error(end, "a") == ev.Error("spawn.failed", words)
    assert not (shop.folder / "called").exists()


STAND_IN = """#!/bin/sh
for argument in "$@"; do printf '%s\\n--\\n' "$argument"; done
exit 7
"""


def test_powershell_gets_its_text_so_that_its_errors_count(shop: Workshop) -> None:
    program = shop.folder / "bin" / "pwsh"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    end = shop.run(
        """
        env: {PATH: "${{ plan.id }}:/bin"}
        steps: {a: {shell: pwsh, run: "Get-Item 'a b'", env: {PATH: PLACE}}}
        """.replace("PLACE", f"{program.parent}:/usr/bin:/bin")
    )
    assert shop.error(end, "a") == ev.Error("exit.nonzero", "exit code 7")
    parts = shop.log(end, "a.1.out").decode().split("\n--\n")
    assert parts[:3] == ["-NoProfile", "-NonInteractive", "-Command"]
    before, text, after = parts[3].partition("Get-Item 'a b'")
    assert text
    assert "$ErrorActionPreference = 'Stop'" in before
    assert "exit $LASTEXITCODE" in after


@pytest.mark.parametrize("shell", ["pwsh", "powershell"])
def test_a_powershell_that_is_not_there_is_said_with_what_to_do(shop: Workshop, shell: str) -> None:
    end = shop.run(f"steps: {{a: {{shell: {shell}, run: ls, retry: 3, env: {{PATH: /nowhere}}}}}}")
    said = f"{shell}: is not on PATH, and shell: {shell} needs it; install PowerShell"
    assert shop.error(end, "a") == ev.Error("spawn.failed", said)


def test_the_other_powershell_is_pointed_at(shop: Workshop) -> None:
    program = shop.folder / "pwsh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    end = shop.run(f"steps: {{a: {{shell: powershell, run: ls, env: {{PATH: {shop.folder}}}}}}}")
    assert "there is pwsh: write shell: pwsh" in shop.error(end, "a").message


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="there is no pwsh here")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Write-Output ok", 0),
        ("exit 3", 3),
        ("sh -c 'exit 4'", 4),
        ("Get-Item /no/such; Write-Output on", 1),
        ("throw 'x'", 1),
        ("Write-Error x; exit 0", 1),
    ],
)
def test_a_real_powershell_ends_with_what_went_wrong(shop: Workshop, text: str, code: int) -> None:
    end = shop.run(f'steps: {{a: {{shell: pwsh, run: "{text}"}}}}')
    ended = next(event.body for event in shop.events(end) if isinstance(event.body, ev.AttemptEnded))
    assert ended.exit_code == code


def test_cmd_is_refused_with_the_reason_and_its_place(shop: Workshop) -> None:
    with pytest.raises(RequestError) as caught:
        shop.run("steps: {a: {shell: cmd, run: dir}}")
    assert caught.value.facts == (
        'plan.yaml:2:20: step "a": shell.cmd: a shell of Windows, where Holdfast does not run; write sh, bash or pwsh',
    )
