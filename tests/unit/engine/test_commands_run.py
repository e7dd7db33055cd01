import os
from pathlib import Path

import pytest

from holdfast.engine.environment import passed, redacted
from holdfast.errors import RequestError
from holdfast.run import events as ev
from holdfast.run.standing import Succeeded
from tests.unit.engine.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.mark.parametrize(
    ("shell", "text", "said"),
    [
        ("sh", "echo $0", b"sh\n"),
        ("bash", "set -o | grep -c 'pipefail.*on'", b"1\n"),
        ("python", "print(6 * 7)", b"42\n"),
    ],
)
def test_run_goes_to_its_shell(shop: Workshop, shell: str, text: str, said: bytes) -> None:
    end = shop.run(f"steps: {{a: {{shell: {shell}, run: {text!r}}}}}")
    assert end.exit_code == 0
    assert shop.log(end, "a.1.out") == said


def test_a_failing_line_in_the_middle_fails_the_step(shop: Workshop) -> None:
    end = shop.run("""
        steps:
          a: {run: "false\\ntouch never"}
        """)
    assert (end.status, end.exit_code) == ("failed", 1)
    assert shop.error(end, "a") == ev.Error("exit.nonzero", "exit code 1")  # semantics S22
    assert not (shop.folder / "never").exists()


def test_a_failing_command_in_a_bash_pipe_fails_the_step(shop: Workshop) -> None:
    assert shop.run("steps: {a: {shell: bash, run: 'false | true'}}").status == "failed"


def test_a_command_is_no_shell(shop: Workshop) -> None:
    end = shop.run("steps: {a: {command: [echo, '$HOME; false']}}")
    assert shop.log(end, "a.1.out") == b"$HOME; false\n"


def test_a_missing_program_is_a_fatal_failure_that_names_it(shop: Workshop) -> None:
    end = shop.run("steps: {a: {command: [no-such-program], retry: 3}}")  # semantics S22
    error = shop.error(end, "a")
    assert error.code == "spawn.failed"
    assert "no-such-program" in error.message
    assert shop.starts(end) == {"a": 1}


def test_death_by_a_signal_has_its_own_code_and_name(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: 'kill -SEGV $$'}}")
    assert shop.error(end, "a") == ev.Error("signal", "killed by SIGSEGV")


def test_odd_bytes_and_a_missing_newline_are_kept(shop: Workshop) -> None:
    end = shop.run(r"""
        steps:
          a: {run: "printf 'a\\000\\377\\nno newline'"}
        """)
    assert shop.log(end, "a.1.out") == b"a\x00\xff\nno newline"


def test_more_than_a_pipe_holds_does_not_block(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: 'head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2'}}")
    assert end.exit_code == 0
    assert len(shop.log(end, "a.1.out")) == 3_000_000
    assert len(shop.log(end, "a.1.err")) == 3_000_000


def test_outputs_reach_later_steps_with_their_types(shop: Workshop) -> None:
    end = shop.run("""
        steps:
          a: {run: "echo n=1 >> $HOLDFAST_OUTPUT; echo '{\\"list\\": [1, 2]}' >> $HOLDFAST_OUTPUT"}
          b:
            command: [echo, "${{ steps.a.outputs.n }}", "${{ steps.a.outputs.list[1] + 1 }}"]
            env: {WHOLE: "${{ steps.a.outputs.list }}"}
        outputs: {sum: "sum(steps.a.outputs.list)"}
        """)
    assert shop.log(end, "b.1.out") == b"1 3\n"
    assert shop.state(end.run).outputs == {"sum": 3}


@pytest.mark.parametrize("line", ["no equals sign", "=value", "{not json", r"\377=1"])
def test_a_line_of_the_output_file_that_means_nothing_fails_the_step(shop: Workshop, line: str) -> None:
    end = shop.run(f"""
        steps:
          a: {{run: "printf '{line.replace(chr(92), chr(92) * 2)}\\\\n' >> $HOLDFAST_OUTPUT"}}
        """)
    error = shop.error(end, "a")
    assert error.code == "output.invalid"
    assert "line 1" in error.message


def test_a_declared_output_is_required_and_typed(shop: Workshop) -> None:
    text = "steps: {{a: {{outputs: {{n: {{type: int}}}}, run: 'echo {} >> $HOLDFAST_OUTPUT'}}}}"
    assert shop.outputs(shop.run(text.format("n=7")), "a") == {"n": 7}
    assert shop.error(shop.run(text.format("n=x")), "a").code == "output.invalid"
    assert shop.error(shop.run(text.format("m=7")), "a").code == "output.missing"


