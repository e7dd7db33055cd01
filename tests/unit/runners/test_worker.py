"""The warm worker makes one call after another, each as if the process were new."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.engine.keeper_messages import JobError, Spawned, Stop
from tests.unit.engine.keeper_rig import Rig, beat, eventually, lines_of, runs

MakeRig = Callable[..., Rig]


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()


def worker_pid(rig: Rig, name: str) -> int:
    spawned = rig.wait(lambda event: isinstance(event, Spawned) and event.id == name)
    assert isinstance(spawned, Spawned)
    return spawned.pid


def test_a_returned_map_is_the_outputs(rig: Rig) -> None:
    rig.module("def f(x, y=2): return {'sum': x + y, 'list': [1, None, 'é']}")
    ended = rig.call("a", "tasks:f", args={"x": 1})
    assert (ended.code, ended.why, ended.tree, ended.error) == (0, None, "proven", None)
    assert rig.outputs("a") == {"sum": 3, "list": [1, None, "é"]}


def test_another_returned_value_is_the_output_result_and_none_is_no_output(rig: Rig) -> None:
    rig.module("def f(): return [1, 2]\ndef g(): pass")
    rig.call("a", "tasks:f")
    rig.call("b", "tasks:g")
    assert rig.outputs("a") == {"result": [1, 2]}
    assert not (rig.run_dir / "b.json").exists()


def test_an_async_function_is_awaited(rig: Rig) -> None:
    rig.module("import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 5")
    assert rig.call("a", "tasks:f").code == 0
    assert rig.outputs("a") == {"result": 5}


def test_outputs_are_appended_after_what_the_function_wrote_itself(rig: Rig) -> None:
    rig.module("import os\ndef f():\n    open(os.environ['HOLDFAST_OUTPUT'], 'w').write('a=1')\n    return {'b': 2}")
    rig.call("a", "tasks:f")
    assert (rig.run_dir / "a.json").read_text() == 'a=1\n{"b": 2}\n'


def test_output_goes_to_the_jobs_own_logs_from_every_layer(rig: Rig) -> None:
    text = "import os, sys\ndef f(x):\n    print('py', x)\n    os.write(1, b'fd ')\n    os.system('echo child')\n"
    rig.module(text + "    print('err', x, file=sys.stderr)")
    rig.call("a", "tasks:f", args={"x": 1})
    rig.call("b", "tasks:f", args={"x": 2})
    assert rig.out("a").read_text() == "py 1\nfd child\n"
    assert rig.out("b").read_text() == "py 2\nfd child\n"
    assert rig.err("b").read_text() == "err 2\n"


def test_the_worker_is_warm_for_the_next_job(rig: Rig) -> None:
    rig.module("import os\ndef f(): return os.getpid()")
    for name in "abc":
        assert rig.call(name, "tasks:f").code == 0
    assert rig.outputs("a") == rig.outputs("b") == rig.outputs("c")


def test_jobs_at_the_same_time_have_workers_of_their_own(rig: Rig) -> None:
    rig.module("import os, time\ndef f(n):\n    open(str(n), 'w')\n    while not os.path.exists(str(1 - n)): pass")
    rig.send(rig.job("a", "tasks:f", args={"n": 0}), rig.job("b", "tasks:f", args={"n": 1}))
    assert (rig.exited("a").code, rig.exited("b").code) == (0, 0)


def test_an_exception_is_a_failure_with_its_traceback_in_the_log(rig: Rig) -> None:
    rig.module("def g(): raise ValueError('bad\\nvalue ' + 'x' * 2000)\ndef f(): g()")
    ended = rig.call("a", "tasks:f")
    assert ended.code == 1
    assert ended.error is not None
    assert ended.error.code == "exit.nonzero"
    assert ended.error.message.startswith("ValueError: bad value xxx")
    assert len(ended.error.message) == 1000
    log = rig.err("a").read_text()
    assert log.startswith("Traceback (most recent call last):")
    assert 'tasks.py", line 2, in f' in log
    assert "worker.py" not in log


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{'when': datetime.date(2024, 1, 1)}", "the returned value['when'] is a date"),
        ("{'a': [1, {2}]}", "the returned value['a'][1] is a set"),
        ("object()", "the returned value is an object"),
        ("{'x': float('nan')}", "the returned value['x'] is nan"),
        ("{1: 2}", "an output has the name 1, an int: the names of outputs are text"),
        ("{'m': {(1, 2): 3}}", "the returned value['m'] has a key (1, 2), a tuple"),
        ("loop()", "is nested too deeply, or contains itself"),
    ],
)
def test_a_value_that_is_not_plain_data_is_named_with_its_place(rig: Rig, value: str, words: str) -> None:
    rig.module(f"import datetime\ndef loop():\n    x = []\n    x.append(x)\n    return x\ndef f(): return {value}")
    error = rig.call("a", "tasks:f").error
    assert error is not None
    assert error.code == "output.invalid"
    assert words in error.message


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("taks:f", "there is no module taks in"),
        ("taks:f", "did you mean tasks?"),
        ("package.on:f", "did you mean package.one?"),
        ("tasks:claen", "tasks has no function claen; did you mean clean?"),
        ("tasks:number", "tasks:number is an int, not a function"),
        ("tasks", "call must be module:function, not 'tasks'"),
    ],
)
def test_a_function_that_is_not_there_is_named_with_the_nearest(rig: Rig, call: str, words: str) -> None:
    rig.module("def clean(): pass\nnumber = 3")
    (rig.run_dir / "project" / "package").mkdir()
    (rig.run_dir / "project" / "package" / "one.py").write_text("")
    error = rig.call("a", call).error
    assert error is not None
    assert error.code == "spawn.failed"
    assert words in error.message
    assert words in rig.err("a").read_text()


def test_an_import_that_fails_within_the_module_is_shown_as_it_is(rig: Rig) -> None:
    rig.module("import no_such_library\ndef f(): pass")
    error = rig.call("a", "tasks:f").error
    assert error == JobError("exit.nonzero", "ModuleNotFoundError: No module named 'no_such_library'")
    assert 'tasks.py", line 1' in rig.err("a").read_text()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("sys.exit(7)", 7),
        ("sys.exit(0)", 0),
        ("sys.exit()", 0),
        ("sys.exit('no luck')", 1),
        ("raise KeyboardInterrupt", 130),
        ("os._exit(9)", 9),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("sys.stdout.close(); os.close(1)", 0),
        ("raise SystemExit(256)", 1),
    ],
)
def test_every_way_to_end_is_an_end_of_the_job_and_the_next_one_works(rig: Rig, body: str, code: int) -> None:
    rig.module(f"import os, signal, sys\ndef f(): {body}\ndef g(): print('fine')")
    assert rig.call("a", "tasks:f").code == code
    assert rig.call("b", "tasks:g").code == 0
    assert rig.out("b").read_text() == "fine\n"


def test_nothing_a_job_changes_is_seen_by_the_next(rig: Rig) -> None:
    rig.module(
        """
