"""Our own runners are jobs of the warm worker: what they are told, and what becomes of their answers."""

import socket
from pathlib import Path

import pytest

from holdfast.app.runs import RunEnd
from holdfast.run import events as ev
from holdfast.run.standing import Succeeded, Uncertain
from tests.unit.engine.workshop import Workshop
from tests.unit.runners import web


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_files_are_written_patched_copied_and_removed_in_one_plan(shop: Workshop) -> None:
    end = shop.run(r"""
        inputs: {name: {default: out}}
        steps:
          a: {uses: file, with: {op: write, path: "${{ inputs.name }}/a", content: "1\n2\n"}}
          b: {uses: file, depends_on: [a], with: {op: patch, path: out/a, diff: "@@ -1,2 +1,2 @@\n 1\n-2\n+two\n"}}
          c: {uses: file, depends_on: [b], with: {op: move, from: "${{ steps.b.outputs.path }}", path: b}}
          d: {uses: file, with: {op: write, path: c.json, content: "${{ steps.c.outputs }}"}}
        """)
    assert end.exit_code == 0
    assert shop.text("b") == "1\ntwo\n"
    assert shop.text("c.json") == '{\n  "path": "b",\n  "changed": true,\n  "bytes": 6\n}\n'
    assert shop.log(end, "b.1.out") == b"patch out/a: done\n"


def test_a_place_that_only_the_template_gives_is_refused_when_it_is_known(shop: Workshop) -> None:
    end = shop.run("""
        inputs: {name: {default: ../x}}
        steps:
          a: {uses: file, retry: 3, with: {op: write, path: "${{ inputs.name }}", content: x}}
        """)
    assert shop.error(end, "a") == ev.Error("spawn.failed", "../x lies outside of policy.write_roots, now [.]")
    assert shop.starts(end) == {"a": 1}  # semantics S22: it is fatal


def test_a_definite_failure_of_a_once_effect_is_no_doubt(shop: Workshop) -> None:
    # semantics E2
    end = shop.run("""
        steps:
          a: {uses: file, effect: once, with: {op: move, from: none, path: b}}
        """)
    assert end.status == "failed"
    assert shop.error(end, "a") == ev.Error("exit.nonzero", "there is no none to move")


def test_the_record_shows_what_was_done_and_never_the_content(shop: Workshop) -> None:
    end = shop.run("steps: {a: {uses: file, with: {op: write, path: p, content: hidden}}}")
    started = next(event.body for event in shop.events(end) if isinstance(event.body, ev.AttemptStarted))
    assert started.launch is not None
    assert started.launch.argv == ("file write p",)


def ends(shop: Workshop, run: RunEnd, step: str) -> list[ev.AttemptEnded]:
    return [event.body for event in shop.events(run) if isinstance(event.body, ev.AttemptEnded) and event.step == step]


def test_an_answer_reaches_later_steps_by_its_size_as_output_or_artifact(shop: Workshop) -> None:
    pages = {
        "/small": web.reply(body='{"id": 7}', Content_Type="application/json"),
        "/large": web.reply(body=b"x" * 70_000, Content_Type="text/plain"),
    }
    with web.serving(web.by_path(pages)) as server:
        end = shop.run(f"""
            inputs: {{at: {{default: "{server.url("")}"}}}}
            steps:
              small: {{uses: http, with: {{url: "${{{{ inputs.at }}}}/small?key=hidden"}}}}
              large: {{uses: http, with: {{url: "${{{{ inputs.at }}}}/large"}}}}
              seen:
                depends_on: [small, large]
                command: [sh, -c, 'test "$1" = 7 && wc -c < "$2"', sh, "${{{{ steps.small.outputs.json.id }}}}",
                          "${{{{ steps.large.artifacts.body.path }}}}"]
              fed: {{run: wc -c, stdin: {{artifact: large.body}}, cwd: .}}
            """)
    assert end.exit_code == 0
    assert shop.log(end, "seen.1.out").split() == [b"70000"]
    assert shop.log(end, "fed.1.out").split() == [b"70000"]
    large = shop.step(end, "large")
    assert isinstance(large, Succeeded)
    assert large.result.artifacts["body"].size == 70_000
    started = next(event.body for event in shop.events(end) if isinstance(event.body, ev.AttemptStarted))
    assert started.launch is not None
    assert started.launch.argv == (f"http {server.url('/small')}",)


