"""What the tests of the enrichers share: a database, and a stage run on one record as a chain would."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.agents import registry
from penstock.cli.demo import networks
from penstock.model.component import EnrichBatch, Resources
from penstock.model.record import Kept, Record

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return networks.build(tmp_path_factory.mktemp("geoip") / "demo.mmdb")


@pytest.fixture(scope="session")
def record() -> Callable[[dict[str, Any]], Record]:
    """A record with this data, which may be what JSON could not bring."""

    def record(data: dict[str, Any]) -> Record:
        made = Record(Kept(0, 0, b"{}", {}), "t/0/0")
        made._data = data
        return made

    return record


@pytest.fixture
def run(database: Path, record: Callable[[dict[str, Any]], Record]) -> Run:
    """Run the stage called `name` with these options on data; what it adds."""

    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        resources = Resources(environ={"GEOIP_DATABASE": str(database)})
        kind, stage = registry.build(name, registry.configure(name, options), resources)
        if kind is EnrichBatch:
            found = [answer for _ in range(2) for answer in asyncio.run(stage([record(data)]))]
        else:
            found = [stage(record(data)) for _ in range(2)]
        assert found[0] == found[1], "a layout that is known makes no difference"
        return found[0]

    return run
