"""Which frames a reader owes: trim what is done, refuse to go on over a hole.

The rules of an agent, a sink or delivery that stands at `Place(epoch, next, input)` and is handed a frame
(numbers are referred to in `agents/runtime`):

1. Nothing is known (no place): only a genesis frame is taken, it says where the stream starts.
2. The frame is of an earlier epoch, or ends below `next`: it was done, skip it.
3. It begins below `next` and ends at or above it: trim what was done, take the rest.
4. It begins at `next`: take it.
5. It begins above `next`: a hole. Never go on.
6. It is of a later epoch (the raw topic was made anew): only a genesis frame is taken.
"""

from enum import Enum
from typing import TypeAlias

import msgspec

from penstock.codecs.frame import Frame


class Place(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where a reader of one partition stands.

    Attributes
    ----------
    epoch : int
        Of the raw topic.
    next : int
        The raw offset it owes.
    input : int
        Offset in its input topic to go on from, inclusive: what is done there is trimmed.
    """

    epoch: int
    next: int
    input: int


class Refusal(Enum):
    """Why a frame is not taken."""

    DONE = "done"
    HOLE = "hole"


Admission: TypeAlias = Frame | Refusal


def admit(place: Place | None, frame: Frame) -> Admission:
    """The part of `frame` that a reader at `place` owes, or why it owes nothing."""
    if place is None or frame.epoch > place.epoch:  # rules 1 and 6
        return frame if frame.genesis else Refusal.HOLE
    if frame.epoch < place.epoch or frame.last < place.next:  # rule 2
        return Refusal.DONE
    if frame.first > place.next:  # rule 5
        return Refusal.HOLE
    return frame.after(place.epoch, place.next)  # rules 3 and 4


def advance(frame: Frame, offset: int) -> Place:
    """Where a reader stands that has done `frame`, read at `offset` of its input topic."""
    return Place(frame.epoch, frame.last + 1, offset)