import os, signal, sys
def spoil():
    os.environ["LEFT"] = "1"; os.environ["HOME"] = "/spoiled"; os.chdir("/"); os.umask(0o777)
    sys.path.insert(0, "/spoiled"); sys.argv.append("x"); sys.stdout = None
    signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.setitimer(signal.ITIMER_REAL, 0.5)
    open("/dev/null"); os.dup2(1, 0)
    return os.getpid()
def look():
    umask = os.umask(0o022)
    return [os.environ.get("LEFT"), os.environ["HOME"], os.getcwd(), umask, sys.path[0], sys.argv,
        signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.getitimer(signal.ITIMER_REAL)[0],
        os.readlink("/proc/self/fd/0"), os.getpid()]
"""
    )
    assert rig.call("a", "tasks:spoil").code == 0
    assert rig.call("b", "tasks:look").code == 0
    result = rig.outputs("b")
    assert isinstance(result, dict)
    project = str(rig.run_dir / "project")
    *seen, pid = result["result"]
    assert seen == [None, "/", project, 0o022, project, ["tasks:look"], True, 0.0, "/dev/null"]
    assert {"result": pid} == rig.outputs("a")


@pytest.mark.parametrize(
    "left",
    [
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
        "threading.Thread(target=time.sleep, args=(1000,)).start()",
        "LEFT.append(open('/dev/zero'))",
        "LEFT.append(os.pipe())",
    ],
)
def test_a_worker_retires_after_a_job_that_left_a_thread_or_a_file(rig: Rig, left: str) -> None:
    rig.module(f"import os, threading, time\nLEFT = []\ndef f():\n    {left}\n    return os.getpid()")
    assert rig.call("a", "tasks:f").code == 0
    eventually(lambda: not runs(worker_pid(rig, "a")))
    assert rig.call("b", "tasks:f").code == 0
    assert rig.outputs("a") != rig.outputs("b")


def test_what_a_job_leaves_running_is_stopped(rig: Rig) -> None:  # semantics S11
    rig.module(
        """
