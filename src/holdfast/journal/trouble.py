"""What SQLite reports, as errors that say which file, what is wrong and what to do."""

import apsw

from holdfast.errors import BugError, HoldfastError, IntegrityError, StoreError


def explained(error: apsw.Error, path: str) -> HoldfastError:
    """The error to raise for `error`, met on the journal at `path`."""
    said = f"SQLite says: {error}"
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return IntegrityError(
            f"the journal {path} is damaged",
            code="E_JOURNAL_DAMAGED",
            facts=[said],
            hint="restore it from a backup; keep the damaged file to see what was lost",
        )
    for kind, (what, code, hint) in _STORE.items():
        if isinstance(error, kind):
            return StoreError(f"the journal {path} {what}", code=code, facts=[said], hint=hint)
    return BugError(f"the journal {path} refused a statement", code="E_BUG", facts=[said])


_STORE: dict[type[apsw.Error], tuple[str, str, str]] = {
    apsw.FullError: (
        "cannot grow: the disk is full",
        "E_STORE_FULL",
        "free some space, then resume; everything acknowledged before is stored",
    ),
    apsw.BusyError: (
        "is locked by another process",
        "E_STORE_LOCKED",
        "wait for the other process, or find it with `fuser`, then try again",
    ),
    apsw.LockedError: ("is locked", "E_STORE_LOCKED", "try again"),
    apsw.ReadOnlyError: ("is read only", "E_STORE_READ_ONLY", "make the file and its folder writable, then try again"),
    apsw.CantOpenError: (
        "cannot be opened",
        "E_STORE_UNREACHABLE",
        "check that the folder exists and that you may read and write it",
    ),
    apsw.PermissionsError: ("may not be opened", "E_STORE_UNREACHABLE", "check the file's owner and mode"),
    apsw.AuthError: ("may not be opened", "E_STORE_UNREACHABLE", "check the file's owner and mode"),
    apsw.IOError: ("cannot be read or written", "E_STORE_UNREACHABLE", "check the disk, then try again"),
    apsw.ProtocolError: ("cannot be locked", "E_STORE_UNREACHABLE", "use a file system with working locks"),
    apsw.NoMemError: ("needs more memory than there is", "E_STORE_UNREACHABLE", "free some memory, then try again"),
}
