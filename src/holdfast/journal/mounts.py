"""Whether a path is on a network file system, where SQLite's shared memory and locks do not hold (best effort)."""

import os

_NETWORK = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
    }
)
_NETWORK_FUSE = frozenset({"fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"})


def network_file_system(path: str) -> str | None:
    """The type of the network file system that holds `path`; `None` for a local one or where nobody can tell."""
    try:
        device = os.stat(path).st_dev
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = file.read()
    except OSError:
        return None
    kind = _type_of(mounts, f"{os.major(device)}:{os.minor(device)}")
    return kind if kind in _NETWORK | _NETWORK_FUSE else None


def _type_of(mounts: str, device: str) -> str | None:
    """The file system type of a device (`major:minor`) in the text of `/proc/self/mountinfo`."""
    for line in mounts.splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split(" ", 3)[2:3] == [device]:
            return source.split(" ", 1)[0]
    return None
