"""Frames: what travels between agents, many records in one Kafka message.

Layout of version 1::

    byte 0..3   magic "PSF" and the version, 0x01
    byte 4..    msgpack array:
      0  topic_id   str    Kafka's id of the raw topic: a topic deleted and made anew has another
      1  epoch      int    0, 1, 2 … each time the raw topic's id changed; orders positions
      2  first      int    raw offsets first..last, both included, without holes
      3  last       int
      4  input      int    offset of the message that this frame was made from, in the topic it was read from
      5  genesis    bool   the stream starts with this frame: nothing came before `first`
      6  entries    array of arrays, in order of offset, each raw offset covered once or skipped by Kafka itself:
           [0, offset, timestamp, data|nil, notes{str: bin}, key|nil, [[name, value|nil]…], origin, claim]   kept
           [1, offset, timestamp, outcome, stage, code, origin]                                              stub
           [2, offset, last]                                                                                 lost

`data` and the values of `notes` are JSON as bytes: a hop that does not look at a record never parses it, redaction
scans the bytes as they are, and delivery joins them into the enriched record without encoding anything again. Measured
on 385-byte records in frames of 500: 0.30 µs a record to decode the frame and 0.08 µs to encode it; parsing one
record's data takes 0.76 µs (orjson) where msgpack would take 0.63.

Kafka's own compression (zstd) is applied by the producer, so a frame is cut by its size before compression.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from penstock.model.errors import FrameError
from penstock.model.record import Entry, Kept, Lost

MAGIC: Final = b"PSF\x01"
MAX_FRAME_BYTES: Final = 900 * 1024


class Frame(msgspec.Struct, array_like=True):
    """A contiguous range of one raw partition; see the layout above."""

    topic_id: str
    epoch: int
    first: int
    last: int
    input: int
    genesis: bool
    entries: list[Entry]

    def after(self, epoch: int, owed: int) -> "Frame":
        """This frame without what lies below raw offset `owed` of `epoch`; itself where nothing does."""
        if epoch != self.epoch or owed <= self.first:
            return self
        entries = [_from(entry, owed) for entry in self.entries if _end(entry) >= owed]
        return Frame(self.topic_id, self.epoch, owed, self.last, self.input, False, entries)

    def upto(self, last: int) -> "Frame":
        """This frame without what lies above raw offset `last`; itself where nothing does."""
        if last >= self.last:
            return self
        entries = [_upto(entry, last) for entry in self.entries if entry.offset <= last]
        return Frame(self.topic_id, self.epoch, self.first, last, self.input, self.genesis, entries)


class Head(msgspec.Struct, array_like=True):
    """A frame without its entries: enough to know where it belongs."""

    topic_id: str
    epoch: int
    first: int
    last: int
    input: int
    genesis: bool


_T = TypeVar("_T")

_encoder = msgspec.msgpack.Encoder()
_frames = msgspec.msgpack.Decoder(Frame)
_heads = msgspec.msgpack.Decoder(Head)


def encode(frame: Frame) -> bytes:
    """The frame as bytes."""
    return MAGIC + _encoder.encode(frame)


def decode(data: bytes) -> Frame:
    """The frame in `data`. Raises FrameError where it is none, is damaged or is of another version."""
    return _decode(data, _frames)


def decode_head(data: bytes) -> Head:
    """The head of the frame in `data`, for readers that only look for positions. Raises FrameError."""
    return _decode(data, _heads)


def _decode(data: bytes, decoder: "msgspec.msgpack.Decoder[_T]") -> _T:
    if data[:4] != MAGIC:
        raise FrameError(
            f"a message on a frames topic starts with {data[:4].hex()} instead of {MAGIC.hex()}",
            hint="only agents of this pipeline, of one version, may write to its frames topics",
        )
    try:
        return decoder.decode(memoryview(data)[4:])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FrameError(f"a frame of {len(data)} bytes cannot be decoded ({type(error).__name__})") from None


def weight(entry: Kept) -> int:
    """About how many bytes the entry takes in a frame (a record claimed elsewhere counts with its reference only)."""
    size = 48 + len(entry.data or b"") + len(entry.key or b"") + len(entry.origin) + len(entry.claim)
    if entry.headers:
        size += sum(len(name) + len(value or b"") + 8 for name, value in entry.headers)
    if entry.notes:
        size += sum(len(name) + len(value) + 8 for name, value in entry.notes.items())
    return size


def split(frame: Frame, limit: int = MAX_FRAME_BYTES) -> list[Frame]:
    """The frame as one or more frames of at most `limit` bytes each (about), in order; a single entry is never split.

    All parts name the same input: who resumes from the tail reads that input again and trims what is done.
    """
    groups: list[list[Entry]] = [[]]
    size = 0
    for entry in frame.entries:
        heavy = weight(entry) if isinstance(entry, Kept) else 64
        if groups[-1] and size + heavy > limit:
            groups.append([])
            size = 0
        groups[-1].append(entry)
        size += heavy
    if len(groups) == 1:
        return [frame]
    frames = []
    first = frame.first
    for number, entries in enumerate(groups):
        last = frame.last if number == len(groups) - 1 else groups[number + 1][0].offset - 1
        genesis = frame.genesis and number == 0
        frames.append(Frame(frame.topic_id, frame.epoch, first, last, frame.input, genesis, entries))
        first = last + 1
    return frames


def follows(frame: Frame, head: Head) -> bool:
    """Whether the frame of `head` goes on exactly where `frame` ends, so that the two may be joined."""
    return (head.topic_id, head.epoch, head.first) == (frame.topic_id, frame.epoch, frame.last + 1) and not head.genesis


def join(frames: Sequence[Frame]) -> Frame:
    """Frames of which each follows the one before it, as one.

    It names the input of the first: who is stopped before all parts of what is made of it are written, and resumes
    there, reads every frame again of which something may be missing.
    """
    first = frames[0]
    entries = [entry for frame in frames for entry in frame.entries]
    return Frame(first.topic_id, first.epoch, first.first, frames[-1].last, first.input, first.genesis, entries)


def _end(entry: Entry) -> int:
    """The last raw offset that the entry stands for."""
    return entry.last if isinstance(entry, Lost) else entry.offset


def _from(entry: Entry, first: int) -> Entry:
    """The entry without what it stands for below `first`."""
    return Lost(first, entry.last) if isinstance(entry, Lost) and entry.offset < first else entry


def _upto(entry: Entry, last: int) -> Entry:
    """The entry without what it stands for above `last`."""
    return Lost(entry.offset, last) if isinstance(entry, Lost) and entry.last > last else entry