import os, subprocess, time
def f():
    pids = [subprocess.Popen(argv).pid for argv in (["sleep", "1000"], ["setsid", "sleep", "1001"])]
    forked = os.fork()
    if not forked:
        os.setsid()
        time.sleep(1000)
    return {"pids": [*pids, forked]}
"""
    )
    ended = rig.call("a", "tasks:f")
    assert (ended.code, ended.tree) == (0, "proven")
    result = rig.outputs("a")
    assert isinstance(result, dict)
    assert not [pid for pid in result["pids"] if runs(pid)]


def test_what_a_job_may_leave_running_is_left(rig: Rig) -> None:  # semantics S11
    rig.module("import subprocess\ndef f(): return {'pid': subprocess.Popen(['setsid', 'sleep', '1000']).pid}")
    assert rig.call("a", "tasks:f", leave_running=True).code == 0
    result = rig.outputs("a")
    assert isinstance(result, dict)
    assert runs(result["pid"])


def test_a_fork_that_comes_back_is_not_a_second_worker(rig: Rig) -> None:
    rig.module("import os\ndef f():\n    if os.fork():\n        os.wait()\n        return 'parent'\n    return 'child'")
    assert rig.call("a", "tasks:f").code == 0
    assert rig.call("b", "tasks:f").code == 0
    assert '"parent"' in (rig.run_dir / "b.json").read_text()


def test_a_job_can_be_stopped_with_all_it_started(rig: Rig) -> None:
    begin = "import subprocess\ndef f():\n    p = subprocess.Popen(['setsid', 'sleep', '1000'])\n"
    rig.module(begin + "    print(p.pid)\n    p.wait()")
    rig.send(rig.job("a", "tasks:f"))
    (pid,) = lines_of(rig.out("a"), 1)
    rig.send(Stop("a"))
    ended = rig.exited("a")
    assert (ended.code, ended.why, ended.tree) == (-signal.SIGTERM, "stopped", "proven")
    assert not runs(int(pid))


def test_the_clocks_hold_for_jobs(rig: Rig) -> None:  # semantics S10
    rig.module("def f():\n    while True: pass")
    rig.send(rig.job("a", "tasks:f", timeout_s=0.4), rig.job("b", "tasks:f", heartbeat=beat(rig.run_dir / "beat", 0.4)))
    assert rig.exited("a").why == "timeout"
    assert rig.exited("b").why == "stalled"


def test_a_function_that_takes_ctx_is_told_who_it_works_for(rig: Rig) -> None:
    rig.module(
        """
