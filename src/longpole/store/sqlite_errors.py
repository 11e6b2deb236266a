"""What SQLite's errors mean to somebody who uses longpole."""

from __future__ import annotations

import os

import apsw

from longpole.errors import LongpoleError, StorageBusyError, StorageUnavailableError

# SQLite's write-ahead log needs shared memory between all processes, which none of these file systems gives.
NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "gpfs", "lustre", "ceph", "afs", "ncpfs", "glusterfs")
)
MOUNTS = "/proc/self/mountinfo"
MEANINGS: tuple[tuple[type[apsw.Error], str], ...] = (
    (apsw.ReadOnlyError, "is read-only; check the permissions of the file and of its folder"),
    (apsw.FullError, "cannot grow: the disk is full; free some space and try again"),
    (apsw.NotADBError, "is not a longpole database; name another file with --db"),
    (apsw.CorruptError, "is damaged; restore a backup with `longpole db restore`"),
    (apsw.CantOpenError, "cannot be opened; check that it is a file and that you may read and write it"),
    (apsw.PermissionsError, "may not be opened; check its permissions"),
    (apsw.IOError, "cannot be read or written: the disk reports an error"),
)


def translated(error: apsw.Error | OSError, path: str) -> LongpoleError:
    """Give the typed error for what SQLite or the system reported; a mistake of our own statements stays as it is."""
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StorageBusyError(f"another process kept {path} locked for too long; try again")
    if os.path.isdir(path):
        return StorageUnavailableError(f"{path} is a folder; name the database file in it")
    for kind, meaning in MEANINGS:
        if isinstance(error, kind):
            return StorageUnavailableError(f"{path} {meaning} ({error})")
    if isinstance(error, OSError):
        return StorageUnavailableError(f"{path} cannot be opened: {error.strerror or error}")
    return LongpoleError(f"the database refused a statement of longpole's own: {error}; please report this")


def refuse_network(path: str, mounts: str = MOUNTS) -> None:
    """Raise StorageUnavailableError if the database would lie on a network file system."""
    kind = file_system_of(os.path.dirname(os.path.abspath(path)), mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        raise StorageUnavailableError(
            f"{path} lies on a network file system ({kind}), where SQLite can lose or corrupt it;"
            " put the database on a local disk (--db PATH or LONGPOLE_DB)"
        )


def file_system_of(folder: str, mounts: str) -> str | None:
    """Tell the type of the file system that a folder lies on; None where the system does not say."""
    try:
        device = os.stat(folder).st_dev
        with open(mounts, encoding="utf-8") as lines:
            # 36 35 98:0 /root /mountpoint options… - type source options
            return _type_of(f" {os.major(device)}:{os.minor(device)} ", lines.read())
    except OSError:
        return None


def _type_of(device: str, lines: str) -> str | None:
    for line in lines.splitlines():
        if device in line:
            return line.partition(" - ")[2].split(" ", 1)[0]
    return None
