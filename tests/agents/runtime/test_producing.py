"""One producer for all services of a worker, and what becomes of it when one of them fails."""

import asyncio
from typing import Any

import pytest

from penstock.agents.runtime.producing import Producing


class _Producer:
    def __init__(self, refused: bool = False) -> None:
        self.refused, self.state = refused, "new"

    async def start(self) -> None:
        await asyncio.sleep(0)
        if self.refused:
            raise ConnectionRefusedError
        self.state = "started"

    async def stop(self) -> None:
        self.state = "stopped"


@pytest.fixture
def made() -> list[Any]:
    return []


@pytest.fixture
def producing(made: list[Any]) -> Producing:
    def make() -> Any:
        made.append(_Producer())
        return made[-1]

    return Producing(make)


async def test_all_share_one_and_the_last_stops_it(producing: Producing, made: list[Any]) -> None:
    everybody = asyncio.Barrier(3)

    async def service() -> Any:
        async with producing.producer() as producer:
            await everybody.wait()
            return producer

    assert set(await asyncio.gather(*(service() for _ in range(3)))) == {made[0]}
    assert made[0].state == "stopped"
    async with producing.producer() as producer:
        assert producer is made[1]


async def test_one_that_somebody_failed_with_is_given_to_nobody_else(producing: Producing, made: list[Any]) -> None:
    async with producing.producer() as before:
        with pytest.raises(ValueError, match="broken"):
            async with producing.producer() as same:
                assert same is before
                raise ValueError("broken")
        assert before.state == "started", "the others finish with it"  # type: ignore[attr-defined]
        async with producing.producer() as fresh:
            assert fresh is not before
        assert fresh.state == "stopped"  # type: ignore[attr-defined]
    assert [one.state for one in made] == ["stopped", "stopped"]


async def test_one_that_does_not_start_is_stopped_and_tried_anew(made: list[Any]) -> None:
    def make() -> Any:
        made.append(_Producer(refused=not made))
        return made[-1]

    producing = Producing(make)
    with pytest.raises(ConnectionRefusedError):
        async with producing.producer():
            pass
    assert made[0].state == "stopped"
    async with producing.producer() as producer:
        assert producer.state == "started"  # type: ignore[attr-defined]
