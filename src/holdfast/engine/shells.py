"""How the text of `run` reaches shells that are no shells of Unix: Python and PowerShell."""

import errno
import shutil
import sys

from holdfast.errors import BugError
from holdfast.plan.model import Run, Shell

POWERSHELLS = {Shell.PWSH: "pwsh", Shell.POWERSHELL: "powershell"}
OTHER = {"pwsh": "powershell", "powershell": "pwsh"}
# The first error of a cmdlet ends the script, and so does a program that fails (before 7.4 only the last one counts).
BEFORE = "$ErrorActionPreference = 'Stop'\n$PSNativeCommandUseErrorActionPreference = $true\n"
AFTER = "\nif (Test-Path -LiteralPath Variable:\\LASTEXITCODE) { exit $LASTEXITCODE }\n"


def argv_of(work: Run, path: str | None) -> tuple[str, ...]:
    """The argument list for a shell text; programs are looked up on `path`."""
    if work.shell is Shell.PYTHON:
        return (shutil.which("python3", path=path) or sys.executable, "-c", work.text)
    program = POWERSHELLS.get(work.shell)
    if program is not None:
        return (program, "-NoProfile", "-NonInteractive", "-Command", BEFORE + work.text + AFTER)
    raise BugError(f"the shell {work.shell} is not known", code="E_BUG")


def require(work: Run, path: str | None) -> None:
    """Raise `FileNotFoundError` that says what to do where a shell that few systems have is not on `path`."""
    program = POWERSHELLS.get(work.shell)
    if program is None or shutil.which(program, path=path):
        return
    other = OTHER[program]
    hint = f"there is {other}: write shell: {other}" if shutil.which(other, path=path) else "install PowerShell"
    raise FileNotFoundError(errno.ENOENT, f"is not on PATH, and shell: {work.shell} needs it; {hint}", program)
