"""Rooms: whatever a job does to its process, it fails alone, is told why, and the next one is done."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock.model.errors import EnrichmentError
from penstock.model.room import Room, RoomOptions, room_for

JOBS = """
    import os, resource, signal, sys, time, ctypes
    from penstock.model.errors import EnrichmentError
    def echo(data, **options): return [data, options, os.getpid()]
    def environment(data): return dict(os.environ)
    def limits(data):
        return [resource.getrlimit(x) for x in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)]
    def loud(data): print("x" * 100_000); os.write(1, b"y" * 100_000); print("z", file=sys.stderr); return len(data)
    def refuse(data): raise EnrichmentError("truncated", "too short")
    def fail(data): raise ValueError(data.decode())
    def spin(data):
        while True: pass
    def sleep(data): time.sleep(600)
    def crash(data): os.kill(os.getpid(), signal.SIGSEGV)
    def die(data): os.kill(os.getpid(), signal.SIGKILL)
    def lack(data): import no_such_library
    def session(data): return [os.getsid(0), os.getpid()]
    def leave(data): os._exit(0)
    def fill(data): return len(bytearray(1 << 40))
    def hoard(data):
        kept = []
        while True: kept.append(bytearray(1 << 24))
    def recurse(data): return recurse(data)
    def write(data):
        with open(data.decode(), "wb") as file: file.write(b"x" * 10)
    def nonsense(data):
        for fd in range(3, 64):
            try: os.write(fd, b"\\xff" * 8)
            except OSError: pass
    def odd(data): return object()
    def descriptors(data): return len(os.listdir("/proc/self/fd"))
