"""How much of the world is searched, and the bugs that can be planted in it."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Bounds:
    """How much of the world is searched.

    Attributes
    ----------
    records
        Raw offsets of the first raw topic; one made anew holds one less.
    cut
        Most records in a frame that ingest cuts; it cuts smaller ones as well, at will.
    hops
        Between ingest and deliver.
    under_way
        Frames that an ingest or a lane has sent and not seen acknowledged.
    ghosts
        Former owners, of each hop, of whom something may still arrive: with 1 there are two workers, with 2 three.
    tail
        Frames at the end of a topic that are read for a position, and kept by a purge.
    faults
        How many of `kinds` may happen in one history, each of them counted.
    kinds
        ``ingest``, ``hop``, ``deliver``: it loses its partition. ``drop``: Faust does not hand a frame on. ``anew``:
        the raw topic is deleted and made anew. ``delete``: retention deletes raw records.
    purge
        Whether inputs are purged.
    parts
        Whether a hop's frames are too large and split.
    merge
        Most frames that a hop takes together, as one.
    run
        Most frames in one transaction.
    refused
        A raw offset whose record the broker refuses when it is delivered.
    hasty
        Whether the raw topic may be made anew, or its head deleted, also while the first frame of an epoch is on its
        way. The protocol does not promise to bear that.
    staged
        Whether hops begin only when ingest is through. They learn nothing of ingest but what stands in its topic, and
        read that in order, so all that is left out is their finding its end too early.
    late
        Whether delivery may be late although nothing of it goes wrong.
    """

    records: int = 3
    cut: int = 2
    hops: int = 1
    under_way: int = 1
    ghosts: int = 1
    tail: int = 3
    faults: int = 2
    kinds: frozenset[str] = frozenset({"ingest", "hop", "deliver", "drop"})
    purge: bool = False
    parts: bool = False
    merge: int = 1
    run: int = 1
    refused: int | None = None
    hasty: bool = False
    staged: bool = False
    late: bool = False


class Bug(Enum):
    """What can be planted: each undoes one rule."""

    POSITION_FROM_COMMIT = "the position is what Faust committed, not what the tail says"
    LAST_NOT_MAXIMUM = "the last frame of the tail counts, not the one that reaches furthest"
    NO_TRIM = "a frame that overlaps is taken whole"
    NO_LEASE = "who lost the partition without noticing goes on with its buffers"
    PROGRESS_BEFORE_ACK = "the table is written before the output is acknowledged"
    STALE_TABLE = "the table is believed over the log"
    OVER_A_HOLE = "healing gives up by going on over the hole"
    NO_HEALING = "a hole in what Faust hands on is not read again"
    PURGE_NOT_DURABLE = "the input is purged up to what was read"
    TAIL_TOO_SHORT = "fewer frames of the tail are read than those who lost the partition may append"
    GAP_LET_THROUGH = "the broker takes a frame behind one that it refused (no idempotent producer)"
    RESUME_BEHIND_INPUT = "reading goes on behind the input of the last frame, not at it"
    WATERMARK_OUTSIDE = "delivery's progress is written after the transaction"
    NO_TRANSACTIONAL_ID = "delivery's producers do not fence each other"
    LOOK_BEFORE_FENCE = "delivery reads its progress before it initialises its producer"
    SENDS_NOT_LOOKED_AT = "a transaction is committed although a record in it was refused"
    REFUSAL_WITHOUT_LOOK = "delivery that was refused a record initialises its producer anew and goes on"
    TOPIC_ID_UNCHECKED = "ingest does not ask whether the raw topic is still the same"
    LOSS_UNMARKED = "ingest says nothing of raw offsets that were deleted unread"
    GAP_NOT_SEEN = "frames are taken by their raw offsets alone, though others before them were not handed on"
    EPOCH_OVER_A_GAP = "a new epoch is begun although frames of the old one were not handed on"
    LAST_INPUT_OF_MERGED = "a frame made of several names the input of the last of them, not of the first"
    MERGED_UNLOOKED = "frames that wait are taken together whether they follow each other or not"
    REPEAT_TAKEN_FOR_HOLE = "repeats at the end of a quiet partition are taken for a hole"

    @property
    def slug(self) -> str:
        """The bug's name on pages and command lines."""
        return self.name.lower().replace("_", "-")