def test_spending_is_not_an_output(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: 'echo cost_usd=0.5 >> $HOLDFAST_OUTPUT; echo tokens=9 >> $HOLDFAST_OUTPUT'}}")
    assert shop.outputs(end, "a") == {}
    [spent] = [event.body.spent for event in shop.events(end) if isinstance(event.body, ev.AttemptEnded)]
    assert spent == ev.Spent(0.5, 9)


def test_large_outputs_go_to_the_store_and_still_reach_later_steps(shop: Workshop) -> None:
    end = shop.run("""
        steps:
          a: {shell: python, run: "import os; open(os.environ['HOLDFAST_OUTPUT'], 'a').write('big=' + 'x' * 100000)"}
          b: {command: [echo, "${{ len(steps.a.outputs.big) }}"]}
        """)
    assert shop.log(end, "b.1.out") == b"100000\n"
    state = shop.step(end, "a")
    assert isinstance(state, Succeeded)
    assert state.result.outputs_digest is not None
    name = state.result.outputs_digest.removeprefix("sha256:")
    stored = shop.folder / ".holdfast" / "objects" / name[:2] / name[2:]
    assert stored.stat().st_size > 100_000
    assert stored.stat().st_mode & 0o222 == 0


def test_a_step_sees_what_the_plan_format_promises(shop: Workshop) -> None:
    end = shop.run("""
        steps:
          a: {run: "env | grep ^HOLDFAST_ | sort; test -d $HOLDFAST_SCRATCH; touch $HOLDFAST_SCRATCH/x"}
        """)
    seen = dict(line.split("=", 1) for line in shop.log(end, "a.1.out").decode().splitlines())
    assert seen["HOLDFAST_RUN"] == end.run
    assert seen["HOLDFAST_STEP"] == "a"
    assert seen["HOLDFAST_ATTEMPT"] == "1"
    assert seen["HOLDFAST_PROJECT"] == str(shop.folder)
    assert {"HOLDFAST_OUTPUT", "HOLDFAST_HEARTBEAT", "HOLDFAST_IDEMPOTENCY_KEY"} <= seen.keys()
    assert not Path(seen["HOLDFAST_SCRATCH"]).exists()


def test_the_scratch_folder_of_a_failed_attempt_is_kept(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: 'echo why > $HOLDFAST_SCRATCH/note; pwd; echo $HOLDFAST_SCRATCH; exit 1'}}")
    scratch = Path(shop.log(end, "a.1.out").decode().splitlines()[1])
    assert (scratch / "note").read_text() == "why\n"


