"""The cache: in a process, in a real Redis, and while that is killed, silent, full of others' things or not one."""

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.errors import ConfigurationError
from penstock.stores import cache as module
from penstock.stores.cache import Cached, LocalCache, RedisCache, open_cache


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """A worker's cache in a Redis, with a clock for its pauses and what it was told."""

    def __init__(self, url: str, name: tuple[str, ...] = ("orders", "acme", "license"), **options: Any) -> None:
        self.told: list[str] = []
        self.clock = Clock()
        self.local = LocalCache(**options)
        self.cache = RedisCache(url, name, self.local, self.told.append, self.clock)
        self.cache.patience = 4 * module.PATIENCE_SECONDS  # a machine that runs tests may be busy
        self.get_many, self.set_many = self.cache.get_many, self.cache.set_many

    async def values(self, *keys: str) -> dict[str, bytes]:
        return {key: cached.value for key, cached in (await self.cache.get_many(keys)).items()}


@pytest.fixture
def worker(redis_server) -> Callable[..., Worker]:
    return lambda *name, **options: Worker(redis_server.url, *([name] if name else []), **options)


# In one process


async def test_values_are_kept_for_their_time():
    clock = Clock()
    cache = LocalCache(clock)
    await cache.set_many({"a": b"1", "b": b"2"}, 10)
    clock.now += 9
    await cache.set_many({"b": b"3"}, 10)
    assert await cache.get_many(["a", "b", "c"]) == {"a": Cached(b"1", 1), "b": Cached(b"3", 10)}
    clock.now += 1
    assert await cache.get_many(["a", "b", "c"]) == {"b": Cached(b"3", 9)}
    assert len(cache) == 1, "what is over goes when it is seen"


async def test_no_time_is_not_kept():
    cache = LocalCache(Clock())
    await cache.set_many({"a": b"1"}, 0)
    await cache.set_many({"b": b"1"}, -1)
    assert await cache.get_many(["a", "b"]) == {}


async def test_what_was_not_used_for_longest_goes_first():
    cache = LocalCache(Clock(), most=3)
    await cache.set_many({"a": b"", "b": b"", "c": b""}, 10)
    await cache.get_many(["a"])
    await cache.set_many({"b": b"new", "d": b""}, 10)
    assert set(await cache.get_many(list("abcd"))) == {"a", "b", "d"}


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("sgt"), st.sampled_from("abcd"), st.integers(1, 5)), max_size=40))
def test_it_behaves_like_a_list_in_order_of_use(steps):
    async def scenario() -> None:
        clock = Clock()
        cache = LocalCache(clock, most=2)
        model: dict[str, float] = {}
        for what, key, number in steps:
            if what == "s":
                await cache.set_many({key: key.encode()}, number)
                model.pop(key, None)
                model[key] = clock.now + number
                while len(model) > 2:
                    del model[next(iter(model))]
            elif what == "g":
                found = await cache.get_many([key])
                until = model.pop(key, 0)
                if until > clock.now:
                    model[key] = until
                    assert found == {key: Cached(key.encode(), until - clock.now)}
                else:
                    assert found == {}
            else:
                clock.now += number
            assert len(cache) == len(model)

    asyncio.run(scenario())


async def test_without_an_address_it_is_this_process_alone():
    assert type(open_cache({}, ("a",), warn=print)) is LocalCache
    assert type(open_cache({"REDIS_URL": ""}, ("a",), warn=print)) is LocalCache
    assert type(open_cache({"REDIS_URL": "redis://localhost"}, ("a",), warn=print)) is RedisCache


# In Redis


async def test_workers_share_values_and_what_is_left_of_their_time(worker):
    one, other = worker(), worker()
    await one.set_many({"a": b"\0\xff" * 1000, "b": b""}, 60)
    found = await other.get_many(["a", "c", "b", "a"])
    assert {key: cached.value for key, cached in found.items()} == {"a": b"\0\xff" * 1000, "b": b""}
    assert all(50 < cached.seconds <= 60 for cached in found.values())
    assert one.told == other.told == []


async def test_what_a_worker_found_in_redis_holds_no_longer_than_there(worker):
    clock = Clock()
    one, other = worker(), worker(clock=clock)
    await one.set_many({"a": b"1"}, 60)
    await other.get_many(["a"])
    await one.set_many({"a": b"2"}, 60)
    assert await other.values("a") == {"a": b"1"}
    clock.now += 61
    assert await other.values("a") == {"a": b"2"}


