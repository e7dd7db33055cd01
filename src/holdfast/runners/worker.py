"""The warm Python worker: makes one call after another for the keeper, each as if the process were new.

A program of its own: it is run by path, by any Python from 3.8, and imports nothing but the standard library. Jobs come
as JSON lines on descriptor 3; answers go to descriptor 4: `{"id", "code", "error": {"code", "message"} | null, …}`.
What a job changes in the process is put back after it; what cannot be (threads, open files) makes the worker retire.
"""

import sys

# The folder of this file is not for import: a module `http` beside it would hide the library's.
if sys.path and __file__.startswith(sys.path[0] + "/"):
    del sys.path[0]

import contextlib
import fcntl
import importlib
import json
import os
import resource
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

JOBS_FD = 3
ANSWERS_FD = 4
SCRIPT = "script"
OWN_FD_MIN = 200  # out of the way of programs that count on low numbers
READ_BYTES = 1 << 16
RSS_PER_KIB = 1024 if sys.platform == "darwin" else 1
MESSAGE_CHARS_MAX = 1000


class JobFailedError(Exception):
    """The job cannot be done; `code` is the error code of the attempt, `more` what else the answer says of it."""

    def __init__(self, code: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.code = code
        self.more = more


class Process:
    """The state of this process that belongs to no job, to be put back after each."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.path = list(sys.path)
        self.umask = os.umask(0o022)
        os.umask(self.umask)
        self.null = fcntl.fcntl(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), fcntl.F_DUPFD_CLOEXEC, OWN_FD_MIN)
        self.handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        # Lines go out at once: what was said before a crash is in the log. Libraries may keep these objects for good.
        self.stdout, self.stderr = sys.stdout, sys.stderr = text_to(1), text_to(2)
        self.files: set[str] = set()
        self.modules: dict[str, tuple[str, int, int]] = {}

    def enter(self, job: "dict[str, Any]") -> None:
        """Makes the process the job's: its logs, environment, folder, import path."""
        for fd, name in ((1, "stdout"), (2, "stderr")):
            log = os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            os.dup2(log, fd)
            os.close(log)
        set_environment(job["env"])
        try:
            os.chdir(job["cwd"])
        except OSError as error:
            text = f"the working directory {job['cwd']} cannot be entered: {error.strerror}"
            raise JobFailedError("spawn.failed", text) from None
        sys.path[:] = [job["project"], *self.path]
        sys.argv[:] = [job["call"]]
        self.forget_changed_modules()
        self.files = open_files()

    def leave(self, project: str) -> bool:
        """Puts the process back; says whether the next job may have it."""
        for stream in (sys.stdout, sys.stderr, self.stdout, self.stderr, sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()  # type: ignore[union-attr]  # a job may have put anything there
        is_clean = not self.stdout.closed and not self.stderr.closed and open_files() == self.files
        sys.stdout, sys.stderr = self.stdout, self.stderr
        for fd in (0, 1, 2):
            os.dup2(self.null, fd)
        os.chdir("/")
        os.umask(self.umask)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self.handlers.items():
            if signal.getsignal(number) is not handler and signal.getsignal(number) != handler:
                if handler is None:
                    is_clean = False
                else:
                    signal.signal(number, handler)
        self.remember_modules(project)
        return is_clean and not has_threads()

    def remember_modules(self, project: str) -> None:
        """Notes the state of the project's files that were imported."""
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if name not in self.modules and isinstance(path, str) and path.startswith(project + "/"):
                state = state_of(path)
                if state is not None:
                    self.modules[name] = (path, *state)

    def forget_changed_modules(self) -> None:
        """Lets the project's code be imported anew when any of it has changed since it was."""
        if any(state_of(path) != (mtime, size) for path, mtime, size in self.modules.values()):
            for name in self.modules:
                sys.modules.pop(name, None)
            self.modules.clear()
        importlib.invalidate_caches()


def text_to(fd: int) -> "TextIO":
    """A text stream that lives as long as the process."""
    return open(fd, "w", 1, "utf-8", "backslashreplace", closefd=False)


def state_of(path: str) -> "tuple[int, int] | None":
    """What changes when a file does."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def open_files() -> "set[str]":
    """The open descriptors of this process and what they are open on."""
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        return set(os.listdir("/dev/fd"))
    found = set()
    for fd in os.listdir(folder):
        with contextlib.suppress(OSError):  # of the one that lists the folder
            if int(fd) > 2:
                found.add(fd + os.readlink(f"{folder}/{fd}"))
    return found


def has_threads() -> bool:
    """Says whether any other thread runs."""
    threading = sys.modules.get("threading")
    return threading is not None and threading.active_count() > 1


def set_environment(env: "dict[str, str]") -> None:
    """Makes the environment exactly this one."""
    before = os.environ.get("TZ")
    for name in list(os.environ):
        if name not in env:
            del os.environ[name]
    for name, value in env.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    if os.environ.get("TZ") != before:
        time.tzset()


def own(name: str, package: str = "runners") -> "Any":  # noqa: ANN401 - a module, whose names are known where it is used
    """A module of ours, imported when it is used; nothing of the job's can stand in its way."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, root)
    try:
        return importlib.import_module(f"holdfast.{package}.{name}")
    finally:
        sys.path.remove(root)


def find(call: str, project: str) -> "Callable[..., Any]":
    """Imports `module:function`. Raises JobFailedError when there is none; what the module raises goes through."""
    module_name, colon, function_name = call.partition(":")
    if not (module_name and colon and function_name):
        raise JobFailedError("spawn.failed", f"call must be module:function, not {call!r}")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise
        plain = own("plain")
        hint = plain.nearest(module_name, plain.modules_beside(module_name, project))
        text = f"there is no module {error.name} in {project} or among the packages of {sys.executable}{hint}"
        raise JobFailedError("spawn.failed", text) from None
    except SystemExit:
        raise JobFailedError("spawn.failed", f"the module {module_name} ends the process when it is imported") from None
    found: Any = module
    for part in function_name.split("."):
        if not hasattr(found, part):
            names = [name for name in dir(found) if not name.startswith("_") and callable(getattr(found, name, None))]
            text = f"{module_name} has no function {function_name}{own('plain').nearest(part, names)}"
            raise JobFailedError("spawn.failed", text)
        found = getattr(found, part)
    if not callable(found):
        raise JobFailedError("spawn.failed", f"{call} is {with_article(found)}, not a function")
    return found  # type: ignore[no-any-return]  # callable, as was just seen


def wants_context(function: "Callable[..., Any]") -> bool:
    """Says whether the function has a parameter `ctx`."""
    code = getattr(function, "__code__", None)
    if code is not None and not hasattr(function, "__wrapped__"):
        return "ctx" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    import inspect  # noqa: PLC0415  # as difflib

    try:
        return "ctx" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def invoke(job: "dict[str, Any]") -> object:
    """Makes the call; waits for it if it is asynchronous."""
    function = find(job["call"], job["project"])
    arguments = job["args"]
    if arguments or getattr(function, "__annotations__", None):
        arguments = fitted(job["call"], function, arguments)
    if "ctx" not in arguments and wants_context(function):
        arguments = dict(arguments, ctx=own("context").Context(job["env"]))
    value = function(**arguments)
    if hasattr(value, "__await__"):
        import asyncio  # noqa: PLC0415  # as difflib

        async def wait() -> object:
            return await value

        return asyncio.run(wait())
    return value


def fitted(name: str, function: "Callable[..., Any]", arguments: "dict[str, Any]") -> "dict[str, Any]":
    """The arguments in the types of the function's annotations. Raises JobFailedError, before anything is called."""
    module = own("arguments", "plan")
    fitting = module.fitting_of(name, function)
    try:
        return arguments if fitting is None else fitting.fit(arguments)
    except module.UnfitError as error:
        raise JobFailedError("spawn.failed", str(error)) from None


def run_script(job: "dict[str, Any]", process: Process) -> None:
    """Runs a script as a new interpreter would; the worker retires after it. Raises JobFailedError."""
    path = os.path.normpath(os.path.join(job["project"], job["args"]["script"]))
    if not os.path.isfile(path):
        raise JobFailedError("spawn.failed", f"there is no script {path}")
    for name in process.modules:
        sys.modules.pop(name, None)
    own("scripts").run(path, job["args"].get("args") or {})


def perform(job: "dict[str, Any]") -> None:
    """Does the work of a runner; what it knows is written even when it failed. Raises JobFailedError."""
    performing = own("performing")
    answer = performing.perform(job["runner"], job["args"], performing.place_of(job))
    write_outputs(answer.outputs or None, job["env"].get("HOLDFAST_OUTPUT"))
    if answer.failure is not None:
        failure = answer.failure
        more = {"definite": failure.definite, "retry_after_s": failure.retry_after_s}
        raise JobFailedError(failure.code, str(failure), **more)


def write_outputs(value: object, path: "str | None") -> None:
    """Appends what the function returned to the output file, as one line. Raises JobFailedError if it is not plain."""
    if value is None:
        return
    outputs = value if isinstance(value, dict) else {"result": value}
    try:
        line = json.dumps(outputs, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise JobFailedError("output.invalid", own("plain").what_is_not_plain(value, "the returned value")) from None
    strange = [key for key in outputs if not isinstance(key, str)]
    if strange:
        text = f"an output has the name {strange[0]!r}, {with_article(strange[0])}: the names of outputs are text"
        raise JobFailedError("output.invalid", text)
    if not path:
        raise JobFailedError("output.invalid", "HOLDFAST_OUTPUT is not set, there is nowhere to put the returned value")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(fd).st_size
        begin = "\n" if size and os.pread(fd, 1, size - 1) != b"\n" else ""
        data = (begin + line + "\n").encode()
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)


def with_article(value: object) -> str:
    """The name of a value's type, with its article."""
    name = type(value).__name__
    return ("an " if name[:1].lower() in "aeiou" else "a ") + name


def one_line(text: str) -> str:
    """A message for a list: one line, bounded, without characters that no encoding has."""
    return " ".join(text.split())[:MESSAGE_CHARS_MAX].encode("utf-8", "backslashreplace").decode()


def runpy_file() -> str:
    """The file of the module that runs scripts, where it is no frozen one."""
    return getattr(sys.modules.get("runpy"), "__file__", None) or __file__


def show_traceback(error: BaseException) -> None:
    """Writes the traceback to the log, without the frames of this file."""
    import traceback  # noqa: PLC0415  # as difflib

    frame = error.__traceback__
    ours = (os.path.dirname(os.path.abspath(__file__)) + "/", importlib.__file__, "<frozen ", runpy_file())
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(ours):
        frame = frame.tb_next
    traceback.print_exception(type(error), error, frame)


def attempt(job: "dict[str, Any]", process: Process) -> "tuple[int, dict[str, object] | None]":
    """Does one job; gives the exit code and what went wrong."""
    try:
        process.enter(job)
        if job.get("runner") == SCRIPT:
            run_script(job, process)
        elif job.get("runner"):
            perform(job)
        else:
            write_outputs(invoke(job), job["env"].get("HOLDFAST_OUTPUT"))
    except JobFailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1, {"code": error.code, "message": one_line(str(error)), **error.more}
    except SystemExit as error:
        if error.code is None or error.code == 0:
            return 0, None
        if not isinstance(error.code, int):
            sys.stderr.write(f"{error.code}\n")
        code = error.code & 0xFF if isinstance(error.code, int) else 1
        return code or 1, {"code": "exit.nonzero", "message": one_line(f"SystemExit: {error.code}")}
    except BaseException as error:  # noqa: BLE001  # the boundary: whatever a step raises is its answer
        show_traceback(error)
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
        return code, {"code": "exit.nonzero", "message": one_line(f"{type(error).__name__}: {error}")}
    return 0, None


def work(process: Process, jobs_fd: int, answers_fd: int) -> None:
    """Does jobs until none can come any more."""
    received = b""
    while True:
        line, newline, rest = received.partition(b"\n")
        if not newline:
            chunk = os.read(jobs_fd, READ_BYTES)
            if not chunk:
                return
            received += chunk
            continue
        received = rest
        job = json.loads(line)
        begin = time.process_time(), os.times()
        code, error = attempt(job, process)
        if os.getpid() != process.pid:
            sys.stdout.flush()
            os._exit(code)  # a fork of the job that came back here
        may_go_on = process.leave(job["project"]) and job.get("runner") != SCRIPT
        times = os.times()
        cpu_s = time.process_time() - begin[0]
        cpu_s += times.children_user + times.children_system - begin[1].children_user - begin[1].children_system
        answer = {"id": job["id"], "code": code, "error": error, "retire": not may_go_on, "cpu_s": cpu_s}
        answer["max_rss_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // RSS_PER_KIB
        os.write(answers_fd, json.dumps(answer).encode() + b"\n")
        if not may_go_on:
            os._exit(0)


def main() -> None:
    """Takes the two pipes out of the way of the jobs and works."""
    process = Process()
    jobs_fd = fcntl.fcntl(JOBS_FD, fcntl.F_DUPFD_CLOEXEC, OWN_FD_MIN)
    answers_fd = fcntl.fcntl(ANSWERS_FD, fcntl.F_DUPFD_CLOEXEC, OWN_FD_MIN)
    os.close(JOBS_FD)
    os.close(ANSWERS_FD)
    work(process, jobs_fd, answers_fd)


if __name__ == "__main__":
    main()
