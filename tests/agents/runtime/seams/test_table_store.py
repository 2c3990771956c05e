"""A table that was stopped is closed, whatever comes in behind."""

from pathlib import Path
from typing import Any

import pytest
import rocksdict
from faust.types import TP

from penstock.agents.runtime.app import make_app
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.compile import compile_plan
from penstock.model.errors import PenstockError
from penstock.topology.load import loads


@pytest.fixture
def store(tmp_path: Path) -> Any:
    plan = compile_plan(loads('{"name": "t", "stages": ["tag"], "ungoverned": true}', {}))
    (agent,) = plan.agents
    _, table = make_app(Cluster("127.0.0.1:1"), agent, 2, tmp_path / "faust", None, None)  # type: ignore[arg-type]
    return table.data


def _locked(store: Any, partition: int) -> bool:
    try:
        rocksdict.Rdict(str(store.partition_path(partition)), rocksdict.Options(raw_mode=True)).close()
    except Exception as error:
        assert "lock" in str(error), error
        return True
    return False


async def test_an_acknowledgement_behind_the_stop_opens_nothing(store: Any) -> None:
    await store._try_open_db_for_partition(1)
    held = store._dbs[1]
    store.set_persisted_offset(TP("c", 1), 7)
    assert store.persisted_offset(TP("c", 1)) == 7
    assert _locked(store, 1)
    await store.stop()
    store.set_persisted_offset(TP("c", 1), 8)
    assert not _locked(store, 1), f"still open, and {held} is not what keeps it"
    with pytest.raises(PenstockError, match="closed"):
        store._db_for_partition(1)


async def test_an_acknowledgement_behind_a_revocation_opens_nothing(store: Any) -> None:
    store.set_persisted_offset(TP("c", 0), 7)
    assert not store._dbs
    await store._try_open_db_for_partition(0)
    assert store.persisted_offset(TP("c", 0)) is None, "what is read once more is harmless, what is missed is not"
    await store.stop()