def test_a_server_that_asks_to_wait_sets_the_time_of_the_next_attempt(shop: Workshop) -> None:
    # semantics S9, E2
    with web.serving(web.each(web.reply("429 Slow", Retry_After="0"), web.reply())) as server:
        end = shop.run(f"""
            steps:
              a:
                uses: http
                effect: once
                retry: {{attempts: 2, delay: 1h}}
                with: {{method: POST, url: "{server.url()}"}}
            """)
    assert end.exit_code == 0
    first, second = ends(shop, end, "a")
    assert first.error is not None
    assert (first.status, first.error.code, first.error.retry_after_s) == ("failed", "http.status", 0)
    assert second.status == "succeeded"
    assert {asked.headers["idempotency-key"] for asked in server.asked} == {f"{end.run}/a"}  # semantics E1


@pytest.mark.parametrize(
    ("status", "ends_as"), [("404 No", "failed"), ("409 Conflict", "uncertain"), ("500 Oops", "uncertain")]
)
def test_a_once_effect_is_in_doubt_unless_the_answer_says_that_nothing_was_done(
    shop: Workshop, status: str, ends_as: str
) -> None:
    # semantics E2
    with web.serving(web.reply(status)) as server:
        text = f"steps: {{a: {{uses: http, effect: once, retry: 3, with: {{method: POST, url: '{server.url()}'}}}}}}"
        end = shop.run(text.replace("retry: 3", "retry: {attempts: 3, delay: 0}"))
    assert shop.statuses(end) == {"a": ends_as}
    assert len(server.asked) == (3 if ends_as == "failed" else 1)
    state = shop.step(end, "a")
    assert isinstance(state, Uncertain) == (ends_as == "uncertain")


def test_the_outputs_of_a_failed_request_are_known(shop: Workshop) -> None:
    with web.serving(web.reply("404 No", body='{"why": "gone"}', Content_Type="application/json")) as server:
        end = shop.run(f"""
            steps:
              a: {{uses: http, on_failure: abort, with: {{url: "{server.url()}"}}}}
            outputs: {{why: steps.a.outputs.json.why, status: steps.a.outputs.status}}
            """)
    assert shop.state(end.run).outputs == {"why": "gone", "status": 404}


def test_what_a_failed_attempt_made_is_kept_for_inspection(shop: Workshop) -> None:
    end = shop.run("""
        steps:
          a:
            run: "echo try $HOLDFAST_ATTEMPT > out.txt; mkdir -p d; echo x > d/f; exit 1"
            retry: {attempts: 2, delay: 0}
            produces: {out: out.txt, dir: d, other: {path: none, optional: true}}
        """)
    first, second = ends(shop, end, "a")
    folder = f".holdfast/runs/{end.run}/partial"
    assert first.notes[0] == f"partial: out, 6 bytes, kept in {folder}/a.1/out"
    assert first.notes[1] == f"partial: dir, 2 bytes, kept in {folder}/a.1/dir"
    assert shop.text(f"{folder}/a.1/out") == "try 1\n"
    assert shop.text(f"{folder}/a.2/out") == "try 2\n"
    assert shop.text(f"{folder}/a.1/dir/f") == "x\n"
    assert len(second.notes) == 1  # it left the folder as it was


def test_what_stood_there_before_is_no_part(shop: Workshop) -> None:
    (shop.folder / "out.txt").write_text("old")
    end = shop.run("steps: {a: {run: exit 1, produces: {out: out.txt}}}")
    assert ends(shop, end, "a")[0].notes == ()


