"""The lines of a file by exact byte offsets, one in memory at a time, however long."""

import os
from typing import BinaryIO, Final

from penstock.model.errors import SourceError

BUFFER_BYTES: Final = 256 << 10
PREFIX_BYTES: Final = 64 << 10
"""How much of a record that is too long goes to the dead letters."""
BOM: Final = b"\xef\xbb\xbf"


class TooLong(Exception):  # noqa: N818 - a signal between this module and the sources, not an error for anybody else
    """A line is longer than a record may be; it was passed over."""

    def __init__(self, prefix: bytes) -> None:
        super().__init__()
        self.prefix = prefix


class Lines:
    """The physical lines of an open file, each with its newline.

    Parameters
    ----------
    file : binary file
    path : str
        What messages call it.
    limit : int
        Bytes of the longest line.
    follow : bool
        What stands at the end without a newline is not there yet.

    Attributes
    ----------
    path : str
    offset, line : int
        Bytes and lines up to the end of the line given last.
    size : int
        Of the file when it was opened.
    ended : bool
        Everything that can be read now was given.
    """

    def __init__(self, file: BinaryIO, path: str, limit: int, *, follow: bool) -> None:
        self.path = path
        self.ended = False
        self._file = file
        self._limit = limit
        self._follow = follow
        self.size = os.fstat(file.fileno()).st_size
        self.seek(0, 0)

    def seek(self, offset: int, line: int) -> None:
        """Go back to the end of an earlier line."""
        self._file.seek(offset)
        self.offset, self.line, self.ended = offset, line, False

    def again(self, start: int) -> bytes:
        """The bytes from an earlier offset up to here."""
        self._file.seek(start)
        return self._file.read(self.offset - start)

    def read(self) -> bytes:
        """The next line; empty at the end.

        Raises
        ------
        TooLong
            The line is longer than the limit; the one after it is next.
        SourceError
            The file was cut while it was read.
        """
        line = self._file.readline(self._limit + 1)
        if len(line) > self._limit:
            return self._pass_over(line)
        if line.endswith(b"\n"):
            self.offset += len(line)
            self.line += 1
            return line
        return self._last(line)

    def _last(self, line: bytes) -> bytes:
        """At the end of the file, `line` being what stands there without a newline."""
        self.ended = True
        if self.offset + len(line) < self.size:
            raise SourceError(
                f"{self.path} shrank from {self.size} to {self.offset + len(line)} bytes while it was read"
            )
        if self._follow or not line:
            return b""
        self.offset += len(line)
        self.line += 1
        return line

    def _pass_over(self, line: bytes) -> bytes:
        prefix, end = line[:PREFIX_BYTES], self.offset + len(line)
        while line and not line.endswith(b"\n"):
            line = self._file.readline(BUFFER_BYTES)
            end += len(line)
        if not line and self._follow:
            self.ended = True
            return b""
        self.offset = end
        self.line += 1
        raise TooLong(prefix)


def without_newline(line: bytes) -> bytes:
    """The line without its LF or CR LF."""
    return line.removesuffix(b"\n").removesuffix(b"\r")
