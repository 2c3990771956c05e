"""A fetcher ends when it is closed, whatever its routine is doing in that moment."""

import asyncio
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.structs import TopicPartition

from penstock.agents.runtime import cluster

FIRST, NEXT = TopicPartition("t", 0), TopicPartition("t", 1)


class Brokerless(AIOKafkaClient):  # type: ignore[misc] # aiokafka ships no types
    """A client that knows one leader of everything, which answers no fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster.leader_for_partition = lambda tp: 1

    async def send(self, node: int, request: Any, **options: Any) -> Any:
        await asyncio.Event().wait()


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def _assign(subscriptions: SubscriptionState, tp: TopicPartition) -> None:
    subscriptions.assign_from_user([tp])
    subscriptions.subscription.assignment.state_value(tp).seek(0)


async def _closed(fetcher: Fetcher) -> None:
    """Fails where it takes long; `wait_for` would have its cancellation suppressed as well."""
    closing = asyncio.create_task(fetcher.close())
    await asyncio.wait({closing}, timeout=5)
    assert closing.done(), "it does not close"
    closing.result()


@pytest.mark.parametrize("turns", range(8))
async def test_it_ends_in_the_middle_of_giving_up_what_it_was_reading(turns: int) -> None:
    assert cluster.sure_close, "importing the cluster installs it"
    subscriptions = SubscriptionState()
    fetcher = Fetcher(Brokerless(), subscriptions)
    _assign(subscriptions, FIRST)
    await _turns(5)
    assert fetcher._pending_tasks, "nothing is being read"
    _assign(subscriptions, NEXT)
    await _turns(turns)
    waiter = fetcher._create_fetch_waiter()
    await _closed(fetcher)
    assert fetcher._fetch_task.done()
    assert all(task.done() for task in fetcher._pending_tasks)
    assert waiter.done(), "whoever waits for records is told"


async def test_a_routine_that_failed_does_not_keep_it_from_closing() -> None:
    subscriptions = SubscriptionState()
    fetcher = Fetcher(Brokerless(), subscriptions)
    fetcher._get_actions_per_node = lambda assignment: 1 / 0
    _assign(subscriptions, FIRST)
    await _turns(5)
    assert fetcher._fetch_task.done()
    await _closed(fetcher)
