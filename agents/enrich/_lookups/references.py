"""References that `lookup` asks: rows held in memory, loaded anew now and then, or told of by a topic; and Redis."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias

import orjson

from penstock.agents.enrich._lookups.fresh import Fresh
from penstock.agents.enrich._lookups.index import Index, Key, Shape, plain
from penstock.model.component import Event
from penstock.model.errors import ConfigurationError, EnrichmentError, UnreachableError
from penstock.model.table import Table
from penstock.stores.cache import LocalCache

if TYPE_CHECKING:
    from redis.asyncio.client import Pipeline

Found: TypeAlias = dict[str, Any] | Exception | None

AT_ONCE: Final = 1000
"""Changes of a topic that are taken in before others may go on; more are taken in a thread."""
_PATIENCE_SECONDS: Final = 5.0
_KEYS_AT_ONCE: Final = 500


class Asked(NamedTuple):
    """A key and the time (milliseconds) for which its row is asked."""

    key: Key
    at: int


class Reference(Protocol):
    """Finds rows by key."""

    async def find(self, asked: Sequence[Asked]) -> Sequence[Found]:
        """The columns for each, None where there are none. Raises UnreachableError, ConfigurationError."""
        ...


class Held:
    """Rows that do not change."""

    def __init__(self, index: Index) -> None:
        self._index = index

    async def find(self, asked: Sequence[Asked]) -> Sequence[Found]:
        return [self._index.find(*each) for each in asked]


class Loaded:
    """Rows that are loaded in a thread; see `Fresh`."""

    def __init__(self, rows: Fresh[Index]) -> None:
        self._rows = rows

    async def find(self, asked: Sequence[Asked]) -> Sequence[Found]:
        index = await self._rows.current()
        return [index.find(*each) for each in asked]


class Told:
    """Rows that a compacted topic tells of: one in each message, a JSON object."""

    KEY: Final = "_key"
    """The column that the message's key is, as text, where the options name it."""

    def __init__(self, table: Table, shape: Shape, most: int, report: Callable[[Event], None]) -> None:
        self._table = table
        self._shape = shape
        self._most = most
        self._report = report
        self._index = Index()
        self._owned: dict[bytes, Key] = {}
        self._at = 0
        self._unusable = False
        self._lock = asyncio.Lock()

    async def find(self, asked: Sequence[Asked]) -> Sequence[Found]:
        async with self._lock:  # frames of two partitions ask the same stage
            at, changes = self._table.changed(self._at)
            if len(changes) > AT_ONCE:
                await asyncio.to_thread(self._take, changes)
            else:
                self._take(changes)
            self._at = at
        return [self._index.find(*each) for each in asked]

    def _take(self, changes: list[tuple[bytes, bytes | None]]) -> None:
        for owner, value in changes:
            before = self._owned.pop(owner, None)
            if before is not None:
                self._index.remove(before, owner)
            found = None if value is None else self._row(owner, value)
            if found is not None:
                self._owned[owner] = found[0]
                self._index.add(*found)

    def _row(self, owner: bytes, value: bytes) -> Any:
        try:
            row = orjson.loads(value)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict):
            self._tell(f"the topic {self._table.topic} has messages that are no JSON objects; they are left out")
            return None
        if len(self._owned) >= self._most:
            self._tell(f"the topic {self._table.topic} has more than {self._most} rows (most_rows); some are left out")
            return None
        if self.KEY in self._shape.needed:
            row[self.KEY] = owner.decode("utf-8", "replace")
        return self._shape.entry(row, owner)

    def _tell(self, message: str) -> None:
        if not self._unusable:
            self._unusable = True
            self._report(Event("lookup_rows_left_out", message))


class InRedis:
    """Values in a Redis: hashes, JSON objects or texts, under the key that a template gives.

    A batch's keys are asked for together, on a connection of their own, and kept for `seconds`.
    """

    def __init__(self, url: str, kind: str, columns: dict[str, str], seconds: float) -> None:
        self._url = url
        self._kind = kind
        self._columns = columns
        self._seconds = seconds
        self._kept = LocalCache()
        self.address = self._checked_address()

    async def find(self, asked: Sequence[Asked]) -> Sequence[Found]:
        names = list(dict.fromkeys(each.key for each in asked))
        kept = await self._kept.get_many(names)
        found: dict[str, Found] = {name: orjson.loads(value.value) for name, value in kept.items()}
        missing = [name for name in names if name not in found]
        for start in range(0, len(missing), _KEYS_AT_ONCE):
            some = missing[start : start + _KEYS_AT_ONCE]
            found.update(zip(some, await self._asked(some), strict=True))
        good = {name: orjson.dumps(found[name]) for name in missing if not isinstance(found[name], Exception)}
        await self._kept.set_many(good, self._seconds)
        return [found[each.key] for each in asked]

    async def _asked(self, names: Collection[str]) -> list[Found]:
        from redis.asyncio import Redis

        def ask(pipe: "Pipeline") -> None:
            for name in names:
                pipe.hgetall(name) if self._kind == "hash" else pipe.get(name)

        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                async with Redis.from_url(self._url, protocol=2) as client, client.pipeline(transaction=False) as pipe:
                    ask(pipe)
                    answers = await pipe.execute(raise_on_error=False)
        except Exception as error:  # their texts may hold what was sent
            raise UnreachableError("the Redis of lookup", self.address, cause=type(error).__name__) from None
        return [self._value(answer) for answer in answers]

    def _value(self, answer: Any) -> Found:
        if isinstance(answer, Exception):
            return EnrichmentError("wrong_type", f"a key in Redis holds no {self._kind}")
        if not answer:
            return None
        if self._kind == "hash":
            row: Any = {plain(name): plain(value) for name, value in answer.items()}
        elif self._kind == "text":
            row = {"value": plain(answer)}
        else:
            try:
                row = orjson.loads(answer)
            except orjson.JSONDecodeError:
                row = None
            if not isinstance(row, dict):
                return EnrichmentError("wrong_type", "a key in Redis holds no JSON object")
        return {new: row.get(old) for old, new in self._columns.items()} if self._columns else row

    def _checked_address(self) -> str:
        from redis.asyncio import ConnectionPool

        try:
            settings = ConnectionPool.from_url(self._url).connection_kwargs
        except Exception:  # their texts quote the URL
            raise ConfigurationError(
                "the option redis_url of lookup is not the address of a Redis", hint="such as redis://localhost:6379/0"
            ) from None
        return str(settings.get("path") or f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}")
