"""Python scripts: run in the worker as `python script` would, after which the worker has done its work.

For any Python from 3.8, like the worker.
"""

import json
import os
import runpy
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Arguments = dict[str, Any] | list[Any]


def run(path: str, arguments: "Arguments") -> None:
    """Runs the script with its arguments, its own folder first on the import path; what it raises goes through."""
    sys.argv[:] = [path, *argv_of(arguments)]
    sys.path.insert(0, os.path.dirname(path))
    try:
        runpy.run_path(path, run_name="__main__")
    finally:
        _end()


def argv_of(arguments: "Arguments") -> "list[str]":
    """Arguments as a command line has them: a list as it is, a map as `--name=value`.

    In a map true is the bare `--name`, false and null are left out, and a list repeats the name.
    """
    if isinstance(arguments, list):
        return [_text(value) for value in arguments]
    made = []
    for name, value in arguments.items():
        for item in value if isinstance(value, list) else [value]:
            if item is True:
                made.append(f"--{name}")
            elif item is not False and item is not None:
                made.append(f"--{name}={_text(item)}")
    return made


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _end() -> None:
    """What the interpreter does at its end: await the threads that are to be awaited, then call what asked for it."""
    threading = sys.modules.get("threading")
    if threading is not None:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    import atexit  # noqa: PLC0415 - only here

    atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to end as an interpreter does