async def test_redis_forgets_when_the_time_is_over(worker):
    await worker().set_many({"a": b"1"}, 0.2)
    deadline = time.monotonic() + 10
    while await worker().values("a"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_times_without_end_and_none_at_all(worker, redis_server):
    await worker().set_many({"a": b"1"}, float("inf"))
    await worker().set_many({"b": b"1"}, 0)
    await worker().set_many({"c": b"1"}, 0.0001)
    await worker().set_many({}, 10)
    with redis_server.client() as client:
        (name,) = client.keys()
        assert 29 * 86400 < client.ttl(name) <= 30 * 86400


async def test_a_batch_is_one_round_trip_and_what_is_known_here_asks_nothing(worker, redis_server):
    reader = worker()
    await worker().set_many({str(number): b"x" for number in range(500)}, 60)
    with redis_server.client() as client:
        connections = client.info("stats")["total_connections_received"]
        for _ in range(3):
            assert len(await reader.get_many([str(number) for number in range(500)])) == 500
        assert client.info("commandstats")["cmdstat_mget"]["calls"] == 1
        assert client.info("stats")["total_connections_received"] == connections + 1
        assert client.info("clients")["connected_clients"] == 1, "ours: no connection is left behind"


async def test_caches_of_other_names_share_nothing(worker):
    names = [("a", "b", "c"), ("a", "b:c"), ("a:b", "c"), ("a", "b", "d"), ("a%3Ab", "c")]
    for name in names:
        await worker(*name).set_many({"key": repr(name).encode(), "c:key": b"another"}, 60)
    for name in names:
        assert await worker(*name).values("key") == {"key": repr(name).encode()}


async def test_redis_is_not_told_what_keys_say(worker, redis_server):
    await worker().set_many({"jane.doe@example.com": b"x"}, 60)
    with redis_server.client() as client:
        (name,) = client.keys()
    assert name.startswith(b"penstock:orders:acme:license:") and b"jane" not in name


async def test_what_others_put_there_is_as_if_it_were_not_there(worker, redis_server):
    await worker().set_many({"a": b"1", "b": b"1", "c": b"1", "d": b"1"}, 60)
    names = {key: worker().cache._name(key) for key in "abcd"}
    with redis_server.client() as client:
        client.delete(names["a"])
        client.rpush(names["a"], "a list")
        client.set(names["b"], "for ever")
        client.delete(names["c"])
        client.hset(names["c"], "a", "hash")
    one = worker()
    assert await one.values("a", "b", "c", "d") == {"d": b"1"}
    await one.set_many({"a": b"2", "b": b"2", "c": b"2"}, 60)
    assert await worker().values("a", "b", "c", "d") == {"a": b"2", "b": b"2", "c": b"2", "d": b"1"}
    assert one.told == []


# Redis that is not well


async def test_killed_and_started_again(worker, redis_server):
    one = worker()
    await one.set_many({"a": b"1"}, 60)
    redis_server.kill()
    assert await one.values("a", "b") == {"a": b"1"}, "its own"
    await one.set_many({"b": b"2"}, 60)
    assert await one.values("a", "b", "c") == {"a": b"1", "b": b"2"}
    assert len(one.told) == 1 and "cannot be used (ConnectionError)" in one.told[0]
    redis_server.start()
    one.clock.now += 0.49
    assert await one.values("c") == {}
    assert len(one.told) == 1, "it is left alone for a while"
    one.clock.now += 0.6
    await one.set_many({"c": b"3"}, 60)
    assert one.told[1:] == [f"the cache, Redis at 127.0.0.1:{redis_server.port}, answers again"]
    assert await worker().values("a", "b", "c") == {"c": b"3"}, "it came back empty"
    redis_server.kill()
    await one.set_many({"d": b"3"}, 60)
    assert len(one.told) == 3


async def test_pauses_grow_and_a_call_in_one_asks_nothing(worker, redis_server, monkeypatch):
    one = worker()
    redis_server.kill()
    asked: list[float] = []
    pool = one.cache._pool
    monkeypatch.setattr(one.cache, "_pool", lambda: asked.append(one.clock.now - 1000) or pool())
    for _ in range(3000):
        await asyncio.gather(*(one.get_many(["a"]) for _ in range(3)))
        one.clock.now += 0.1
    pauses = [later - earlier for earlier, later in pairwise(asked) if later > earlier]
    assert 0.5 <= pauses[0] <= 1.2 and 1 <= pauses[1] <= 2.2
    assert all(15 <= pause <= 30.2 for pause in pauses[6:])
    assert len(asked) < 40 and len(one.told) == 1
    one.clock.now += 1e6
    one.cache._breaker.failures = 10**6
    await one.get_many(["a"])


async def test_one_that_takes_connections_and_says_nothing(worker, redis_server):
    one = worker()
    await one.set_many({"a": b"1"}, 60)
    with redis_server.held_still():
        began = time.monotonic()
        assert await one.values("a", "b") == {"a": b"1"}
        first = time.monotonic() - began
        for number in range(100):
            await one.set_many({str(number): b"x"}, 60)
        await asyncio.gather(*(one.get_many([f"no {number}"]) for number in range(100)))
        assert one.cache.patience - 0.1 < first < 10
        assert time.monotonic() - began < first + 10, "only the first call waited"
        assert len(one.told) == 1 and "TimeoutError" in one.told[0]
        one.clock.now += 60
        large = {str(number): b"x" * 100_000 for number in range(200)}
        began = time.monotonic()
        await one.set_many(large, 60)
        assert time.monotonic() - began < 10, "nor does what it does not take wait for ever"
    one.clock.now += 60
    deadline = time.monotonic() + 10
    while len(one.told) < 2:
        assert time.monotonic() < deadline
        await one.get_many(["b"])
        one.clock.now += 60


async def test_many_calls_while_it_dies_are_one_failure(worker, redis_server):
    one = worker()
    with redis_server.held_still():
        await asyncio.gather(*(one.get_many([str(number)]) for number in range(50)))
    assert len(one.told) == 1 and one.cache._breaker.failures == 1


async def test_a_call_that_is_cancelled_tells_nothing(worker, redis_server):
    one = worker()
    with redis_server.held_still():
        call = asyncio.create_task(one.get_many(["a"]))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await one.set_many({"a": b"1"}, 60)
    assert await worker().values("a") == {"a": b"1"} and one.told == []


async def test_a_try_that_is_cancelled_leaves_the_next_one_to_try(worker, redis_server):
    one = worker()
    with redis_server.held_still():
        await one.get_many(["a"])
        one.clock.now += 60
        call = asyncio.create_task(one.get_many(["a"]))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await one.set_many({"a": b"1"}, 60)
    assert await worker().values("a") == {"a": b"1"} and len(one.told) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [("config set maxmemory 1", "OutOfMemoryError"), ("replicaof 127.0.0.1 1", "ReadOnlyError"),
     ("config set requirepass another", "AuthenticationError")],
)  # fmt: skip
async def test_one_that_refuses(worker, redis_server, change, why):
    one = worker()
    with redis_server.client() as client:
        client.execute_command(*change.split())
    await one.set_many({"a": b"1"}, 60)
    assert await one.values("a") == {"a": b"1"}
    assert len(one.told) == 1 and f"({why})" in one.told[0]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\xff" * 100, b"$-5\r\n", b"*1\r\n", b""])
