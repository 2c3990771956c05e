"""A compacted topic as it stands now: what a worker reads into memory for stages that look things up in it.

A stage does not wait for it: it asks whether the table is `ready`, then for what `changed` since it last asked. So it
decides itself when a change counts (between two batches), and keeps what it makes of the values in its own form.
"""

from itertools import islice

from penstock.model.errors import UnreachableError


class Table:
    """The newest value of each key of a topic.

    Parameters
    ----------
    topic : str

    Attributes
    ----------
    ready : bool
        Everything that was in the topic when reading began has been read.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.ready = False
        self._changes = 0
        # in the order of the changes; a deletion stays as None, so that who asks later hears of it
        self._entries: dict[bytes, tuple[int, bytes | None]] = {}

    def __len__(self) -> int:
        """Keys that have a value, or had one."""
        return len(self._entries)

    def keys(self) -> set[bytes]:
        """The keys that have a value."""
        return {key for key, (_, value) in self._entries.items() if value is not None}

    def put(self, key: bytes, value: bytes | None) -> None:
        """What the topic says of `key` now; None deletes it."""
        self._entries.pop(key, None)
        if value is None and not self.ready:  # nobody has heard of it yet
            return
        self._changes += 1
        self._entries[key] = (self._changes, value)

    def changed(self, since: int) -> tuple[int, list[tuple[bytes, bytes | None]]]:
        """What changed after change number `since` (0 is everything), in order, and the number of the last change.

        Raises
        ------
        UnreachableError
            The topic has not been read to its end yet.
        """
        if not self.ready:
            raise UnreachableError(
                f"the topic {self.topic}", "Kafka", cause="it is not read to its end yet, by a worker"
            )
        if since >= self._changes:
            return self._changes, []
        newest = []
        for key, (number, value) in islice(reversed(self._entries.items()), self._changes - since):
            if number <= since:
                break
            newest.append((key, value))
        newest.reverse()
        return self._changes, newest
