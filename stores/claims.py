"""claims: data too large to travel, kept under the hash of its content, in a folder, in memory or in a bucket.

    claims = Claims("file:///var/lib/penstock/claims")        s3://bucket/prefix, or any file system that fsspec knows
    address = claims.put(data)                                "sha256:9f86…:1048576"
    claims.get(address) == data

The layout below the URL is ``<first two digits>/<64 digits>``. Putting the same data again makes it young again and
changes nothing else, so a step that is repeated may put again; nothing is ever overwritten with something else, and
what is read is checked against its address. Calls block: callers in an event loop use threads.

Data is deleted by `Claims.purge`: what was last put long ago and nothing refers to. It cannot delete what is put in the
same moment; how, is told in `penstock.stores._folder` and `penstock.stores._bucket`.
"""

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from penstock.model.errors import (
    ConfigurationError,
    DecodeError,
    MissingExtraError,
    PenstockError,
    UnreachableError,
)
from penstock.stores._bucket import Bucket
from penstock.stores._folder import Folder
from penstock.stores._held import Held, Keeper, is_digest

LEAST_AGE_SECONDS: Final = 24 * 3600.0
"""No younger data is purged: it may be on its way into a frame, and clocks differ."""


def store_url(named: str | None, home: Path, pipeline: str) -> str:
    """Where a pipeline's claims are: `named` in its file, else a folder below penstock's home."""
    return named or (home / "claims" / pipeline).as_uri()


@dataclass(slots=True)
class Inventory:
    """Claims, counted.

    Attributes
    ----------
    count, bytes : int
    oldest : float or None
        Seconds since the epoch when the oldest was put, the last time; None where there is none.
    """

    count: int = 0
    bytes: int = 0
    oldest: float | None = None

    def add(self, held: Held) -> None:
        self.count += 1
        self.bytes += held.bytes
        self.oldest = held.put_at if self.oldest is None else min(self.oldest, held.put_at)


@dataclass(slots=True)
class Purged:
    """What a purge deleted (or would have), and what it left.

    Attributes
    ----------
    deleted, kept : Inventory
    in_use : int
        Of those kept, how many are old enough and are referred to.
    """

    deleted: Inventory = field(default_factory=Inventory)
    kept: Inventory = field(default_factory=Inventory)
    in_use: int = 0


class Claims:
    """A store of data by content.

    Parameters
    ----------
    url : str
        Where it is kept; ``file://``, ``memory://``, ``s3://`` …
    clock : callable
        Seconds since the epoch.
    **options
        For the file system (``endpoint_url`` …), beside what it takes from the environment.

    Attributes
    ----------
    url : str
        Without what is secret.

    Raises
    ------
    ConfigurationError
        No file system is known for the URL; `MissingExtraError` where its package is not installed.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time, **options: Any) -> None:
        self.url = _without_secrets(url)
        try:
            files, root = fsspec.core.url_to_fs(url, **options)
        except ImportError as error:
            raise MissingExtraError(error.name or "s3fs", "s3") from None
        except ValueError:
            raise ConfigurationError(
                f"nothing is known to keep claims in {self.url}", hint="file:// or s3://"
            ) from None
        root = root.rstrip("/")
        self._clock = clock
        self._keeper: Keeper = Folder(Path(root)) if isinstance(files, LocalFileSystem) else Bucket(files, root, clock)

    def put(self, data: bytes) -> str:
        """Keep the data, or keep it for longer; its address. Durable when this returns. Raises UnreachableError."""
        digest = sha256(data).hexdigest()
        try:
            self._keeper.keep(digest, data)
        except Exception as error:  # each file system has its own tree of errors
            raise self._unreachable(error) from None
        return f"sha256:{digest}:{len(data)}"

    def get(self, address: str) -> bytes:
        """The data of an address.

        Raises
        ------
        DecodeError
            The address is none, nothing is kept there, or what is kept is not what was put.
        UnreachableError
            The store does not answer.
        """
        digest, length = _parse(address)
        try:
            data = self._keeper.read(digest)
        except FileNotFoundError:
            raise DecodeError(f"the claim {address} is not in {self.url}") from None
        except Exception as error:  # see put
            raise self._unreachable(error) from None
        if len(data) != length or sha256(data).hexdigest() != digest:
            raise DecodeError(f"the claim {address} in {self.url} is damaged: it holds {len(data)} other bytes")
        return data

    def inventory(self) -> Inventory:
        """Everything that is kept. Raises UnreachableError."""
        found = Inventory()
        try:
            for held in self._keeper.held():
                found.add(held)
        except Exception as error:  # see put
            raise self._unreachable(error) from None
        return found

    def purge(self, older_than: float, in_use: Collection[str] = (), *, dry_run: bool = False) -> Purged:
        """Delete what was last put more than `older_than` seconds ago, but for the addresses that are `in_use`.

        Parameters
        ----------
        dry_run : bool
            Delete nothing, count what would be deleted.

        Raises
        ------
        ConfigurationError
            `older_than` is less than `LEAST_AGE_SECONDS`.
        DecodeError
            What is in use is no address.
        UnreachableError
            The store does not answer; some claims may be deleted by then.
        """
        if older_than < LEAST_AGE_SECONDS:
            hours = LEAST_AGE_SECONDS / 3600
            raise ConfigurationError(f"claims younger than {hours:.0f} hours may be on their way and are not purged")
        before = self._clock() - older_than
        wanted = {_parse(address)[0] for address in in_use}
        try:
            return self._purge(before, wanted, dry_run)
        except PenstockError:
            raise
        except Exception as error:  # see put
            raise self._unreachable(error) from None

    def _purge(self, before: float, wanted: set[str], dry_run: bool) -> Purged:
        result = Purged()
        old: list[Held] = []
        for held in self._keeper.held():
            if held.put_at < before and held.digest not in wanted:
                old.append(held)
            else:
                result.kept.add(held)
                result.in_use += held.put_at < before
        for held, gone in zip(old, [True] * len(old) if dry_run else self._dropped(old, before), strict=True):
            (result.deleted if gone else result.kept).add(held)
        if not dry_run:
            self._keeper.sweep(before)
        return result

    def _dropped(self, old: Iterable[Held], before: float) -> list[bool]:
        """Which of them are deleted: not those that were put again meanwhile."""
        with ThreadPoolExecutor(self._keeper.at_once, "purge") as threads:
            return list(threads.map(lambda held: self._keeper.drop(held.digest, before), old))

    def _unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError("the claim store", self.url, cause=type(error).__name__)


def _parse(address: str) -> tuple[str, int]:
    name, _, rest = address.partition(":")
    digest, _, length = rest.partition(":")
    if name != "sha256" or not is_digest(digest) or not length.isascii() or not length.isdigit():
        raise DecodeError("the address of a claim is not sha256:<64 hex digits>:<length>")
    return digest, int(length)


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