async def test_what_is_no_redis(answer):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    one = Worker(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await one.set_many({"a": b"1"}, 60)
    assert await one.values("a", "b") == {"a": b"1"}
    assert len(one.told) == 1
    server.close()
    await server.wait_closed()


async def test_each_event_loop_may_use_it(worker):
    one = worker()
    await asyncio.to_thread(asyncio.run, one.set_many({"a": b"1"}, 60))
    assert await worker().values("a") == {"a": b"1"}
    assert await asyncio.to_thread(lambda: asyncio.run(one.values("a", "b"))) == {"a": b"1"}
    assert one.told == []


# Secrets, and addresses that are none


async def test_a_password_is_never_told(redis_server):
    redis_server.kill()
    for address in (redis_server.url, f"redis://{redis_server.password}@127.0.0.1:{redis_server.port}?password=s3cret"):
        one = Worker(address)
        await one.get_many(["a"])
        (told,) = one.told
        assert f"127.0.0.1:{redis_server.port}" in told and "REDIS_URL" in told
        assert redis_server.password not in told and "s3cret" not in told


@pytest.mark.parametrize(
    "url",
    ["localhost:6379", "http://s3cret@localhost", "redis://:s3cret@localhost:port", "redis://:s3cret@localhost:99999999",
     "redis://:s3cret@localhost?color=s3cret", "redis://localhost?socket_timeout=s3cret", "s3cret"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(url):
    with pytest.raises(ConfigurationError, match="REDIS_URL is not the address of a Redis") as caught:
        open_cache({"REDIS_URL": url}, ("a",), warn=print)
    assert "s3cret" not in str(caught.value) and caught.value.__suppress_context__


def test_a_socket_is_an_address(tmp_path):
    told: list[str] = []
    cache = open_cache({"REDIS_URL": f"unix://{tmp_path}/socket?password=s3cret"}, ("a",), warn=told.append)
    assert asyncio.run(cache.get_many(["a"])) == {}
    assert f"{tmp_path}/socket" in told[0] and "s3cret" not in told[0]


# Counting


async def test_a_number_is_kept_for_its_time():
    clock = Clock()
    cache = LocalCache(clock)
    assert [await cache.count("a", 2, 10), await cache.count("a", 3, 10), await cache.count("b", 1, 10)] == [2, 5, 1]
    clock.now += 10
    assert await cache.count("a", 1, 10) == 1


async def test_workers_count_together_until_redis_is_away(worker, redis_server):
    one, two = worker(), worker()
    assert [await one.cache.count("day", 1, 60), await two.cache.count("day", 1, 60)] == [1, 2]
    assert await one.cache.count("day", 1, 60) == 3
    redis_server.kill()
    assert [await one.cache.count("day", 1, 60), await two.cache.count("day", 1, 60)] == [3, 2], "each its own"
