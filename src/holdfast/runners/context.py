"""What a function gets that has a parameter `ctx`. For any Python from 3.8, like the worker."""

import os
import sys


class Context:
    """What a function gets that has a parameter `ctx`: who it works for, and ways to be heard."""

    def __init__(self, env: "dict[str, str]") -> None:
        self.run = env.get("HOLDFAST_RUN", "")
        self.step = env.get("HOLDFAST_STEP", "")
        self.attempt = int(env.get("HOLDFAST_ATTEMPT", "1"))
        self.idempotency_key = env.get("HOLDFAST_IDEMPOTENCY_KEY", "")
        self.scratch = env.get("HOLDFAST_SCRATCH", "")
        self._heartbeat = env.get("HOLDFAST_HEARTBEAT", "")

    def heartbeat(self) -> None:
        """Says that the work goes on."""
        if self._heartbeat:
            os.close(os.open(self._heartbeat, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
            os.utime(self._heartbeat)

    def log(self, text: str) -> None:
        """Writes a line to the step's error log, at once."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
