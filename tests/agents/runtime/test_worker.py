"""What the supervisor of a worker's services makes of how they end."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.metrics import REGISTRY
from penstock.agents.runtime.worker import MOST_RESTARTS, Worker
from penstock.model.component import Event
from penstock.model.errors import BrokerUnreachableError, HoleError
from penstock.topology.plan import plan
from penstock.topology.spec import Pipeline


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    made = plan(Pipeline.model_validate({"name": "orders"}))
    return Worker(Cluster("127.0.0.1:1"), made, {}, tmp_path, [], [])


async def _lost() -> None:
    """Await a task that somebody else cancels, as aiokafka does with its own where a connection is lost."""
    task = asyncio.create_task(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


async def test_the_end_of_a_clients_own_task_is_a_failure_and_not_an_order_to_stop(worker: Worker) -> None:
    stop = asyncio.Event()
    lives = []

    async def service(stop: asyncio.Event) -> None:
        lives.append(1)
        if len(lives) == 1:
            await _lost()
        stop.set()

    await asyncio.wait_for(worker._supervise("ingest", service, stop), 20)
    assert len(lives) == 2


async def test_an_order_to_stop_stops(worker: Worker) -> None:
    started = asyncio.Event()

    async def service(stop: asyncio.Event) -> None:
        started.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(worker._supervise("ingest", service, asyncio.Event()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_consumer_that_loses_its_tasks_still_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Part:
        def __init__(self, name: str, lost: bool = False) -> None:
            self.name, self.lost = name, lost

        async def close(self) -> None:
            closed.append(self.name)
            if self.lost:
                await _lost()

    consumer: Any = Cluster("127.0.0.1:1").reader()
    consumer._coordinator, consumer._fetcher, consumer._client = (
        Part("group", lost=True),
        Part("fetcher"),
        Part("client"),
    )
    await consumer.stop()
    assert closed == ["group", "fetcher", "client"]


def test_what_stages_report_is_counted_and_logged(worker: Worker) -> None:
    with structlog.testing.capture_logs() as logged:
        worker.resources.report(Event("schema_drift", "the schema of acme:orders drifted"))
    assert [(one["event"], one["code"]) for one in logged] == [("the schema of acme:orders drifted", "schema_drift")]
    assert REGISTRY.get_sample_value("penstock_events_total", {"pipeline": "orders", "event": "schema_drift"}) == 1


def _failing(errors: list[Exception], stop: asyncio.Event) -> Any:
    """A service that meets one error after the other, then is told to stop."""
    left = list(errors)

    async def service(_: asyncio.Event) -> None:
        if left:
            raise left.pop(0)
        stop.set()

    return service


def _wrapped() -> Exception:
    """What aiokafka makes of a lost connection in its sender."""
    error = KafkaError("Unexpected error during batch delivery")
    error.__cause__ = KafkaConnectionError("closed")
    return error


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        assert seconds <= 10

    monkeypatch.setattr("penstock.agents.runtime.worker.asyncio.sleep", at_once)


@pytest.mark.parametrize(
    "error",
    [
        KafkaConnectionError(),
        NodeNotReadyError(),
        _wrapped(),
        ConnectionRefusedError(),
        BrokerUnreachableError("K", "h"),
    ],
    ids=["connection", "node", "wrapped", "socket", "ours"],
)
async def test_a_broker_that_is_away_is_waited_for_however_long_it_takes(
    worker: Worker, patient: None, error: Exception
) -> None:
    stop = asyncio.Event()
    await worker._supervise("ingest", _failing([error] * 3000, stop), stop)
    assert stop.is_set()


async def test_what_fails_again_and_again_for_another_reason_is_given_up(worker: Worker, patient: None) -> None:
    stop = asyncio.Event()
    errors = [HoleError("a hole"), KafkaConnectionError()] * MOST_RESTARTS
    with pytest.raises(HoleError):
        await worker._supervise("ingest", _failing(errors, stop), stop)
    assert not stop.is_set()