def test_only_what_env_pass_allows_comes_from_outside(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRANGE", "1")
    monkeypatch.setenv("WANTED_A", "2")
    end = shop.run("""
        env_pass: ["WANTED_*"]
        env: {FROM_PLAN: p, GONE: g}
        steps:
          a: {run: env, env: {GONE: null, OWN: o}}
        """)
    seen = dict(line.split("=", 1) for line in shop.log(end, "a.1.out").decode().splitlines())
    assert "STRANGE" not in seen
    assert "GONE" not in seen
    assert (seen["WANTED_A"], seen["FROM_PLAN"], seen["OWN"]) == ("2", "p", "o")
    assert seen["PATH"] == os.environ["PATH"]


def test_templates_in_the_environment_of_the_plan_are_filled_in(shop: Workshop) -> None:
    end = shop.run(
        """
        inputs: {day: {required: true}, n: {type: int, default: 2}}
        env: {DAY: "on ${{ inputs.day }}", N: "${{ inputs.n + 1 }}", PLAN: "${{ plan.id }}"}
        steps:
          a: {run: 'echo "$DAY, $N, $PLAN"'}
          b: {run: "true", when: env.DAY == "on monday"}
        """,
        day="monday",
    )
    assert shop.log(end, "a.1.out") == b"on monday, 3, trial\n"
    assert shop.statuses(end) == {"a": "succeeded", "b": "succeeded"}


def test_a_template_in_the_environment_that_has_no_value_is_refused_before_the_run(shop: Workshop) -> None:
    with pytest.raises(RequestError, match=r"^env\.DAY: ") as caught:
        shop.run("""
            inputs: {days: {type: list, default: []}}
            env: {DAY: "${{ inputs.days[0] }}"}
            steps: {a: {run: "true"}}
            """)
    assert caught.value.exit_code == 3


def test_a_nested_plan_whose_environment_has_no_value_fails_its_step(shop: Workshop) -> None:
    (shop.folder / "inner.yaml").write_text(
        'plan: inner\ninputs: {days: {type: list, default: []}}\nenv: {DAY: "${{ inputs.days[0] }}"}\n'
        'steps: {a: {run: "echo $DAY"}}\n'
    )
    end = shop.run("""
        steps:
          bad: {uses: plan, with: {file: inner.yaml}}
        """)
    error = shop.error(end, "bad")
    assert (error.code, error.message.startswith("env.DAY: ")) == ("expression.invalid", True)
    end = shop.run("""
        steps:
          good: {uses: plan, with: {file: inner.yaml, inputs: {days: [monday]}}}
        """)
    assert shop.statuses(end) == {"good": "succeeded"}


def test_default_names_pass_and_secrets_are_hidden_in_the_record() -> None:
    assert passed({"LC_ALL": "C", "https_proxy": "p", "SECRET": "s", "HOME": "/"}, []) == {
        "LC_ALL": "C",
        "https_proxy": "p",
        "HOME": "/",
    }
    hidden = redacted({"API_KEY": "k", "MY_TOKEN": "t", "PASSWORD": "p", "MONKEY": "m", "KEYBOARD": "b"})
    assert hidden == {"API_KEY": "***", "MY_TOKEN": "***", "PASSWORD": "***", "MONKEY": "m", "KEYBOARD": "b"}


def test_an_attempt_records_what_was_run_where_and_under_what_limits(shop: Workshop) -> None:
    end = shop.run("steps: {a: {command: [env], cwd: sub, env: {API_TOKEN: x, PLAIN: y}, timeout: 5s}}")
    assert end.status == "failed"
    (shop.folder / "sub").mkdir()
    end = shop.run("steps: {a: {command: [env], cwd: sub, env: {API_TOKEN: x, PLAIN: y}, timeout: 5s}}")
    [launch] = [event.body.launch for event in shop.events(end) if isinstance(event.body, ev.AttemptStarted)]
    assert launch is not None
    assert launch.argv == ("env",)
    assert launch.cwd == str(shop.folder / "sub")
    assert launch.env == {"API_TOKEN": "***", "PLAIN": "y"}
    assert launch.timeout_s == 5
    [owned] = [event.body for event in shop.events(end) if isinstance(event.body, ev.RunOwned)]
    assert owned.host
    assert owned.os.startswith(("Linux", "Darwin"))
    assert owned.engine


def test_a_folder_outside_the_project_is_refused_even_when_an_expression_makes_it(shop: Workshop) -> None:
    end = shop.run("""
        inputs: {where: {default: ..}}
        steps: {a: {run: pwd, cwd: "${{ inputs.where }}"}}
        """)
    assert shop.error(end, "a").code == "expression.invalid"


def test_text_for_standard_input_is_rendered(shop: Workshop) -> None:
    end = shop.run(
        """
        inputs: {who: {required: true}}
        steps: {a: {run: cat, stdin: "dear ${{ inputs.who }}"}, b: {run: "cat; echo none"}}
        """,
        who="Ada",
    )
    assert shop.log(end, "a.1.out") == b"dear Ada"
    assert shop.log(end, "b.1.out") == b"none\n"


def test_an_artifact_may_be_standard_input(shop: Workshop) -> None:
    end = shop.run("""
        steps:
          a: {run: "echo one > it; echo two > other", produces: {it: it, other: other}}
          b: {run: cat, stdin: {artifact: a.it}}
        """)
    assert shop.log(end, "b.1.out") == b"one\n"


def test_expect_decides_after_exit_zero(shop: Workshop) -> None:
    # semantics S20
    plan = "steps: {{a: {{run: 'echo ok; echo n=3 >> $HOLDFAST_OUTPUT', expect: [{}]}}}}"
    assert shop.run(plan.format('\'"ok" in stdout\', "int(outputs.n) == 3", "exit_code == 0"')).exit_code == 0
    end = shop.run(plan.format('"int(outputs.n) > 3"'))
    assert shop.error(end, "a") == ev.Error("expect.failed", "expected int(outputs.n) > 3")
    assert shop.error(shop.run(plan.format('"outputs.m == 3"')), "a").code == "expression.invalid"


def test_a_product_that_is_not_there_fails_the_step_unless_it_is_optional(shop: Workshop) -> None:
    # semantics S20
    end = shop.run("steps: {a: {run: 'true', produces: {x: out/x}}}")
    assert shop.error(end, "a").code == "output.missing"
    assert (shop.folder / "out").is_dir()  # semantics S21: parent folders are created
    assert shop.run("steps: {a: {run: 'true', produces: {x: {path: out/x, optional: true}}}}").exit_code == 0


def test_a_product_that_was_not_touched_is_noted_and_with_fresh_is_missing(shop: Workshop) -> None:
    # semantics S21
    (shop.folder / "x").write_text("old")
    end = shop.run("steps: {a: {run: 'true', produces: {x: x}}}")
    [ended] = [event.body for event in shop.events(end) if isinstance(event.body, ev.AttemptEnded)]
    assert ended.notes == ("output-untouched: x",)
    end = shop.run("steps: {a: {run: 'true', fresh: true, reuse: never, produces: {x: x}}}")
    assert shop.error(end, "a").code == "output.missing"
    assert not (shop.folder / "x").exists()


def test_a_product_that_is_no_file_is_said_so_and_nobody_waits_on_it(shop: Workshop) -> None:
    # semantics S20, S22
    end = shop.run("steps: {a: {run: mkfifo pipe, produces: {x: pipe}}}")
    said = 'product "x": pipe cannot be stored: neither a file nor a folder'
    assert shop.error(end, "a") == ev.Error("output.invalid", said)


def test_products_are_stored_by_digest_files_and_folders(shop: Workshop) -> None:
    end = shop.run("""
        steps: {a: {run: "mkdir -p d; printf hi > d/f; printf hi > f", produces: {dir: d, file: f}}}
        """)
    state = shop.step(end, "a")
    assert isinstance(state, Succeeded)
    file = state.result.artifacts["file"]
    assert file.digest == "sha256:8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"
    assert (file.path, file.size) == ("f", 2)
    assert state.result.artifacts["dir"].tree
    name = file.digest.removeprefix("sha256:")
    assert (shop.folder / ".holdfast" / "objects" / name[:2] / name[2:]).read_text() == "hi"


def test_of_a_product_that_keeps_its_digest_the_bytes_are_not_stored(shop: Workshop) -> None:
    # planner, Working files and stored bytes
    end = shop.run("steps: {a: {run: 'printf hi > f', produces: {file: {path: f, keep: digest}}}}")
    state = shop.step(end, "a")
    assert isinstance(state, Succeeded)
    digest = "sha256:8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"
    assert state.result.artifacts == {"file": ev.ArtifactRef("f", digest, 2, digest_only=True)}
    assert not (shop.folder / ".holdfast/objects").exists()


def test_a_folder_with_a_link_out_of_the_project_is_no_product(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: 'mkdir d; ln -s /etc/passwd d/link', produces: {dir: d}}}")
    error = shop.error(end, "a")
    assert (error.code, "leads out of the project, to /etc/passwd" in error.message) == ("output.invalid", True)


