"""The state of the model, and what happens in it.

A state is a tuple of tuples, so that equal states are one. Two workers need no names in it: a hop has the *lane* of
whoever owns its partition now, and *ghosts*, what earlier owners sent and the broker does not have yet. Which of the
workers is which makes no difference, and neither does it whether an earlier owner was killed, was told to let go, or
stands still and will wake: the fence makes it the same, it acts no more, but what it sent may still arrive, at any
time and as far as any frame of it. (The bug `NO_LEASE` makes the difference.)
"""

from typing import NamedTuple, TypeAlias

from penstock.agents.continuity import Place

Frames: TypeAlias = tuple[int, ...]
"""Frames by their numbers (`hop_protocol.frames`)."""


class Log(NamedTuple):
    """A frames topic: the frames from offset `start` on; what was before is purged."""

    start: int
    frames: Frames

    @property
    def end(self) -> int:
        return self.start + len(self.frames)


class Ghost(NamedTuple):
    """What a former owner left: frames on their way to the broker.

    `sent` and `buffer`, the input offsets it had fetched and not worked on, matter to one that no lease stops.
    """

    parts: Frames
    sent: Place | None = None
    buffer: tuple[int, int] = (0, 0)


class IngestLane(NamedTuple):
    """The owner of ingest, opened: what it began with, the raw offset it owes, what is on its way."""

    topic: int
    epoch: int
    next: int
    genesis: bool
    parts: Frames


class Ingest(NamedTuple):
    lane: IngestLane | None
    ghosts: tuple[Ghost, ...]


class Sent(NamedTuple):
    """A frame under way in a lane: where the lane stands when it is acknowledged, the parts that have not arrived."""

    reached: Place
    parts: Frames


class Opening(NamedTuple):
    """A lane to be: the tail is read, delivery's progress is not yet."""

    place: Place | None


class Lane(NamedTuple):
    """One partition in the hands of a hop, as in `agents/runtime/lane.py`.

    Attributes
    ----------
    place, sent
        As acknowledged, and as sent.
    position : int
        The input offset that the consumer hands on next.
    owed : int
        The input offset that has to come next: everything between where reading began and this was handed on.
    reach : int
        How much further back the next healing begins; -1 where no hole was seen.
    under_way
        Sent and not settled, in order.
    """

    place: Place | None
    sent: Place | None
    position: int
    owed: int
    reach: int
    under_way: tuple[Sent, ...]


class Hop(NamedTuple):
    """`table` holds what its table ever said, oldest first, as long as anybody may ask it."""

    lane: Lane | Opening | None
    ghosts: tuple[Ghost, ...]
    table: tuple[Place, ...]
    committed: int


class Content(NamedTuple):
    """What an entry stands for: raw offsets `first` to `last` of a raw topic, one unless they were lost.

    `gone` is what is accounted for and no record any more: it was lost, or set aside.
    """

    topic: int
    first: int
    last: int
    gone: bool


class Run(NamedTuple):
    """What one transaction delivers, of so many frames, read from input offset `begin` on."""

    frames: int
    begin: int
    contents: tuple[Content, ...]
    place: Place


class Deliverer(NamedTuple):
    """One who delivers.

    Attributes
    ----------
    phase
        ``new``: assigned. ``fencing``: its producer is initialised. ``ready``. ``sent``: the transaction is open and
        holds all. ``again``: it initialised its producer anew because the broker refused a record. (With bugs:
        ``looked``, before the producer is initialised; ``half``, records committed without the watermark.)
    done
        As far as it knows to have delivered.
    place
        Behind the last frame that it took.
    runs
        To be delivered, the first one first.
    fenced
        Another one initialised the producer of this transactional id since.
    """

    phase: str
    done: Place | None
    place: Place | None
    position: int
    runs: tuple[Run, ...]
    fenced: bool


class Deliver(NamedTuple):
    lanes: tuple[Deliverer, ...]
    progress: Place | None


class Chapter(NamedTuple):
    """What truly is in the stream, by the first frames topic: an epoch, its raw topic, the offsets it got."""

    topic: int
    first: int
    next: int


class State(NamedTuple):
    """Everything. `visible` is (epoch, next) of what a reader of the enriched topic has."""

    topic: int
    begin: int
    story: tuple[Chapter, ...]
    logs: tuple[Log, ...]
    ingest: Ingest
    hops: tuple[Hop, ...]
    deliver: Deliver
    visible: tuple[int, int] | None
    faults: int


class Broken(str):
    """In the place of a state: what must never happen did."""

    __slots__ = ()


Step: TypeAlias = tuple[tuple[object, ...], State | Broken]
"""What happens, to be formatted by `hop_protocol.search.say`, and what is then."""
