"""Asking for a topic's id: how often, and how old an answer may be."""

import asyncio
from typing import Any

import pytest

from penstock.agents.runtime import topic_ids
from penstock.agents.runtime.topic_ids import TopicId


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list["asyncio.Future[str]"]:
    """The requests that were sent, to be answered by the test."""
    sent: list[asyncio.Future[str]] = []

    async def topic_id(producer: Any, name: str) -> str:
        sent.append(asyncio.get_running_loop().create_future())
        return await sent[-1]

    monkeypatch.setattr(topic_ids, "topic_id", topic_id)
    return sent


async def _turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_those_who_ask_together_share_a_request_and_who_comes_later_has_a_later_one(asked: list[Any]) -> None:
    raw = TopicId(None, "orders.raw")
    first = [asyncio.create_task(raw.now()) for _ in range(4)]
    await _turns()
    assert len(asked) == 1
    late = asyncio.create_task(raw.now())
    await _turns()
    assert len(asked) == 2, "what is under way may have been answered before this was asked"
    asked[0].set_result("old")
    asked[1].set_result("new")
    assert await asyncio.gather(*first, late) == ["old"] * 4 + ["new"]


async def test_one_that_is_cancelled_takes_the_answer_from_nobody(asked: list[Any]) -> None:
    raw = TopicId(None, "orders.raw")
    gone, there = asyncio.create_task(raw.now()), asyncio.create_task(raw.now())
    await _turns()
    gone.cancel()
    await _turns()
    asked[0].set_result("id")
    assert await there == "id"


async def test_a_request_that_fails_fails_for_all_who_shared_it_and_for_nobody_else(asked: list[Any]) -> None:
    raw = TopicId(None, "orders.raw")
    tasks = [asyncio.create_task(raw.now()) for _ in range(2)]
    await _turns()
    asked[0].set_exception(ConnectionError("gone"))
    for task in tasks:
        with pytest.raises(ConnectionError):
            await task
    again = asyncio.create_task(raw.now())
    await _turns()
    asked[1].set_result("id")
    assert await again == "id"
