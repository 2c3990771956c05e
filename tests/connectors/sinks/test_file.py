import asyncio
import errno
import gzip
import os
import random
import threading

import orjson
import pytest
from pydantic import ValidationError

from penstock.connectors.registry import build_sink, configure_sink
from penstock.connectors.sinks import file as module
from penstock.model.component import Position, Receipt, Resources
from penstock.model.errors import FencedError, UnreachableError
from penstock.model.record import Kept, Lost, Stub

STREAM = "orders/orders.raw/2"


@pytest.fixture
def sink(tmp_path):
    def build(**options):
        config = configure_sink("file", {"path": str(tmp_path / "{topic}"), **options})
        return build_sink("file", config, Resources(clock=lambda: 0.0, options={"env": "test"}))

    return build


def rows(tmp_path):
    """The records in the finished files, in order of their offsets."""
    found = []
    files = (tmp_path / "orders.raw").glob("*.jsonl")
    for path in sorted(files, key=lambda path: [int(number) for number in path.stem.split("-")[1:]]):
        found += [orjson.loads(line) for line in path.read_bytes().splitlines()]
    return found


def ids(tmp_path):
    return [int(row["id"].rpartition("/")[2]) for row in rows(tmp_path)]


async def test_kept_records_and_deletions_are_lines_and_names_say_which_offsets(tmp_path, sink, batch):
    there = sink()
    assert await there.position(STREAM) is None
    entries = [
        batch.kept(5, tenant="acme"),
        Stub(6, 0, "dropped", "dedup", "duplicate"),
        Kept(7, 0, None, {}),
        Lost(8, 10),
        Kept(11, 0, b"{}", {}, origin="orders.raw/0/3"),
    ]
    assert await there.write(batch(5, 12, entries, genesis=True)) == Receipt(written=3)
    assert await there.position(STREAM) == Position(0, 12)
    await there.close()
    (path,) = tmp_path.glob("orders.raw/*.jsonl")
    assert path.name == "orders.orders.raw.2-0-5-12.jsonl"
    first, deleted, replayed = rows(tmp_path)
    assert (first["id"], first["tenant"], first["data"]) == ("orders.raw/2/5", "acme", {"n": 5})
    assert first["metadata"]["env"] == "test"
    assert first["metadata"]["enriched_at"] == "1970-01-01T00:00:00.000Z"
    assert deleted == {"id": "orders.raw/2/7", "deleted": True}
    assert (replayed["id"], replayed["tenant"]) == ("orders.raw/0/3", "default")


async def test_files_are_finished_by_rows_by_epoch_and_at_the_end(tmp_path, sink, batch):
    there = sink(rows_per_file=10)
    for first in range(0, 24, 4):
        await there.write(batch(first, first + 4))
    await there.write(batch(0, 3, epoch=1))
    await there.close()
    assert sorted(path.name for path in tmp_path.glob("orders.raw/[!.]*")) == [
        "orders.orders.raw.2-0-0-12.jsonl",
        "orders.orders.raw.2-0-12-24.jsonl",
        "orders.orders.raw.2-1-0-3.jsonl",
    ]
    assert await there.position(STREAM) == Position(1, 3)


async def test_what_was_written_before_is_left_out_and_holes_are_refused(tmp_path, sink, batch):
    there = sink()
    await there.write(batch(0, 10))
    assert (await there.write(batch(0, 10))).written == 0
    assert (await there.write(batch(6, 14))).written == 4
    assert (await there.write(batch(14, 20, [Stub(14, 0, "dropped", "a", "b"), Lost(15, 19)]))).written == 0
    assert (await there.write(batch(18, 22, [Lost(18, 20), batch.kept(21)]))).written == 1
    with pytest.raises(FencedError, match="is at offset 22, the batch starts at 23"):
        await there.write(batch(23, 24))
    with pytest.raises(FencedError, match="does not start"):
        await there.write(batch(3, 4, epoch=1))
    assert (await there.write(batch(0, 2, epoch=1))).written == 2
    assert (await there.write(batch(22, 24))).written == 0
    await there.close()
    assert sorted(ids(tmp_path)) == sorted([*range(14), 21, 0, 1])


async def test_a_stream_starts_only_where_genesis_says(sink, batch):
    with pytest.raises(FencedError):
        await sink().write(batch(5, 6))


