"""A claim store in a folder. A claim's age is its file's: who puts it again touches the file.

A put shares the lock of the claim's folder, a purge has it alone while it looks at the age and deletes: a claim is
either deleted before a put looks for it, or touched before a purge does. Locks go away with the process that held them.
"""

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from penstock.stores._held import Held, is_digest

AT_ONCE: Final = 1

_LOCK: Final = "lock"
_WITHOUT_LOCKS: Final = frozenset((errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP))


class Folder:
    """Data below a folder, each in a file called by its hash."""

    at_once = AT_ONCE

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, digest: str, data: bytes) -> None:
        """Write the data, or make it young again. Raises OSError."""
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent, fcntl.LOCK_SH):
            if not _renewed(path, len(data)):
                _write_file(path, data)

    def read(self, digest: str) -> bytes:
        """Raises OSError."""
        return self._path(digest).read_bytes()

    def held(self) -> Iterator[Held]:
        """Everything that is here. Raises OSError."""
        for path in self._files():
            if is_digest(path.name):
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat()
                    yield Held(path.name, found.st_size, found.st_mtime)

    def drop(self, digest: str, before: float) -> bool:
        """Delete the data if it was put before that time; whether it was. Raises OSError."""
        path = self._path(digest)
        with _locked(path.parent, fcntl.LOCK_EX), contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                return True
        return False

    def sweep(self, before: float) -> None:
        """Delete what writers that were killed left behind before that time. Raises OSError."""
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):
                if path.name.startswith(".") and path.stat().st_mtime < before:
                    path.unlink()

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    def _files(self) -> Iterator[Path]:
        for folder in sorted(self._root.glob("??")):
            yield from folder.iterdir()


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Hold the folder's lock. On a file system without locks a put goes on without one, and a purge raises OSError."""
    # to share a lock, reading is enough, and all that a file of another user may allow
    wanted = os.O_RDONLY if how == fcntl.LOCK_SH else os.O_RDWR
    descriptor = os.open(folder / _LOCK, wanted | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, how)
        except OSError as error:
            if how != fcntl.LOCK_SH or error.errno not in _WITHOUT_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


def _renewed(path: Path, length: int) -> bool:
    try:
        if path.stat().st_size != length:
            return False
        os.utime(path)
    except (FileNotFoundError, PermissionError):  # another user's file can be replaced, but not touched
        return False
    return True


def _write_file(path: Path, data: bytes) -> None:
    """Write so that the name appears once the data is on disk, whole."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
