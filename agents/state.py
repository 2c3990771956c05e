"""State of a partition in layers: changes on top of what lies below, until they are put into it or dropped.

>>> below = Draft()
>>> above = Draft(below)
>>> above.put(b"k", b"1")
>>> below.get(b"k"), above.get(b"k")
(None, b'1')
>>> above.keep()
>>> below.get(b"k")
b'1'
"""

from penstock.model.component import State

Changes = dict[bytes, bytes | None]
"""New values by key; None deletes."""


class Draft:
    """Changes to a state, not yet made.

    Parameters
    ----------
    below : State, optional
        What is changed, when it is; without one this is a state of its own, which lives as long as it does.
    prefix : bytes
        Of the keys in what lies below: several may share it.

    Attributes
    ----------
    changes : dict
        New values by key; None deletes.
    """

    __slots__ = ("_below", "_prefix", "changes")

    def __init__(self, below: State | None = None, prefix: bytes = b"") -> None:
        self._below = below
        self._prefix = prefix
        self.changes: Changes = {}

    def get(self, key: bytes) -> bytes | None:
        """The value as changed."""
        if key in self.changes:
            return self.changes[key]
        return self._below.get(self._prefix + key) if self._below is not None else None

    def put(self, key: bytes, value: bytes) -> None:
        """Change the value."""
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        """Forget the key."""
        if self._below is None:
            self.changes.pop(key, None)
        else:
            self.changes[key] = None

    def keep(self) -> None:
        """Make the changes in what lies below, and begin anew."""
        assert self._below is not None
        for key, value in self.changes.items():
            if value is None:
                self._below.delete(self._prefix + key)
            else:
                self._below.put(self._prefix + key, value)
        self.changes = {}

    def drop(self) -> None:
        """Forget the changes."""
        self.changes = {}
