"""What contract tests hand to components: a database, a key, a home, and a stage run on one record."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec import UNSET

from penstock.agents import registry
from penstock.agents.state import Draft
from penstock.cli.demo import networks
from penstock.model.component import ApplyBatch, ApplyState, Enrich, EnrichBatch, EnrichRecord, Resources
from penstock.model.record import Kept, Record
from penstock.model.verdict import Keep, Verdict


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Everything that a component may need of the environment."""
    folder = tmp_path_factory.mktemp("contract")
    return {
        "AF_FAKE_RDNS": "true",  # no test asks a server of the world
        "AI_ENGINE_URL": "http://127.0.0.1:9",  # where nobody answers
        "GEOIP_DATABASE": str(networks.build(folder / "demo.mmdb")),
        "PENSTOCK_HASH_KEY": "0123456789abcdef" * 2,
        "PENSTOCK_HOME": str(folder),
    }


@pytest.fixture(scope="session")
def resources(environ: dict[str, str]) -> Resources:
    return Resources(environ=environ, clock=lambda: 1_736_330_400.0, options={"license": "CC-BY-4.0", "env": "test"})


@pytest.fixture(scope="session")
def sources_folder() -> Path:
    return Path(__file__).parents[2]


def _shown(verdict: Verdict) -> Any:
    if not isinstance(verdict, Keep):
        return verdict
    notes = {name: orjson.loads(note) if isinstance(note, bytes) else note for name, note in verdict.notes.items()}
    return notes if verdict.data is UNSET else {"data": verdict.data, **notes}


@pytest.fixture(scope="session")
def run(environ: dict[str, str]) -> Callable[..., Any]:
    """`run(name, data, **options)`, as in the examples of stages.

    What an enricher adds; of other stages what they note and, where they change it, the ``data``, or the verdict that
    stops the record.
    """

    async def batch(function: Any, records: Sequence[Record]) -> Any:
        (answer,) = await function(records)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        kind, function = registry.build(name, registry.configure(name, options), Resources(environ=environ))
        if kind is Enrich:
            return function(data)
        record = Record(Kept(7, 0, orjson.dumps(data), {}), "t/0/7")
        if kind in (ApplyBatch, EnrichBatch):
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                answer = runner.run(batch(function, [record]))
            return answer if kind is EnrichBatch else _shown(answer)
        if kind is EnrichRecord:
            return function(record)
        if kind is ApplyState:
            return _shown(function(record, Draft()))
        return _shown(function(record))

    return run
