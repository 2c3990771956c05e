"""What a claim store says of the data that it holds, and the two calls between which no data gets lost."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Held(NamedTuple):
    """Data in a store.

    Attributes
    ----------
    digest : str
        Of its content.
    bytes : int
    put_at : float
        Seconds since the epoch when it was put, the last time (of a bucket: to within an hour, see there).
    """

    digest: str
    bytes: int
    put_at: float


class Keeper(Protocol):
    """Where data is kept by its digest. What is put while somebody drops it is there afterwards.

    Attributes
    ----------
    at_once : int
        How many calls at the same time pay.
    """

    at_once: int

    def keep(self, digest: str, data: bytes) -> None: ...

    def read(self, digest: str) -> bytes: ...

    def held(self) -> Iterator[Held]: ...

    def drop(self, digest: str, before: float) -> bool: ...

    def sweep(self, before: float) -> None: ...


def is_digest(name: str) -> bool:
    """Whether that is a SHA-256 in hexadecimal."""
    return len(name) == 64 and not set(name) - set("0123456789abcdef")
