"""cache: what workers may share for a while: in Redis where ``REDIS_URL`` names one, else each process for itself.

    cache = open_cache(environ, ("orders", "acme", "license"), warn=log.warning)
    await cache.set_many({"MIT": b"allow"}, seconds=300)
    await cache.get_many(["MIT", "ISC"])                       {"MIT": Cached(b"allow", 299.9)}

Nothing depends on what is in a cache: whoever asks it can find out otherwise. So Redis being away fails no call: what
this process knows itself is used instead, Redis is left alone for a while (1 s, then longer, up to half a minute), and
the caller is told once when it goes and once when it is back.

A process looks at what it knows itself first, and Redis is asked for the rest of a batch in one round trip, on a
connection of its own: about 1 ms on one machine, where a connection that is kept takes a fifth. In return there is
nothing to close, and nothing to go stale. In Redis a key is ``penstock:<name>:…:<digest>``: the parts of the cache's
name, and the hash of the key, which may hold what a record held.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from urllib.parse import quote

from penstock.model.errors import ConfigurationError
from penstock.model.http import Backoff, Breaker

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool
    from redis.asyncio.client import Pipeline

VARIABLE: Final = "REDIS_URL"
PATIENCE_SECONDS: Final = 0.5

_BACKOFF: Final = Backoff(first=1.0, multiplier=2.0, longest=30.0)
_LONGEST_SECONDS: Final = 30 * 24 * 3600.0
_MOST_KEPT: Final = 10_000


class Cached(NamedTuple):
    """A value, and how long it still holds."""

    value: bytes
    seconds: float


class Cache(Protocol):
    """Values by key, each for a while. No call fails."""

    async def get_many(self, keys: Collection[str]) -> dict[str, Cached]:
        """Those of the keys that are there."""
        ...

    async def set_many(self, values: Mapping[str, bytes], seconds: float) -> None:
        """Keep the values that long (30 days at most); nothing at all where it is not more than 0."""
        ...

    async def count(self, key: str, more: int, seconds: float) -> int:
        """Add to a number that begins with 0 and is kept that long after it last grew; what it is then.

        Where Redis is there it is that of all workers; else, and while Redis is away, that of this process.
        """
        ...


class _Kept(NamedTuple):
    value: bytes
    until: float


class LocalCache:
    """A cache in this process; what was not used for longest goes first.

    Parameters
    ----------
    clock : callable
        Seconds.
    most : int
        Values.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = _MOST_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._counts: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def count(self, key: str, more: int, seconds: float) -> int:
        now = self._clock()
        for old in [old for old, (_, until) in self._counts.items() if until <= now]:
            del self._counts[old]
        number = self._counts.get(key, (0, 0.0))[0] + more
        self._counts[key] = (number, now + seconds)
        return number

    async def get_many(self, keys: Collection[str]) -> dict[str, Cached]:
        now = self._clock()
        found = {}
        for key in keys:
            kept = self._kept.get(key)
            if kept is None:
                continue
            if kept.until > now:
                self._kept.move_to_end(key)
                found[key] = Cached(kept.value, kept.until - now)
            else:
                del self._kept[key]
        return found

    async def set_many(self, values: Mapping[str, bytes], seconds: float) -> None:
        if seconds <= 0:
            return
        until = self._clock() + min(seconds, _LONGEST_SECONDS)
        for key, value in values.items():
            self._kept[key] = _Kept(value, until)
            self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


