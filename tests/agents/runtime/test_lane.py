"""A lane over an input of which Faust hands on too little or too much: nothing is passed over, no false alarm."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from penstock.agents.chain import Result
from penstock.agents.continuity import Place
from penstock.agents.runtime import healing
from penstock.agents.runtime.lane import Lane, Shared
from penstock.codecs.frame import Frame, encode
from penstock.model.record import Kept
from penstock.topology.spec import Batching

INPUT = TP("frames", 0)


def frame(first: int, last: int, epoch: int = 0, genesis: bool = False) -> Frame:
    entries = [Kept(offset, 0, b"{}", {}) for offset in range(first, last + 1)]
    return Frame(f"id{epoch}", epoch, first, last, last, genesis, list(entries))


class Faust:
    """A consumer of `log` from `begin` on that skips some messages the first time, and is `late` by so many turns."""

    def __init__(self, log: list[Frame], skipped: Iterable[int], begin: int, late: int = 0) -> None:
        self.log, self.skipped, self.begin, self.late = log, set(skipped), begin, late
        self.at = begin
        self.seeks: list[int] = []

    def hold(self, tp: TP) -> None: ...

    def release(self, tp: TP) -> None: ...

    def stand_at(self, tp: TP, offset: int) -> None: ...

    async def handed_on(self, tp: TP) -> int:
        return self.at

    async def begins_at(self, tp: TP) -> int:
        return self.begin

    async def seek(self, tp: TP, offset: int) -> None:
        self.at = max(offset, self.begin)
        self.seeks.append(offset)

    def messages(self) -> Iterable[tuple[int, Frame]]:
        self.late -= 1
        if self.late >= 0:
            return
        while self.at < len(self.log):
            offset, self.at = self.at, self.at + 1
            if offset in self.skipped:
                self.skipped.discard(offset)
            else:
                yield offset, self.log[offset]


class Attempts:
    def suspects(self, partition: int) -> bool:
        return False

    def limit(self, partition: int, epoch: int, first: int, last: int) -> tuple[int, bool]:
        return last, False

    def begin(self, *marked: int) -> None: ...

    def end(self, *marked: int) -> None: ...

    @asynccontextmanager
    async def turn(self, partition: int) -> AsyncIterator[None]:
        yield


class Stages:
    labels = ("p", "a")
    log = SimpleNamespace(warning=lambda *_, **__: None)

    async def process(self, partition: int, piece: Frame, poisonous: bool, state: Any = None) -> Any:
        return SimpleNamespace(result=Result(piece.entries, [], {}))

    async def stow(self, processed: Any) -> None: ...

    async def set_aside(self, *_: Any) -> None: ...


class Writer:
    """Acknowledges what is sent when `slow` seconds are over."""

    def __init__(self, slow: float = 0.0) -> None:
        self.slow = slow
        self.sent: list[tuple[int, int, int]] = []
        self.inputs: list[int] = []

    async def send(self, out: Frame) -> list[asyncio.Future[object]]:
        self.sent.append((out.epoch, out.first, out.last))
        self.inputs.append(out.input)
        return [asyncio.ensure_future(asyncio.sleep(self.slow))]


async def _ack(event: Any) -> None: ...


def message(offset: int, one: Frame) -> Any:
    return SimpleNamespace(value=encode(one), message=SimpleNamespace(offset=offset, tp=INPUT))


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() < end
        await asyncio.sleep(0.005)


def make(
    faust: "Faust", writer: Writer, place: Place | None, failed: list[BaseException], batching: Batching | None = None
) -> Lane:
    lease = SimpleNamespace(check=lambda: 0)
    shared: Any = Shared(Stages(), batching or Batching(), Attempts(), {}, lease, 0, failed.append)  # type: ignore[arg-type]
    return Lane(shared, faust, INPUT, place, writer, 16)  # type: ignore[arg-type]


async def run(
    log: list[Frame], place: Place | None = None, skipped: Iterable[int] = (), begin: int = 0, late: int = 0
) -> tuple[list[tuple[int, int, int]], list[int]]:
    """What a lane sends of `log`, and where it seeks; raises what ends it. It is given time to be wrong."""
    failed: list[BaseException] = []
    faust, writer = Faust(log, skipped, begin, late), Writer()
    faust.at = max(begin, place.input if place else 0)
    lane = make(faust, writer, place, failed)
    loop = asyncio.get_running_loop()
    end = loop.time() + 20 * healing.HEAL_EVERY_SECONDS + 2 * healing.HEAL_FOR_SECONDS
    try:
        while loop.time() < end:
            for offset, one in faust.messages():
                lane.offer(SimpleNamespace(ack=_ack), message(offset, one))
                await asyncio.sleep(0.002)
            await asyncio.sleep(0.01)
            await lane.look(lane.lag(len(log)))
            if failed:
                raise failed[0]
    finally:
        lane.close()
    return writer.sent, faust.seeks


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healing, "HEAL_EVERY_SECONDS", 0.03)
    monkeypatch.setattr(healing, "HEAL_FOR_SECONDS", 0.4)


FIRST = frame(0, 0, genesis=True)


async def test_repeats_at_the_end_of_a_quiet_partition_are_no_hole() -> None:
    assert await run([FIRST, frame(1, 2), frame(1, 2), frame(2, 2)]) == ([(0, 0, 0), (0, 1, 2)], [])


async def test_what_was_skipped_is_fetched_again_although_a_late_repeat_comes_behind_it() -> None:
    sent, seeks = await run([FIRST, frame(1, 2), frame(0, 1, genesis=True)], skipped=[1])
    assert sent == [(0, 0, 0), (0, 1, 2)] and seeks == [1]


async def test_a_new_epoch_does_not_begin_over_what_was_skipped_of_the_old_one() -> None:
    log = [frame(0, 1, genesis=True), frame(2, 2), frame(0, 1, epoch=1, genesis=True)]
    sent, _ = await run(log, skipped=[1])
    assert sent == [(0, 0, 1), (0, 2, 2), (1, 0, 1)]


async def test_what_was_skipped_at_the_end_is_fetched_again() -> None:
    sent, _ = await run([FIRST, frame(1, 1), frame(2, 2)], skipped=[2])
    assert sent == [(0, 0, 0), (0, 1, 1), (0, 2, 2)]


async def test_what_is_fetched_and_handed_on_late_is_no_hole() -> None:
    assert await run([FIRST, frame(1, 1)], late=30) == ([(0, 0, 0), (0, 1, 1)], [])


async def test_it_goes_on_where_it_stands_and_trims() -> None:
    assert (await run([FIRST, frame(1, 2), frame(3, 3)], Place(0, 2, 1)))[0] == [(0, 2, 2), (0, 3, 3)]


async def test_what_is_deleted_before_its_input_does_not_hold_it_up() -> None:
    log = [FIRST, frame(1, 2), frame(3, 3), frame(4, 4)]
    assert (await run(log, Place(0, 3, 0), begin=2))[0] == [(0, 3, 3), (0, 4, 4)]


async def test_a_hole_in_the_input_itself_ends_it() -> None:
    with pytest.raises(healing.HoleError, match="frames are missing"):
        await run([FIRST, frame(2, 2)])


async def test_what_comes_while_a_frame_is_under_way_is_taken_as_one() -> None:
    acked: list[int] = []
    writer, faust = Writer(slow=0.05), Faust([FIRST, *(frame(n, n) for n in range(1, 9))], [], 0)
    lane = make(faust, writer, None, [])

    async def ack(event: Any) -> None:
        acked.append(event.message.offset)

    for offset, one in faust.messages():
        lane.offer(SimpleNamespace(ack=ack), message(offset, one))
        await asyncio.sleep(0)
    await until(lambda: len(acked) == 9)
    assert writer.sent == [(0, 0, 0), (0, 1, 8)] and writer.inputs == [0, 1]
    assert acked == [*range(9)] and lane.place == Place(0, 9, 1) and lane.lag(9) == 0
    lane.close()


async def test_frames_that_are_full_do_not_wait_for_each_other() -> None:
    never = 3600.0
    writer, faust = Writer(slow=never), Faust([frame(0, 9, genesis=True), frame(10, 19), frame(20, 29)], [], 0)
    lane = make(faust, writer, None, [], Batching(frame_records=10))
    for offset, one in faust.messages():
        lane.offer(SimpleNamespace(ack=_ack), message(offset, one))
    await until(lambda: len(writer.sent) == 3)  # although none is acknowledged
    lane.close()


async def test_a_frame_that_may_be_deadly_is_taken_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempts, "suspects", lambda *_: True)
    writer, faust = Writer(slow=0.01), Faust([FIRST, frame(1, 1), frame(2, 2)], [], 0)
    lane = make(faust, writer, None, [])
    for offset, one in faust.messages():
        lane.offer(SimpleNamespace(ack=_ack), message(offset, one))
    await until(lambda: len(writer.sent) == 3)
    lane.close()


class _Table(dict[int, list[int]]):
    """A table that notes what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[list[int]] = []

    def __setitem__(self, partition: int, entry: list[int]) -> None:
        self.written.append(entry)
        super().__setitem__(partition, entry)


async def test_the_table_is_written_now_and_then_and_is_level_when_all_is_quiet() -> None:
    log, table = [FIRST, *(frame(n, n) for n in range(1, 9))], _Table()
    writer, faust = Writer(), Faust(log, [], 0)
    lane = make(faust, writer, None, [], Batching(frame_records=1))
    lane._shared = dataclasses.replace(lane._shared, table=table)  # type: ignore[type-var]
    for offset, one in faust.messages():
        lane.offer(SimpleNamespace(ack=_ack), message(offset, one))
    await until(lambda: lane.place == Place(0, 9, 8))
    assert table.written == [[0, 1, 0]], "the first at once, then not for each frame"
    await lane.look(0)
    assert table[0] == [0, 9, 8]
    await lane.look(0)
    assert len(table.written) == 2, "nothing new, nothing written"
    lane.close()
    lane.save()
    assert len(table.written) == 2
