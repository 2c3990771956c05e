"""Reading the last frames topic: what is owed is given out, and what was looked at is counted."""

from dataclasses import dataclass

import pytest

from penstock.agents.continuity import Place
from penstock.agents.runtime.reading import Reader
from penstock.codecs.frame import Frame, encode
from penstock.model.errors import HoleError
from penstock.model.record import Kept


@dataclass
class Message:
    offset: int
    value: bytes


def message(offset: int, first: int, last: int, *, genesis: bool = False) -> Message:
    entries = [Kept(number, 0, b"{}", {}) for number in range(first, last + 1)]
    return Message(offset, encode(Frame("id", 0, first, last, last, genesis, entries)))


def test_what_was_done_is_not_owed_but_was_looked_at() -> None:
    reader = Reader("t", 0, Place(0, 5, 10))
    messages = [message(10, 3, 4), message(11, 4, 7), message(12, 8, 8), message(13, 0, 2)]
    owed = [(frame.first, frame.last, place) for frame, place in reader.owed(iter(messages))]
    assert owed == [(5, 7, Place(0, 8, 11)), (8, 8, Place(0, 9, 12))]
    assert reader.place == Place(0, 9, 12)
    assert reader.position == 14
    assert reader.received == sum(len(each.value) for each in messages)


def test_messages_are_looked_at_one_by_one() -> None:
    reader = Reader("t", 0, None)
    messages = iter([message(0, 0, 1, genesis=True), message(1, 2, 2)])
    owed = reader.owed(messages)
    assert reader.position is None
    next(owed)
    assert reader.position == 1 and next(messages).offset == 1


def test_nothing_goes_on_over_a_hole() -> None:
    reader = Reader("t", 0, Place(0, 5, 10))
    with pytest.raises(HoleError, match="offset 11 begins beyond 5"):
        list(reader.owed([message(11, 6, 7)]))