class RedisCache:
    """A cache in Redis, with one in this process in front of it, which is all there is while Redis is away.

    Parameters
    ----------
    url : str
        ``redis://``, ``rediss://`` or ``unix://``; a password in it is never told.
    name : collection of str
        Whose cache it is: pipeline, tenant and so on. Caches of different names share nothing.
    local : LocalCache
    warn : callable
        Told in words when Redis goes away, and when it is back.
    clock : callable
        Monotonic seconds, for the time that Redis is left alone.

    Attributes
    ----------
    address : str
        Where the Redis is, without what is secret.
    patience : float
        Seconds for everything that one call does: connecting, the password, the answer.

    Raises
    ------
    ConfigurationError
        `url` is none of a Redis, or has an option that is unknown.
    """

    def __init__(
        self,
        url: str,
        name: Collection[str],
        local: LocalCache,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._prefix = ":".join(["penstock", *(quote(part, safe="") for part in name)])
        self._local = local
        self._warn = warn
        self.patience = PATIENCE_SECONDS
        self._breaker = Breaker(limit=1, clock=clock)
        self.address = self._checked_address()

    async def get_many(self, keys: Collection[str]) -> dict[str, Cached]:
        found = await self._local.get_many(keys)
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if not missing:
            return found
        names = [self._name(key) for key in missing]

        def ask(pipe: "Pipeline") -> None:
            pipe.mget(names)
            for name in names:
                pipe.pttl(name)

        answers = await self._call(ask)
        if answers is None:
            return found
        values, *left = answers
        for key, value, milliseconds in zip(missing, values, left, strict=True):
            # a value that never goes away is not ours
            if isinstance(value, bytes) and milliseconds > 0:
                found[key] = Cached(value, milliseconds / 1000)
                await self._local.set_many({key: value}, milliseconds / 1000)
        return found

    async def set_many(self, values: Mapping[str, bytes], seconds: float) -> None:
        await self._local.set_many(values, seconds)
        milliseconds = int(min(seconds, _LONGEST_SECONDS) * 1000)
        if not values or milliseconds <= 0:
            return

        def tell(pipe: "Pipeline") -> None:
            for key, value in values.items():
                pipe.set(self._name(key), value, px=milliseconds)

        await self._call(tell)

    async def count(self, key: str, more: int, seconds: float) -> int:
        own = await self._local.count(key, more, seconds)
        name = self._name(f"count {key}")

        def tell(pipe: "Pipeline") -> None:
            pipe.incrby(name, more)
            pipe.pexpire(name, int(seconds * 1000))

        answers = await self._call(tell)
        return own if answers is None else int(answers[0])

    async def _call(self, commands: "Callable[[Pipeline], None]") -> list[Any] | None:
        """The answers to the commands, sent together; None where Redis is away, or was a moment ago."""
        from redis.asyncio import Redis

        if not self._breaker.admit():
            return None
        try:
            async with asyncio.timeout(self.patience):
                async with Redis.from_pool(self._pool()) as client, client.pipeline(transaction=False) as pipe:
                    commands(pipe)
                    answers: list[Any] = await pipe.execute()
        except Exception as error:  # whatever it is: the stream goes on without
            self._fail(error)
            return None
        except BaseException:
            self._breaker.forget()
            raise
        if self._breaker.failures:
            self._warn(f"the cache, Redis at {self.address}, answers again")
        self._breaker.succeed()
        return answers

    def _fail(self, error: Exception) -> None:
        if self._breaker.state == "open":  # by another call that was under way
            return
        self._breaker.seconds = _BACKOFF.seconds(min(self._breaker.failures, 10) + 1)
        self._breaker.fail()
        if self._breaker.failures == 1:
            why = type(error).__name__  # its text may hold what was sent
            self._warn(
                f"the cache, Redis at {self.address}, cannot be used ({why}): this process goes on with its own until "
                f"it can ({VARIABLE} names it)"
            )

    def _name(self, key: str) -> str:
        return f"{self._prefix}:{blake2b(key.encode(), digest_size=16).hexdigest()}"

    def _pool(self) -> "ConnectionPool":
        from redis.asyncio import ConnectionPool
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        return ConnectionPool.from_url(
            self._url,
            # to close a connection as well
            socket_connect_timeout=self.patience,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # which needs no greeting
        )

    def _checked_address(self) -> str:
        try:
            pool = self._pool()
            pool.make_connection()  # type: ignore[no-untyped-call] # it looks at options, and connects later
        except Exception:  # their texts quote the URL
            raise ConfigurationError(
                f"{VARIABLE} is not the address of a Redis", hint="such as redis://:password@localhost:6379/0"
            ) from None
        settings = pool.connection_kwargs
        return str(settings.get("path") or f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}")


def open_cache(
    environ: Mapping[str, str],
    name: Collection[str],
    *,
    warn: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> Cache:
    """The cache of that name, as the environment says.

    Parameters
    ----------
    name, warn
        See `RedisCache`.
    clock : callable
        Seconds, for what this process keeps.

    Raises
    ------
    ConfigurationError
        ``REDIS_URL`` is not the address of a Redis.
    """
    local = LocalCache(clock)
    url = environ.get(VARIABLE)
    return RedisCache(url, name, local, warn) if url else local