def test_a_download_that_was_stopped_says_where_its_part_is_and_the_next_attempt_goes_on(shop: Workshop) -> None:
    # semantics S10
    data = b"x" * 500_000
    head = f'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: {len(data)}\r\n\r\n'.encode()

    def stuck(asked: web.Asked, connection: socket.socket) -> None:
        connection.sendall(head + data[:300_000])
        connection.recv(1)  # until the client goes away

    rest = web.reply("206 Partial", data[300_000:], Content_Range="bytes 300000-499999/500000", ETag='"1"')
    with web.serving(web.each(stuck, rest)) as server:
        end = shop.run(f"""
            steps:
              a: {{uses: http, timeout: 3s, retry: {{attempts: 2, delay: 0}}, with: {{url: "{server.url()}", to: got}}}}
            """)
    assert end.exit_code == 0
    first, second = ends(shop, end, "a")
    assert first.status == "timed_out"
    assert "partial: got.part, 300,000 bytes" in first.notes
    assert second.outputs["resumed_at"] == 300_000
    assert shop.text("got") == data.decode()


def test_an_answer_that_was_not_whole_when_the_time_was_over_is_no_artifact(shop: Workshop) -> None:
    # semantics S10
    def endless(asked: web.Asked, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 500_000)
        connection.recv(1)  # until the client goes away

    with web.serving(endless) as server:
        end = shop.run(f'steps: {{a: {{uses: http, timeout: 2s, with: {{url: "{server.url()}"}}}}}}')
    (ended,) = ends(shop, end, "a")
    assert (ended.status, ended.artifacts) == ("timed_out", {})


def test_a_host_that_only_the_template_gives_is_refused_when_it_is_known(shop: Workshop) -> None:
    with web.serving(web.reply()) as server:
        end = shop.run(f"""
            inputs: {{host: {{default: "127.0.0.1:{server.port}"}}}}
            policy: {{hosts: {{deny: [127.0.0.1]}}}}
            steps: {{a: {{uses: http, retry: 3, with: {{url: "http://${{{{ inputs.host }}}}/x"}}}}}}
            """)
    error = shop.error(end, "a")
    assert error.code == "spawn.failed"
    assert error.message == f"{server.url('/x')} is on 127.0.0.1, which policy.hosts denies"
    assert server.asked == []


def test_folders_and_products_may_lie_where_the_policy_lets_the_plan_write(shop: Workshop) -> None:
    project = shop.folder / "project"
    project.mkdir()
    (shop.folder / "beside").mkdir()
    inner = Workshop(project)
    end = inner.run("""
        policy: {write_roots: [., ../beside]}
        steps:
          a: {run: "pwd; echo x > made", cwd: ../beside, produces: {made: ../beside/made}}
        """)
    assert end.exit_code == 0
    assert inner.log(end, "a.1.out").decode() == f"{shop.folder}/beside\n"
    (shop.folder / "beside" / "link").symlink_to("..")
    end = inner.run("""
        policy: {write_roots: [., ../beside]}
        inputs: {cwd: {default: ../beside/link}}
        steps: {a: {run: pwd, cwd: "${{ inputs.cwd }}"}}
        """)
    assert "leads out of the project" in inner.error(end, "a").message


def test_requests_count_as_calls_of_their_capability(shop: Workshop) -> None:
    # semantics S13
    with web.serving(web.reply()) as server:
        end = shop.run(f"""
            limits: {{calls: {{web.fetch: 1}}, on_exhausted: fail, concurrency: 1}}
            steps:
              a: {{uses: http, with: {{url: "{server.url()}"}}}}
              b: {{uses: http, depends_on: [a], with: {{url: "{server.url()}"}}}}
            """)
    assert shop.error(end, "b").code == "budget.exhausted"
    assert len(server.asked) == 1


def test_what_an_answer_says_can_be_a_mode_of_failure(shop: Workshop) -> None:
    # semantics S5
    with web.serving(web.each(web.reply("503 Later"), web.reply())) as server:
        end = shop.run(f"""
            steps:
              a:
                uses: http
                retry: {{attempts: 2, delay: 0, on: [timeout]}}
                failure_modes: [{{name: busy, detect: "outputs.status == 503", do: retry}}]
                with: {{url: "{server.url()}"}}
            """)
    assert end.exit_code == 0
    assert len(server.asked) == 2
