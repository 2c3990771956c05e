"""Reading MaxMind DB files that nobody vouches for (MaxMind DB File Format Specification 2.0).

The library's reader in C trusts the file: a map whose key is no string makes it read memory that is not its own, and
the process dies. Its decoder in Python refuses what it cannot read and bounds what one record may hold, so the records
are read with that one, each once: many networks share a record, and what was read is kept. The search tree is walked
here, over bytes: 4 microseconds an address, where asking the library takes ten times that.

The file is read into memory: one that is overwritten in place takes nothing from under a worker.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from maxminddb import InvalidDatabaseError
from maxminddb.decoder import Decoder

from penstock.agents.enrich._network.addresses import Address

_SEPARATOR: Final = 16
"""Zero bytes between the search tree and the data."""
_MARKER: Final = b"\xab\xcd\xefMaxMind.com"
"""Stands between the data and the metadata."""
_WIDTHS: Final = {24: 3, 28: 0, 32: 4}
"""Bits of a record of the search tree -> its bytes; 0 where two share one."""
_ADDRESS_BITS: Final = {4: 32, 6: 128}
_FORMAT: Final = 2
_CHECKED_NODES: Final = 1 << 16
_CHECKED_RECORDS: Final = 2048
_KEPT_RECORDS: Final = 16_384


class _Identity(NamedTuple):
    """What tells one version of a file from the next."""

    device: int
    inode: int
    modified: int
    size: int


def _identity(path: Path) -> _Identity:
    found = path.stat()
    return _Identity(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


class Watched:
    """A database file that may be replaced while it is in use: the newest version of it that can be read.

    Parameters
    ----------
    path : Path
    shape : callable
        As of `Database`.

    Raises
    ------
    OSError, maxminddb.InvalidDatabaseError
        As `Database` does.
    """

    def __init__(self, path: Path, shape: Callable[[Any], Any]) -> None:
        self.path = path
        self._shape = shape
        self._seen: _Identity | None = _identity(path)
        self._database = Database(path, shape)

    def get(self, address: Address) -> Any:
        """As `Database.get`."""
        return self._database.get(address)

    def look(self) -> bool:
        """Whether another version has taken the place of the one before.

        Raises
        ------
        OSError, maxminddb.InvalidDatabaseError
            The file is gone, or what stands there now cannot be read: the version before stays. Raised once for each
            such version.
        """
        try:
            found = _identity(self.path)
        except OSError:
            if self._seen is None:
                return False
            self._seen = None
            raise
        if found == self._seen:
            return False
        self._seen = found
        self._database = Database(self.path, self._shape)
        return True


class _Metadata(NamedTuple):
    """What is needed to walk the tree; what else there is (description, languages, time of making) is not looked at."""

    nodes: int
    record_bits: int
    version: int


def _metadata(buffer: bytes, marker: int) -> _Metadata:
    """The metadata behind the marker. Raises InvalidDatabaseError, which names what is wrong."""
    if marker < 0:
        raise InvalidDatabaseError("it has no metadata: its end is missing, or it is another kind of file")
    begin = marker + len(_MARKER)
    try:
        found, end = Decoder(buffer, begin).decode(begin)
    except Exception as error:  # damage shows as whatever the parser stumbles over
        raise InvalidDatabaseError("its metadata cannot be read") from error
    if end > len(buffer) or not isinstance(found, dict):
        raise InvalidDatabaseError("its metadata cannot be read")
    made, nodes, record_bits, version = (
        _number(found, name) for name in ("binary_format_major_version", "node_count", "record_size", "ip_version")
    )
    if made != _FORMAT:
        raise InvalidDatabaseError(f"it has version {made} of the format, not {_FORMAT}")
    if not nodes:
        raise InvalidDatabaseError("its metadata says that its search tree has no nodes")
    if record_bits not in _WIDTHS:
        raise InvalidDatabaseError(f"its metadata says records of {record_bits} bits, not of 24, 28 or 32")
    if version not in _ADDRESS_BITS:
        raise InvalidDatabaseError(f"its metadata says addresses of IP version {version}, not of 4 or 6")
    return _Metadata(nodes, record_bits, version)


def _number(metadata: dict[str, Any], name: str) -> int:
    value = metadata.get(name)
    if type(value) is not int:
        raise InvalidDatabaseError(f"its metadata has no {name}, or one that is no number")
    return value


class Database:
    """A MaxMind DB file, checked.

    Parameters
    ----------
    path : Path
    shape : callable
        From a record as it is in the file to what is kept of it; called once for each record that is kept.

    Raises
    ------
    OSError
        The file cannot be read.
    maxminddb.InvalidDatabaseError
        It is damaged, or no MaxMind DB file.
    """

    def __init__(self, path: Path, shape: Callable[[Any], Any]) -> None:
        self._buffer = path.read_bytes()
        self._end = self._buffer.rfind(_MARKER)
        metadata = _metadata(self._buffer, self._end)
        self._nodes = metadata.nodes
        self._width = _WIDTHS[metadata.record_bits]
        self._tree = metadata.nodes * metadata.record_bits // 4
        self._bits = _ADDRESS_BITS[metadata.version]
        if self._tree + _SEPARATOR > self._end:
            raise InvalidDatabaseError(f"its search tree of {self._nodes} nodes does not fit into the file")
        self._decoder = Decoder(self._buffer, self._tree + _SEPARATOR)
        self._shaped = lru_cache(_KEPT_RECORDS)(lambda node: shape(self._record(node)))
        # addresses of version 4 stand below ::/96
        self._first = self._walk(0, 96, 0) if self._bits == 128 else 0
        self._check()

    def get(self, address: Address) -> Any:
        """What was kept of the record of the address; None where there is none.

        Raises
        ------
        maxminddb.InvalidDatabaseError
            The database is damaged here.
        """
        bits = 32 if address.version == 4 else 128
        if bits > self._bits:
            return None
        node = self._walk(int(address), bits, self._first if bits < self._bits else 0)
        if node == self._nodes:
            return None
        if node < self._nodes:
            raise InvalidDatabaseError("the search tree goes on below the last bit of an address")
        return self._shaped(node)

    def _walk(self, number: int, bits: int, node: int) -> int:
        """The node that these bits lead to from `node`, the first bit first."""
        buffer, nodes, width = self._buffer, self._nodes, self._width
        from_bytes = int.from_bytes
        bit = bits - 1
        if width:
            while node < nodes and bit >= 0:
                at = (2 * node + (number >> bit & 1)) * width
                node = from_bytes(buffer[at : at + width], "big")
                bit -= 1
            return node
        while node < nodes and bit >= 0:
            node = self._half(node, number >> bit & 1)
            bit -= 1
        return node

    def _half(self, node: int, right: int) -> int:
        """One record of a node of 28 bits each: they share the byte in the middle."""
        at = node * 7
        four = self._buffer[at + 3 : at + 7] if right else self._buffer[at : at + 4]
        found = int.from_bytes(four, "big")
        return found & 0x0FFFFFFF if right else (found >> 8) | ((found & 0xF0) << 20)

    def _record(self, node: int) -> Any:
        at = node - self._nodes + self._tree
        if not self._tree + _SEPARATOR <= at < self._end:
            raise InvalidDatabaseError("the search tree points outside the data")
        try:
            found, end = self._decoder.decode(at)
            if end > self._end:
                raise InvalidDatabaseError("a record goes on behind the data")
            _check_keys(found)
        except InvalidDatabaseError:
            raise
        except Exception as error:  # text that is not UTF-8, a key that cannot be one
            raise InvalidDatabaseError("a record cannot be read") from error
        return found

    def _check(self) -> None:
        """Look at the whole of a small database, and evenly through a large one; raises where it is damaged."""
        step = max(1, self._nodes // _CHECKED_NODES)
        records = set()
        for node in range(0, self._nodes, step):
            for side in (0, 1):
                found = self._walk(side, 1, node)
                if found > self._nodes:
                    records.add(found)
        limit = self._end - self._tree + self._nodes
        if any(not self._nodes + _SEPARATOR <= record < limit for record in records):
            raise InvalidDatabaseError("the search tree points outside the data")
        ordered = sorted(records)
        for record in ordered[:: max(1, len(ordered) // _CHECKED_RECORDS)]:
            self._record(record)


def _check_keys(value: Any) -> None:
    if isinstance(value, dict):
        if not all(type(key) is str for key in value):
            raise InvalidDatabaseError("a map has a key that is no string")
        for item in value.values():
            _check_keys(item)
    elif isinstance(value, list):
        for item in value:
            _check_keys(item)
