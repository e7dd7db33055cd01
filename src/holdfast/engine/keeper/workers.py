"""Warm workers: Python processes that make one call after another, kept by how they are started."""

import os
import select

from holdfast.engine.keeper.attempt import LOG_FLAGS, LOG_MODE, Attempt, encoded, launch, make_folders
from holdfast.engine.keeper.wire import encode, scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.engine.keeper.attempt import Process
    from holdfast.engine.keeper.wire import Answer, Job, WorkerSpec

# The descriptors a worker reads jobs from and writes answers to.
JOBS_FD = 3
ANSWERS_FD = 4
IDLE_MAX = 16
READ_BYTES = 1 << 16
MARK = "HOLDFAST_WORKER"


class Worker:
    """One worker process, idle or with the job of one attempt."""

    __slots__ = ("answers_fd", "attempt", "jobs_fd", "key", "mark", "pid", "process", "received", "unsent")

    def __init__(self, key: str, mark: str, process: "Process", pipes: tuple[int, int]) -> None:
        self.key = key
        self.mark = mark
        self.process = process
        self.pid = process[0]
        self.jobs_fd, self.answers_fd = pipes
        self.attempt: Attempt | None = None
        self.received = b""
        self.unsent = b""


class Workers:
    """The workers of one keeper; those without a job wait by their kind."""

    def __init__(self, run_id: str, poller: "select.poll") -> None:
        self._run_id = run_id
        self._poller = poller
        self._idle: dict[str, list[Worker]] = {}
        self._started = 0
        self.by_fd: dict[int, Worker] = {}

    def begin(self, request: "Job") -> Worker:
        """Gives the job to an idle worker or a new one; the worker has its attempt then. Raises NotStartedError."""
        if "mkdirs" in request:
            make_folders(request["mkdirs"])
        spec = request["worker"]
        key = repr(spec)
        idle = self._idle.get(key)
        worker = idle.pop() if idle else self._start(key, spec, request)
        attempt = Attempt(request, worker.process, request["job"]["env"])
        attempt.worker_marks = [worker.mark]
        worker.attempt = attempt
        job = {**request["job"], "id": request["id"], "stdout": request["stdout"], "stderr": request["stderr"]}
        worker.unsent = encode(job).encode() + b"\n"
        self.write(worker)
        return worker

    def write(self, worker: Worker) -> None:
        """Sends the worker what it has not taken yet, as far as it takes it now."""
        try:
            worker.unsent = worker.unsent[os.write(worker.jobs_fd, worker.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            worker.unsent = b""  # it is dying, and its end will be reported
        if worker.unsent:
            self.by_fd[worker.jobs_fd] = worker
            self._poller.register(worker.jobs_fd, select.POLLOUT)
        elif self.by_fd.pop(worker.jobs_fd, None) is not None:
            self._poller.unregister(worker.jobs_fd)

    def read(self, worker: Worker) -> "Answer | None":
        """The worker's answer, when it is complete."""
        try:
            chunk = os.read(worker.answers_fd, READ_BYTES)
        except OSError:
            return None
        if not chunk:
            self._unlisten(worker)
            return None
        worker.received += chunk
        line, newline, rest = worker.received.partition(b"\n")
        if not newline:
            return None
        worker.received = rest
        answer: Answer = scan(line.decode(), 0)[0]
        return answer

    def rest(self, worker: Worker) -> None:
        """Takes a worker back that has done its job."""
        worker.attempt = None
        idle = self._idle.setdefault(worker.key, [])
        idle.append(worker)
        if sum(map(len, self._idle.values())) > IDLE_MAX:
            oldest = next(workers for workers in self._idle.values() if workers)
            self.dismiss(oldest.pop(0))

    def dismiss(self, worker: Worker) -> None:
        """Lets a worker go: there are no more jobs for it."""
        if worker.jobs_fd >= 0:
            if self.by_fd.pop(worker.jobs_fd, None) is not None:
                self._poller.unregister(worker.jobs_fd)
            os.close(worker.jobs_fd)
            worker.jobs_fd = -1

    def dismiss_idle(self) -> None:
        """Lets all go that have nothing to do."""
        for workers in self._idle.values():
            for worker in workers:
                self.dismiss(worker)
        self._idle.clear()

    def gone(self, worker: Worker) -> None:
        """Forgets a worker whose process has ended."""
        self.dismiss(worker)
        self._unlisten(worker)
        os.close(worker.answers_fd)
        idle = self._idle.get(worker.key, [])
        if worker in idle:
            idle.remove(worker)

    def _unlisten(self, worker: Worker) -> None:
        if self.by_fd.pop(worker.answers_fd, None) is not None:
            self._poller.unregister(worker.answers_fd)

    def _start(self, key: str, spec: "WorkerSpec", request: "Job") -> Worker:
        """Starts a worker; until it has its first job, it speaks to that job's logs."""
        jobs_read, jobs_write = high_pipe()
        answers_read, answers_write = high_pipe()
        self._started += 1
        mark = f"{MARK}={os.getpid()}.{self._started}"
        env = {**spec["env"], "HOLDFAST_RUN": self._run_id, MARK: mark.partition("=")[2]}
        actions: Sequence[tuple[object, ...]] = (
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, request["stdout"], LOG_FLAGS, LOG_MODE),
            (os.POSIX_SPAWN_OPEN, 2, request["stderr"], LOG_FLAGS, LOG_MODE),
            (os.POSIX_SPAWN_DUP2, jobs_read, JOBS_FD),
            (os.POSIX_SPAWN_DUP2, answers_write, ANSWERS_FD),
        )
        try:
            process = launch(spec["argv"], (encoded(env), env.get("PATH", os.defpath)), spec["cwd"], actions)
        except BaseException:
            os.close(jobs_write)
            os.close(answers_read)
            raise
        finally:
            os.close(jobs_read)
            os.close(answers_write)
        os.set_blocking(jobs_write, False)
        os.set_blocking(answers_read, False)
        worker = Worker(key, mark, process, (jobs_write, answers_read))
        self.by_fd[answers_read] = worker
        self._poller.register(answers_read, select.POLLIN)
        return worker


def high_pipe() -> tuple[int, int]:
    """A pipe whose ends are out of the way of the numbers a worker expects; neither is inherited by anyone else."""
    import fcntl

    low = os.pipe()
    try:
        return fcntl.fcntl(low[0], fcntl.F_DUPFD_CLOEXEC, 10), fcntl.fcntl(low[1], fcntl.F_DUPFD_CLOEXEC, 10)
    finally:
        for fd in low:
            try:
                os.close(fd)
            except OSError:
                pass