import os
def f(ctx, x):
    ctx.log("began"); ctx.heartbeat()
    return {"who": [ctx.run, ctx.step, ctx.attempt, ctx.idempotency_key, ctx.scratch], "x": x}
def g(x, *, ctx=None): return ctx is not None
def h(ctx): return ctx
"""
    )
    env = {"HOLDFAST_IDEMPOTENCY_KEY": "key", "HOLDFAST_SCRATCH": "/scratch"}
    rig.call("a", "tasks:f", args={"x": 1}, env=env)
    assert rig.outputs("a") == {"who": [rig.run_id, "a", 1, "key", "/scratch"], "x": 1}
    assert rig.err("a").read_text() == "began\n"
    assert (rig.run_dir / "beat").exists()
    rig.call("b", "tasks:g", args={"x": 1})
    assert rig.outputs("b") == {"result": True}
    rig.call("c", "tasks:h", args={"ctx": "mine"})
    assert rig.outputs("c") == {"result": "mine"}


def test_code_of_the_project_that_changed_is_imported_anew(rig: Rig) -> None:
    rig.module("import other\ndef f(): return other.VALUE")
    rig.module("VALUE = 1", "other")
    rig.call("a", "tasks:f")
    rig.module("VALUE = 1000", "other")
    rig.call("b", "tasks:f")
    assert rig.outputs("b") == {"result": 1000}


def test_modules_beside_the_worker_do_not_hide_the_librarys(rig: Rig) -> None:
    rig.module("import http, json, sys\ndef f(): return [http.__file__, sys.path]")
    rig.call("a", "tasks:f")
    assert str(Path("holdfast", "runners")) not in str(rig.outputs("a"))


def test_arguments_larger_than_a_pipe_reach_the_job(rig: Rig) -> None:
    rig.module("def f(text): return len(text)")
    rig.call("a", "tasks:f", args={"text": "x" * 1_000_000})
    assert rig.outputs("a") == {"result": 1_000_000}


def test_resources_used_by_a_job_are_its_own(rig: Rig) -> None:
    rig.module("def f(n): sum(range(n))")
    busy = rig.call("a", "tasks:f", args={"n": 5_000_000})
    idle = rig.call("b", "tasks:f", args={"n": 1})
    assert busy.cpu_s > 0.02 > idle.cpu_s
    assert busy.max_rss_kib > 5_000


def test_an_interpreter_that_is_not_there_is_a_failed_start(rig: Rig) -> None:
    rig.send(rig.job("a", "tasks:f", python="/no/such/python"))
    assert "there is no program /no/such/python" in rig.failed("a").error


def test_an_interpreter_that_cannot_run_the_worker_is_seen_in_the_log(rig: Rig) -> None:
    (rig.run_dir / "old").write_text("#!/bin/sh\necho too old >&2; exit 2\n")
    (rig.run_dir / "old").chmod(0o755)
    ended = rig.call("a", "tasks:f", python=str(rig.run_dir / "old"))
    assert ended.code == 2
    assert rig.err("a").read_text() == "too old\n"


def test_a_missing_folder_is_a_failed_start(rig: Rig) -> None:
    rig.module("def f(): pass")
    error = rig.call("a", "tasks:f", cwd="/no/such/folder").error
    text = "the working directory /no/such/folder cannot be entered: No such file or directory"
    assert error == JobError("spawn.failed", text)


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13", "3.14"])
def test_any_python_from_3_8_can_be_the_worker(rig: Rig, version: str) -> None:
    found = sorted(Path(sys.base_prefix).parent.glob(f"{version}.*/bin/python"))
    if not found:
        pytest.skip(f"no Python {version} here")
    rig.module("import sys\nasync def f(ctx): return {'v': list(sys.version_info[:2]), 'step': ctx.step}")
    assert rig.call("a", "tasks:f", python=str(found[0])).error is None
    assert rig.outputs("a") == {"v": [int(part) for part in version.split(".")], "step": "a"}
