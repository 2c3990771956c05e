"""Tables that come back from long changelogs: whole, in steps, with what was deleted left out."""

import random
from pathlib import Path

import pytest
import rocksdict

from penstock.agents.runtime.seams import restoring
from penstock.agents.runtime.seams.restoring import LEAST

pytestmark = pytest.mark.integration

KEYS = 5 * LEAST
GOOD = b'{"id":1}'


def _table(home: Path, partition: int) -> dict[bytes, bytes]:
    """What RocksDB holds of a partition's table, Faust's own note aside."""
    (path,) = home.rglob(f"checkpoint-{partition}.db")
    reading = rocksdict.AccessType.read_only()
    database = rocksdict.Rdict(str(path), rocksdict.Options(raw_mode=True), access_type=reading)
    try:
        return {key: value for key, value in database.items() if key != b"__faust\0offset__"}
    finally:
        database.close()


@pytest.mark.parametrize("steps", ["at once", "in many steps"])
async def test_a_long_changelog_is_restored_whole(rig, make_raw, monkeypatch, steps) -> None:
    if steps == "in many steps":
        monkeypatch.setattr(restoring, "STEP_SECONDS", 0.0)
        monkeypatch.setattr(restoring, "_READ_BYTES", 20_000)
    plan = await rig.ensure(rig.plan(raw={"partitions": 2}))
    rig.produce(plan.pipeline.raw_topic, [make_raw(GOOD, partition=n % 2) for n in range(10)])
    await rig.run(plan)
    names = rig.admin.list_topics(timeout=10).topics
    (changelog,) = [name for name in names if name.startswith(rig.name) and name.endswith("-changelog")]
    chance, expected = random.Random(7), {0: {}, 1: {}}
    messages = []
    for number in range(KEYS):
        partition, key = number % 2, b"%d" % (1_000_000 + chance.randrange(KEYS))
        value = None if chance.random() < 0.1 else b"[0,%d,0]" % number
        messages.append(make_raw(value, key, partition))
        if value is None:
            expected[partition].pop(key, None)
        else:
            expected[partition][key] = value
    rig.produce(changelog, messages)

    rig.home = rig.home.with_name("another machine")
    rig.produce(plan.pipeline.raw_topic, [make_raw(GOOD, partition=n % 2) for n in range(10)])
    await rig.run(plan)
    for partition in range(2):
        found = _table(rig.home, partition)
        place = found.pop(b"%d" % partition)
        assert found == expected[partition]
        assert place.startswith(b"[0,10,")
    assert len(rig.read(plan.pipeline.enriched_topic)) == 20
