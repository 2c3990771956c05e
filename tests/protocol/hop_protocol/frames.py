"""Frames of the model: the product's own, each known by a small number, so that states are cheap to hash.

Everything that decides about a frame is the product's code: `admit`, `advance`, `Frame.after` (inside `admit`) and
`split`. What is remembered here is only what they said.

An entry carries, as its timestamp, which raw topic its content is from: 0 for the first, 1 for the one made anew.
"""

from functools import cache

import msgspec
from hop_protocol.state import Content

from penstock.agents import continuity
from penstock.agents.continuity import Place, Refusal
from penstock.codecs import frame as codec
from penstock.codecs.frame import Frame
from penstock.model.record import Entry, Kept, Lost

ENTRY_BYTES = 48
"""What `codecs.frame.weight` says of an entry of the model: `split` cuts by it."""


_frames: list[Frame] = []
_numbers: dict[tuple[object, ...], int] = {}


def number(frame: Frame) -> int:
    """The number that the frame is known by."""
    parts = tuple((type(entry), *msgspec.structs.astuple(entry)[:2]) for entry in frame.entries)
    key = (frame.topic_id, frame.epoch, frame.first, frame.last, frame.input, frame.genesis, parts)
    if key not in _numbers:
        _numbers[key] = len(_frames)
        _frames.append(frame)
    return _numbers[key]


def frame_of(known: int) -> Frame:
    """The frame of that number."""
    return _frames[known]


@cache
def cut(topic: int, content: int, epoch: int, first: int, last: int, genesis: bool) -> int:
    """A frame as ingest cuts it for raw topic `topic`, of records that in truth are those of topic `content`."""
    entries: list[Entry] = [Kept(offset, content, b"", {}) for offset in range(first, last + 1)]
    return number(Frame(str(topic), epoch, first, last, last, genesis, entries))


@cache
def loss(topic: int, epoch: int, first: int, last: int) -> int:
    """A frame that says that these offsets were deleted unread."""
    return number(Frame(str(topic), epoch, first, last, last, False, [Lost(first, last)]))


@cache
def admit(place: Place | None, known: int) -> int | Refusal:
    """The product's `admit`."""
    admitted = continuity.admit(place, _frames[known])
    return admitted if isinstance(admitted, Refusal) else number(admitted)


@cache
def advance(known: int, offset: int) -> Place:
    """The product's `advance`."""
    return continuity.advance(_frames[known], offset)


@cache
def join(known: tuple[int, ...]) -> int:
    """The product's `join`."""
    return known[0] if len(known) == 1 else number(codec.join([_frames[each] for each in known]))


@cache
def follows(known: int, following: int) -> bool:
    """The product's `follows`."""
    return codec.follows(_frames[known], codec.decode_head(codec.encode(_frames[following])))


@cache
def made_from(known: int, offset: int, parts: bool) -> tuple[int, ...]:
    """What a hop sends for a frame that it read at `offset`: one frame, or with `parts` one for each entry."""
    frame = _frames[known]
    out = Frame(frame.topic_id, frame.epoch, frame.first, frame.last, offset, frame.genesis, frame.entries)
    return tuple(number(part) for part in (codec.split(out, ENTRY_BYTES) if parts else [out]))


@cache
def contents(known: int) -> tuple[Content, ...]:
    """The entries of the frame. The range of a frame rules what its loss markers stand for."""
    frame = _frames[known]
    return tuple(
        Content(int(frame.topic_id), max(entry.offset, frame.first), min(entry.last, frame.last), True)
        if isinstance(entry, Lost)
        else Content(entry.timestamp, entry.offset, entry.offset, False)
        for entry in frame.entries
    )


@cache
def reach(known: int) -> tuple[int, int]:
    """How far the frame reaches: what the maximum of a tail goes by."""
    frame = _frames[known]
    return frame.epoch, frame.last


@cache
def show(known: int) -> str:
    """The frame in a few characters: epoch, range, the input it was made from, `!` for genesis."""
    frame = _frames[known]
    epoch = f"e{frame.epoch} " if frame.epoch else ""
    lost = " lost" if any(isinstance(entry, Lost) for entry in frame.entries) else ""
    return f"[{epoch}{frame.first}-{frame.last}{'!' if frame.genesis else ''}{lost} from {frame.input}]"
