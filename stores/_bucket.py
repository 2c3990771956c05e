"""A claim store in a bucket, or on any file system that fsspec knows. A claim's age is its object's last change.

Data that is put again is written again, but for data that is younger than an hour, which no purge deletes: it stays as
it is. A bucket has no locks and cannot delete on conditions, so purge and put leave traces for each other:

====  =====================================  ===============================================
step  a purge                                a put
====  =====================================  ===============================================
1     writes a mark, ``<digest>.<its own>``  writes the data
2     looks at the age                       lists data and marks, until there is no mark
3     deletes the data, if it is old         begins again, if the data was not there
4     deletes its mark
====  =====================================  ===============================================

If a put sees no mark, each purge either has not done step 1, and will see in step 2 that the data is young; or has done
step 4, and if it deleted the data, the put misses it. That takes a bucket that lists at once what was written or
deleted, as S3 does.
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeGuard

from penstock.stores._held import Held, is_digest

RENEW_AFTER_SECONDS: Final = 3600.0
AT_ONCE: Final = 16
LONGEST_MARK_SECONDS: Final = 30.0
"""A put waits no longer: whoever made the mark was killed."""

_LONGEST_LOOK_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_TIMES: Final = ("LastModified", "last_modified", "mtime", "updated", "created")
"""What file systems call the time of the last change."""


class Bucket:
    """Data below a path of an fsspec file system, each in an object called by its hash.

    Parameters
    ----------
    files : fsspec.AbstractFileSystem
    root : str
        Its path there.
    clock : callable
        Seconds since the epoch.
    """

    at_once = AT_ONCE

    def __init__(self, files: Any, root: str, clock: Callable[[], float]) -> None:
        self._files = files
        self._root = root
        self._clock = clock

    def keep(self, digest: str, data: bytes) -> None:
        """Write the data, or make it young again. Raises what the file system raises."""
        there = self._near(digest).get(digest)
        if _fits(there, data) and self._clock() - self._changed(digest, there) < RENEW_AFTER_SECONDS:
            return
        there = None
        while not _fits(there, data):
            self._files.pipe_file(self._path(digest), data)  # a bucket shows an object whole or not at all
            there = self._unmarked(digest)

    def read(self, digest: str) -> bytes:
        """Raises FileNotFoundError, and what else the file system raises."""
        data: bytes = self._files.cat_file(self._path(digest))
        return data

    def held(self) -> Iterator[Held]:
        """Everything that is here. Raises what the file system raises."""
        for name, info in self._objects():
            if is_digest(name):
                yield Held(name, info["size"], self._changed(name, info))

    def drop(self, digest: str, before: float) -> bool:
        """Delete the data if it was put before that time; whether it was. Raises what the file system raises."""
        mark = f"{digest}.{secrets.token_hex(8)}"
        self._files.pipe_file(self._path(mark), b"")
        try:
            began = time.monotonic()
            there = self._near(digest).get(digest)
            if there is None or self._changed(digest, there) >= before:
                return False
            # puts do not wait for ever: who was held up here comes too late
            if time.monotonic() - began > _LONGEST_LOOK_SECONDS:
                return False
            return self._remove(digest)
        finally:
            self._remove(mark)

    def sweep(self, before: float) -> None:
        """Delete the marks that purges that were killed left before that time. Raises what the file system raises."""
        for name, info in self._objects():
            if _is_mark(name) and self._changed(name, info) < before:
                self._remove(name)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name}"

    def _objects(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Name and facts of data and marks, a folder at a time."""
        self._files.invalidate_cache()
        try:
            folders = self._files.ls(self._root, detail=False)
        except FileNotFoundError:
            return
        for folder in sorted(folders):
            for path, info in self._files.find(folder, detail=True).items():
                name = path.rpartition("/")[2]
                if path.endswith(self._path(name)):
                    yield name, info

    def _near(self, digest: str) -> dict[str, dict[str, Any]]:
        """Name and facts of the data of that digest and of its marks, by one request that no cache answers."""
        folder = self._path(digest).rpartition("/")[0]
        found = self._files.find(folder, detail=True, prefix=digest)
        named = ((path.rpartition("/")[2], info) for path, info in found.items())
        # a file system that knows no prefix gives the whole folder
        return {name: info for name, info in named if name == digest or (_is_mark(name) and name[:64] == digest)}

    def _unmarked(self, digest: str) -> dict[str, Any] | None:
        """The facts of the data once no purge looks at it; None where one deleted it."""
        deadline = time.monotonic() + LONGEST_MARK_SECONDS
        while marks := (near := self._near(digest)).keys() - {digest}:
            if time.monotonic() > deadline:
                for mark in marks:
                    self._remove(mark)
            time.sleep(_POLL_SECONDS)
        return near.get(digest)

    def _changed(self, name: str, info: dict[str, Any]) -> float:
        """When an object was changed, in seconds since the epoch."""
        for key in _TIMES:
            if key in info:
                return _seconds(info[key])
        return _seconds(self._files.modified(self._path(name)))

    def _remove(self, name: str) -> bool:
        """Delete an object; whether it was there, where the file system tells."""
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))
            return True
        return False


def _fits(info: dict[str, Any] | None, data: bytes) -> TypeGuard[dict[str, Any]]:
    return info is not None and info["size"] == len(data)


def _is_mark(name: str) -> bool:
    digest, _, own = name.partition(".")
    return is_digest(digest) and len(own) == 16


def _seconds(moment: Any) -> float:
    return float(moment) if isinstance(moment, int | float) else float(moment.timestamp())
