"""What of a batch a destination owes: the rules that every sink follows which compares and sets by itself."""

from penstock.model.component import Batch, Position
from penstock.model.errors import FencedError
from penstock.model.record import Entry, Lost


def remaining(batch: Batch, position: Position | None) -> Batch | None:
    """The part of the batch from `position` on; None where all of it is done.

    Raises
    ------
    FencedError
        Records before the batch are missing: the position is another than the writer thought.
    """
    if position is None or position.epoch < batch.epoch:
        if batch.genesis:
            return batch
        raise FencedError(f"{batch.stream} does not start at offset {batch.first} of epoch {batch.epoch}")
    if position.epoch > batch.epoch or position.next >= batch.next:
        return None
    if position.next < batch.first:
        raise FencedError(f"{batch.stream} is at offset {position.next}, the batch starts at {batch.first}")
    if position.next == batch.first:
        return batch
    entries = [_from(entry, position.next) for entry in batch.entries if _last(entry) >= position.next]
    return Batch(
        batch.stream, batch.topic, batch.partition, batch.epoch, position.next, batch.next, False, entries
    )  # fmt: skip


def _last(entry: Entry) -> int:
    return entry.last if isinstance(entry, Lost) else entry.offset


def _from(entry: Entry, offset: int) -> Entry:
    return Lost(offset, entry.last) if isinstance(entry, Lost) and entry.offset < offset else entry
