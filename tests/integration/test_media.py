"""The demo of media on a real Kafka: pictures, PDFs and speech become text, are governed, reach graph and ledger."""

import time
from pathlib import Path
from typing import Any

import pytest

from penstock.agents.runtime.messages import read_all
from penstock.cli.demo import media, play
from penstock.services import host

pytestmark = pytest.mark.integration

RECORDS, SEED = 16, 7


@pytest.fixture
def services(home: Path, kafka: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("DATABASE_URL", *host.VARIABLES.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka)
    yield
    host.stop(home)


@pytest.mark.timeout(180)
async def test_media_are_read_governed_and_brought_to_graph_and_ledger(services: Any, tmp_path: Path) -> None:
    manifest = media.generate(tmp_path / "again", RECORDS, SEED)
    began = time.monotonic()
    outcome, scene = await play.play("media", RECORDS, SEED, None, keep=True, quiet=True, say=lambda _: None)
    assert time.monotonic() - began < 90
    assert outcome.good
    assert (outcome.read, outcome.denied, outcome.enriched) == (RECORDS, manifest.denied, RECORDS - manifest.denied)
    assert outcome.dead_lettered == outcome.quarantined == outcome.unaccounted == 0
    assert outcome.read_out == outcome.enriched - sum(outcome.failed.values())
    assert sum(outcome.failed.values()) == manifest.broken
    assert outcome.pii["email"] and outcome.pii["phone"]
    assert outcome.graph_entities > RECORDS / 2

    topic = scene.pipeline.enriched_topic
    values = [m.value async for batch in read_all(scene.cluster, topic, range(2)) for m in batch]
    everything = b"\n".join(values).decode()
    assert "The parcel has not arrived" in everything
    assert "might even have been made" in everything
    assert [planted for planted in manifest.planted if planted in everything] == []
    assert '"removed_tags":["' in everything, "EXIF data was there to be taken out"
    for clean in (Path(scene.environ["DEMO_DATA"]) / "clean").rglob("*.jpg"):
        assert b"Example Cameras" not in clean.read_bytes()