"""
SMALL = RoomOptions(processes=2, job_memory_bytes=1 << 29, job_cpu_seconds=1, job_seconds=5)


@pytest.fixture(scope="module", autouse=True)
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "jobs_of_tests.py").write_text(textwrap.dedent(JOBS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("PENSTOCK_API_TOKEN", "s3cret")
        yield str(folder)


@pytest.fixture(scope="module")
def room(jobs: str) -> Iterator[Room]:
    room = Room(SMALL)
    yield room
    room.close()
    assert room.processes() == []


async def failed(room: Room, name: str, data: bytes = b"") -> str:
    with pytest.raises(EnrichmentError) as caught:
        await room.run(f"jobs_of_tests:{name}", data)
    assert "canary" not in str(caught.value)
    return caught.value.reason


def gone(*pids: int) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_a_job_is_done_elsewhere_and_the_process_stays_warm(room: Room) -> None:
    found = [await room.run("jobs_of_tests:echo", bytes([n]) * n, n=n) for n in range(5)]
    assert [answer[:2] for answer in found] == [[bytes([n]) * n, {"n": n}] for n in range(5)]
    assert len({answer[2] for answer in found}) <= 2 and os.getpid() not in {answer[2] for answer in found}


async def test_much_data_and_many_at_once(room: Room) -> None:
    data = os.urandom(1 << 20) * 8
    found = await asyncio.gather(*(room.run("jobs_of_tests:echo", data[n:]) for n in range(12)))
    assert [len(answer[0]) for answer in found] == [len(data) - n for n in range(12)]
    assert len({answer[2] for answer in found}) == 2


@pytest.mark.parametrize(
    ("name", "why"),
    [("refuse", "truncated"), ("fail", "malformed"), ("recurse", "malformed"), ("sleep", "timeout"),
     ("crash", "crashed"), ("die", "killed"),
     ("lack", "unavailable"), ("leave", "crashed"), ("fill", "out_of_memory"),
     ("hoard", "out_of_memory"), ("nonsense", "crashed"), ("no_such_job", "malformed")],
)  # fmt: skip
async def test_a_failure_is_one_jobs_alone(room: Room, name: str, why: str) -> None:
    bad, *good = await asyncio.gather(
        failed(room, name, b"canary"), *(room.run("jobs_of_tests:echo", bytes([n])) for n in range(4))
    )
    assert bad == why
    assert [answer[0] for answer in good] == [bytes([n]) for n in range(4)]


async def test_a_job_has_so_much_time_of_the_processor(jobs: str) -> None:
    room = Room(SMALL.model_copy(update={"job_seconds": 90.0}))  # a second of processor may take long to get
    try:
        assert await failed(room, "spin", b"canary") == "cpu_limit"
        assert (await room.run("jobs_of_tests:echo", b"a"))[0] == b"a"
    finally:
        room.close()


async def test_files_cannot_be_written(room: Room, tmp_path: Path) -> None:
    path = tmp_path / "written"
    assert await failed(room, "write", str(path).encode()) == "malformed"
    assert path.stat().st_size == 0


async def test_an_answer_that_is_none_ends_the_process_only(room: Room) -> None:
    assert await failed(room, "odd") in ("malformed", "crashed")
    assert (await room.run("jobs_of_tests:echo", b"x"))[0] == b"x"


async def test_what_is_printed_is_no_answer(room: Room) -> None:
    assert await room.run("jobs_of_tests:loud", b"abc") == 3


async def test_a_child_knows_no_secrets_and_has_no_files(room: Room) -> None:
    assert "s3cret" not in str(await room.run("jobs_of_tests:environment", b""))
    with open(__file__) as held:  # noqa: PTH123, ASYNC230  # a descriptor that must not be inherited
        assert held.fileno() > 2
        assert await room.run("jobs_of_tests:descriptors", b"") < 12


async def test_a_child_sees_the_variables_that_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_FOLDER", "/models")
    room = Room(SMALL, ("MODEL_FOLDER",), threads=3)
    found = await room.run("jobs_of_tests:environment", b"")
    assert (found["MODEL_FOLDER"], found["OMP_NUM_THREADS"]) == ("/models", "3")
    await asyncio.to_thread(room.close)


async def test_an_interrupt_in_a_terminal_is_not_for_children(room: Room) -> None:
    leader, child = await room.run("jobs_of_tests:session", b"")
    assert leader == child


async def test_limits_are_set(room: Room) -> None:
    found = await room.run("jobs_of_tests:limits", b"")
    assert found == [[1 << 29, 1 << 29], [0, 0], [0, 0]]


async def test_a_child_that_was_killed_while_idle_is_replaced(room: Room) -> None:
    await asyncio.gather(*(room.run("jobs_of_tests:echo", b"") for _ in range(4)))
    for pid in room.processes():
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: gone(pid))
    assert (await room.run("jobs_of_tests:echo", b"x"))[0] == b"x"


async def test_a_child_is_replaced_after_many_jobs(room: Room, monkeypatch: Any) -> None:
    monkeypatch.setattr("penstock.model.room._MOST_JOBS", 3)
    pids = [(await room.run("jobs_of_tests:echo", b""))[2] for _ in range(10)]
    assert len(set(pids)) >= 3


def test_another_event_loop_finds_the_same_children(room: Room) -> None:
    pids = {asyncio.run(room.run("jobs_of_tests:echo", b""))[2] for _ in range(4)}
    assert len(pids) <= 2


def test_stages_with_the_same_options_share_a_room() -> None:
    class More(RoomOptions):
        other: int = 1

    assert room_for(RoomOptions()) is room_for(More(other=2)) is not room_for(RoomOptions(processes=3))


def test_children_end_with_their_parent_in_the_middle_of_a_job(jobs: str) -> None:
    script = """
        import asyncio
        from penstock.model.room import Room, RoomOptions
        async def main():
            room = Room(RoomOptions(processes=2, job_seconds=600, job_cpu_seconds=600))
            for _ in range(2):
                asyncio.ensure_future(room.run("jobs_of_tests:spin", b""))
            while len(room.processes()) < 2:
                await asyncio.sleep(0.01)
            print(*room.processes(), flush=True)
            await asyncio.sleep(600)
        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": jobs}) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2 and all(psutil.pid_exists(pid) for pid in pids)
        parent.kill()
    until(lambda: gone(*pids))
