"""Where the state is: `.holdfast/` of the nearest folder that has one, or what options and settings say (cli page)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from holdfast.errors import RequestError

FOLDER = ".holdfast"
DATABASE = "journal.db"
SETTINGS = ("dir", "db")


def find_state(plan: Path | None, directory: Path | None, environ: Mapping[str, str]) -> Path:
    """The state folder; it need not exist. Raises `RequestError` when a settings file cannot be read.

    In order: the option `--dir`, `HOLDFAST_DIR`, `dir` in `holdfast.toml` or `[tool.holdfast]` of `pyproject.toml`,
    the nearest folder with a `.holdfast`, the folder of the plan (or the current one).
    """
    named = directory or (Path(environ["HOLDFAST_DIR"]) if environ.get("HOLDFAST_DIR") else None)
    if named is not None:
        return _inside(named.absolute())
    start = _start(plan)
    for folder in _upward(start):
        if (folder / FOLDER).exists():
            return _inside(folder)
        setting = _settings(folder).get("dir")
        if setting is not None:
            return _inside((folder / setting).absolute())
    return start / FOLDER


def database_of(state: Path, db: str | None, environ: Mapping[str, str], plan: Path | None = None) -> Path:
    """The journal's file: `--db`, `HOLDFAST_DB`, `db` of the nearest settings, else in the state folder."""
    url, folder = db or environ.get("HOLDFAST_DB"), Path()
    if not url:
        found = ((settings["db"], each) for each in _upward(_start(plan)) if "db" in (settings := _settings(each)))
        url, folder = next(found, (None, folder))
    if not url:
        return state / DATABASE
    if url.startswith("sqlite:///"):
        return (folder / url.removeprefix("sqlite:///")).absolute()
    if url.startswith(("postgresql://", "postgres://")):
        raise RequestError(
            "a journal on PostgreSQL is not in this version", code="E_NOT_YET", hint="use sqlite:///FILE"
        )
    raise RequestError(f"{url} is not a database that Holdfast knows", code="E_DB", hint="use sqlite:///FILE")


def make_state(state: Path) -> None:
    """Make the state folder where there is none, out of git's sight; raises `OSError`."""
    if not state.is_dir():
        state.mkdir(parents=True)
        (state / ".gitignore").write_text("*\n", encoding="utf-8")


def _start(plan: Path | None) -> Path:
    return (plan.parent if plan is not None else Path()).absolute()


def _inside(folder: Path) -> Path:
    """The state folder that a folder is, or holds; raises `RequestError` where a file is in its place."""
    state = folder if folder.name == FOLDER else folder / FOLDER
    for place in (folder, state):
        if place.exists() and not place.is_dir():
            raise RequestError(
                f"{place} is a file, where Holdfast needs a folder for its state",
                code="E_STATE",
                hint="move the file away, or name another folder with --dir",
            )
    return state


def _upward(start: Path) -> Iterator[Path]:
    """The folder and those above it, never above a git root or the home folder."""
    home = Path.home()
    for folder in (start, *start.parents):
        yield folder
        if folder == home or (folder / ".git").exists():
            return


def _settings(folder: Path) -> dict[str, str]:
    """What `holdfast.toml`, else `[tool.holdfast]` of `pyproject.toml`, says in this folder."""
    for name, keys in (("holdfast.toml", ()), ("pyproject.toml", ("tool", "holdfast"))):
        path = folder / name
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError(f"{path} cannot be read: {error}", code="E_SETTINGS") from error
        if name == "pyproject.toml" and "holdfast" not in text:
            continue
        import tomllib

        try:
            found: object = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            if name == "pyproject.toml":
                continue  # not ours to judge
            raise RequestError(f"{path} is not TOML: {error}", code="E_SETTINGS") from error
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            return _checked(path, found)
    return {}


def _checked(path: Path, found: object) -> dict[str, str]:
    from holdfast.plan.nearest import nearest

    if not isinstance(found, dict):
        raise RequestError(f"{path}: tool.holdfast must be a table", code="E_SETTINGS")
    for name, value in found.items():
        if name not in SETTINGS:
            near = nearest(name, SETTINGS)
            hint = f'did you mean "{near}"?' if near else f"the settings are {', '.join(SETTINGS)}"
            raise RequestError(f'{path}: there is no setting "{name}"', code="E_SETTINGS", hint=hint)
        if not isinstance(value, str):
            raise RequestError(f'{path}: "{name}" must be text, not {value!r}', code="E_SETTINGS")
    return found