def inner(folder: Path) -> Workshop:
    """A project in a folder with a neighbour."""
    (folder / "here").mkdir()
    return Workshop(folder / "here")


def test_a_folder_that_a_link_leads_out_of_the_project_is_refused(tmp_path: Path) -> None:
    shop = inner(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (shop.folder / "ln").symlink_to(tmp_path / "elsewhere")
    end = shop.run("steps: {a: {run: touch f, cwd: ln}}")
    error = shop.error(end, "a")
    assert error.code == "spawn.failed"
    assert error.message == f"cwd ln: leads out of the project, to {tmp_path / 'elsewhere'}"
    assert not [*(tmp_path / "elsewhere").iterdir()]


def test_a_product_behind_a_link_out_of_the_project_is_neither_made_nor_removed(tmp_path: Path) -> None:
    shop = inner(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "f").write_text("mine")
    (shop.folder / "out").symlink_to(tmp_path / "elsewhere")
    end = shop.run("steps: {a: {run: echo x > out/f, produces: {f: out/f}, fresh: true}}")
    assert "leads out of the project" in shop.error(end, "a").message
    assert (tmp_path / "elsewhere" / "f").read_text() == "mine"


def test_a_product_that_the_step_makes_a_link_out_of_the_project_is_invalid(tmp_path: Path) -> None:
    shop = inner(tmp_path)
    (tmp_path / "secret").write_text("s")
    end = shop.run("steps: {a: {run: ln -s ../secret f, produces: {f: f}}}")
    assert shop.error(end, "a").code == "output.invalid"


def test_links_inside_the_project_are_followed(shop: Workshop) -> None:
    (shop.folder / "real").mkdir()
    (shop.folder / "ln").symlink_to("real")
    end = shop.run("steps: {a: {run: echo x > f, cwd: ln, produces: {f: ln/f}}}")
    assert end.status == "succeeded"


@pytest.mark.parametrize("line", ["n=1e400", '{"n": 1e400}'])
def test_a_number_too_large_to_be_kept_is_said_to_be(shop: Workshop, line: str) -> None:
    (shop.folder / "line").write_text(line)
    end = shop.run("steps: {a: {run: cat line >> $HOLDFAST_OUTPUT, outputs: {n: {type: float}}}}")
    assert "beyond 1.8e+308" in shop.error(end, "a").message
