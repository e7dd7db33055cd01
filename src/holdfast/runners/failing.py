"""How a runner says that its work failed: typed where it happens, so that nobody reads messages to find out."""


class WorkFailedError(Exception):
    """The work of a runner failed; `code` is one of the error codes of attempts (semantics S22).

    `definite` says that nothing has happened outside (semantics E2); `retry_after_s` is what a server asked to wait;
    `outputs` are what is known all the same.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        definite: bool = False,
        retry_after_s: float | None = None,
        outputs: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.definite = definite
        self.retry_after_s = retry_after_s
        self.outputs = outputs or {}


def refused(message: str) -> WorkFailedError:
    """Nothing was begun: a parameter or the policy forbids it, and another attempt would not change that."""
    return WorkFailedError("spawn.failed", message, definite=True)
