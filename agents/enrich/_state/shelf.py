"""What stages with state remember of records: entries that are found by keys, the oldest forgotten first.

In a state (`penstock.model.component.State`) a shelf takes

=================  =====================================================
``m``              the first place that is taken, and the next free one
``e`` + place      the entry there, as msgpack
``k`` + key        the places of the entries that have that key
=================  =====================================================

Keys are digests under a key of ours (`keys`), so what is on disk and in the state's topic tells nobody who lacks that
key what the values were. Places are counted, not timed, and all changes follow from record and state: records that are
shown again to a state as it was give the same changes.
"""

import hmac
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from penstock.model import keyring
from penstock.model.component import Resources, State

MOST_AT_A_KEY: Final = 32
"""Entries that one key finds: a key that nearly everything has (an empty block) finds the first of them only."""

_META: Final = b"m"
_FORGOTTEN_AT_ONCE: Final = 2
_place = struct.Struct(">Q")
_ends = struct.Struct(">QQ")


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is remembered of a record.

    Attributes
    ----------
    id : str
        Of the record that made it.
    time : int
        Of that record, in milliseconds since the epoch.
    keys : list of bytes
        It is found by these.
    body : bytes
        The stage's own.
    """

    id: str
    time: int
    keys: list[bytes]
    body: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


class Shelf:
    """Entries in the order in which they were put there.

    Parameters
    ----------
    most : int
        Entries that it holds.
    window : int or None
        Milliseconds that two records may be apart to be compared, by their own time.
    """

    def __init__(self, most: int, window: int | None) -> None:
        self._most = most
        self._window = window

    def find(self, state: State, keys: Iterable[bytes], time: int) -> Iterator[tuple[int, Entry]]:
        """The entries that have one of the keys, and their places, the oldest first, each once."""
        places = sorted({place for key in keys for place in _places(state, key)})
        for place in places:
            entry = self._entry(state, place)
            if entry is not None and not self._apart(entry, time):
                yield place, entry

    def add(self, state: State, entry: Entry) -> None:
        """Put an entry there; the oldest make room."""
        found = state.get(_META)
        first, free = _ends.unpack(found) if found else (0, 0)
        for key in entry.keys:
            places = _places(state, key)
            if len(places) >= MOST_AT_A_KEY:
                oldest = self._entry(state, places[0])
                if oldest is not None and not self._apart(oldest, entry.time):
                    continue
                places = places[1:]
            state.put(b"k" + key, b"".join(map(_place.pack, (*places, free))))
        state.put(b"e" + _place.pack(free), _encode(entry))
        free += 1
        for _ in range(_FORGOTTEN_AT_ONCE):
            oldest = self._entry(state, first)
            if oldest is not None and free - first <= self._most and not self._behind(oldest, entry.time):
                break
            if first == free - 1:
                break
            self._forget(state, first, oldest)
            first += 1
        state.put(_META, _ends.pack(first, free))

    def replace(self, state: State, place: int, entry: Entry) -> None:
        """Put an entry with the same keys in the place of another."""
        state.put(b"e" + _place.pack(place), _encode(entry))

    def _entry(self, state: State, place: int) -> Entry | None:
        found = state.get(b"e" + _place.pack(place))
        return None if found is None else _decode(found)

    def _forget(self, state: State, place: int, entry: Entry | None) -> None:
        state.delete(b"e" + _place.pack(place))
        for key in entry.keys if entry is not None else ():
            left = [other for other in _places(state, key) if other != place]
            if left:
                state.put(b"k" + key, b"".join(map(_place.pack, left)))
            else:
                state.delete(b"k" + key)

    def _apart(self, entry: Entry, time: int) -> bool:
        return self._window is not None and abs(time - entry.time) > self._window

    def _behind(self, entry: Entry, time: int) -> bool:
        return self._window is not None and time - entry.time > self._window


class Sealing:
    """Values that only the keyring reads again: AES-256-SIV (RFC 5297), which makes the same of the same.

    Parameters
    ----------
    keys
        See `keys`; the first seals.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = [AESSIV(hmac.digest(key, b"penstock state 1", "sha512")) for key in keys]

    def seal(self, data: bytes) -> bytes:
        """Seal something that is not empty."""
        return self._ciphers[0].encrypt(data, None)

    def open(self, sealed: bytes) -> bytes | None:
        """What was sealed; None where the key is gone."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed, None)
            except InvalidTag:
                continue
        return None


def keys(resources: Resources, purpose: str) -> list[bytes]:
    """A key for that purpose from each key that redaction has, the current one's first.

    Where there is none at all, one that everybody knows: it will do for a state in memory. The runtime, which writes
    state to disk, does not start without a key.
    """
    if not keyring.configured(resources.environ):
        return [keyring.Key(b"no key", "none").derive(purpose)]
    return [key.derive(purpose) for key in keyring.load(resources.environ).keys]


def _places(state: State, key: bytes) -> tuple[int, ...]:
    found = state.get(b"k" + key)
    return () if found is None else struct.unpack(f">{len(found) // 8}Q", found)