async def test_gzip(tmp_path, sink, batch):
    there = sink(compression="gzip")
    await there.write(batch(0, 5))
    await there.write(batch(5, 9))
    await sink(compression="none").write(batch(9, 10))
    await there.close()
    (path,) = tmp_path.glob("orders.raw/*.jsonl.gz")
    assert path.name == "orders.orders.raw.2-0-0-10.jsonl.gz"
    assert [orjson.loads(line)["data"]["n"] for line in gzip.decompress(path.read_bytes()).splitlines()] == [*range(10)]


@pytest.mark.parametrize("step", ["fsync", "replace", "truncate", "mkdir"])
@pytest.mark.parametrize("seed", range(4))
async def test_every_record_once_whatever_crashes(tmp_path, sink, batch, monkeypatch, step, seed):
    """Each batch may die in any of the calls of the operating system, before or after it took effect."""
    chance = random.Random(f"{step}{seed}")
    original = {"fsync": os.fsync, "truncate": os.truncate, "replace": module.Path.replace, "mkdir": module.Path.mkdir}

    class CrashError(BaseException):
        pass

    def crashing(*args, **kwargs):
        if chance.random() < 0.15:
            raise CrashError
        result = original[step](*args, **kwargs)
        if chance.random() < 0.15:
            raise CrashError
        return result

    monkeypatch.setattr(os if step in ("fsync", "truncate") else module.Path, step, crashing)
    crashes, goal = 0, 120
    while True:
        there = sink(rows_per_file=7)
        try:
            position = await there.position(STREAM)
            first = position.next if position else 0
            if first == goal:
                await there.close()
                break
            await there.write(batch(max(0, first - 2), min(goal, first + chance.randint(1, 6))))
            if chance.random() < 0.2:
                await there.close()
        except CrashError:
            crashes += 1
    monkeypatch.undo()
    assert crashes
    there = sink()
    await there.write(batch(goal, goal + 1))
    await there.close()
    assert ids(tmp_path) == [*range(goal + 1)]


async def test_bytes_of_an_append_that_was_not_committed_are_cut(tmp_path, sink, batch):
    there = sink()
    await there.write(batch(0, 3))
    (path,) = tmp_path.glob("orders.raw/*.open")
    with path.open("ab") as file:
        file.write(b'{"id":"orders.raw/2/3","half')
    await there.write(batch(3, 5))
    await there.close()
    assert ids(tmp_path) == [0, 1, 2, 3, 4]


async def test_a_file_left_open_by_a_crash_is_finished_by_who_comes_next(tmp_path, sink, batch):
    await sink().write(batch(0, 3))
    there = sink()
    await there.position(STREAM)
    await there.close()
    assert ids(tmp_path) == [0, 1, 2]


async def test_writers_that_race_write_each_record_once(tmp_path, sink, batch):
    def write(seed):
        chance = random.Random(seed)

        async def run():
            there = sink(rows_per_file=50)
            while (position := await there.position(STREAM)) is None or position.next < 300:
                first = max(0, (position.next if position else 0) - chance.randint(0, 5))
                await there.write(batch(first, min(300, first + chance.randint(6, 20))))
            await there.close()

        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(run())

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert ids(tmp_path) == [*range(300)]


async def test_a_full_disk_waits_and_goes_on(tmp_path, sink, batch, monkeypatch):
    there = sink()
    await there.write(batch(0, 3))

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnreachableError, match="No space left on device"):
        await there.write(batch(3, 6))
    monkeypatch.undo()
    await there.write(batch(3, 6))
    await there.close()
    assert ids(tmp_path) == [*range(6)]


async def test_partitions_have_files_of_their_own(tmp_path, batch):
    config = configure_sink("file", {"path": str(tmp_path / "{pipeline}" / "{partition}")})
    there = build_sink("file", config, Resources())
    for partition in (0, 1):
        await there.write(batch(0, 2, partition=partition))
    await there.close()
    assert (tmp_path / "orders" / "1" / "orders.orders.raw.1-0-0-2.jsonl").exists()
    assert len([*tmp_path.rglob("*.jsonl")]) == 2


def test_an_unknown_field_of_the_path_is_refused():
    with pytest.raises(ValidationError, match="partition, pipeline, topic"):
        configure_sink("file", {"path": "out/{date}"})
