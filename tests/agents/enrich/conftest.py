"""What the tests of the enrichers share: a database, and a stage run on one record as a chain would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.agents import registry
from penstock.cli.demo import networks
from penstock.model.component import Resources

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return networks.build(tmp_path_factory.mktemp("geoip") / "demo.mmdb")


@pytest.fixture
def run(database: Path) -> Run:
    """Run the stage called `name` with these options on data; what it adds."""

    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        resources = Resources(environ={"GEOIP_DATABASE": str(database)})
        return registry.build(name, registry.configure(name, options), resources)[1](data)

    return run
