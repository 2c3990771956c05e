import asyncio

import httpx
import orjson
import pytest

from penstock.connectors.registry import build_sink, configure_sink
from penstock.model.component import Position, Receipt, Resources
from penstock.model.errors import FencedError, ServiceUnreachableError
from penstock.model.http import Backoff
from penstock.model.record import Kept, Lost, Stub
from penstock.services import graph

STREAM = "orders/orders.raw/2"


@pytest.fixture
def server(serve, tmp_path):
    return serve(graph.create_app(f"sqlite:///{tmp_path}/graph.db", "s3cret"))


@pytest.fixture
async def sink(server):
    made = []

    def build():
        environ = {"GRAPH_API_URL": server.url, "PENSTOCK_API_TOKEN": "s3cret"}
        there = build_sink("graph", configure_sink("graph", {}), Resources(tenant="default", environ=environ))
        there.client.backoff = Backoff(first=0.01, longest=0.01)
        made.append(there)
        return there

    yield build
    for there in made:
        await there.close()


def asked(server, path):
    return httpx.get(f"{server.url}/api/v1/{path}", headers={"Authorization": "Bearer s3cret"}).json()


def person(kept, offset, name="Ann"):
    return kept(offset, entities=[{"type": "Person", "key": name, "properties": {"seen": offset}}])


@pytest.fixture
def people(batch):
    return lambda first, next, **more: batch(first, next, make=lambda offset: person(batch.kept, offset), **more)


async def test_entities_relations_and_deletions_arrive_and_the_rest_only_moves_the_position(server, sink, batch):
    there = sink()
    assert await there.position(STREAM) is None
    knows = {"type": "knows", "from": {"type": "Person", "key": "Ann"}, "to": {"type": "Person", "key": "Bob"}}
    entries = [
        person(batch.kept, 5),
        batch.kept(6, entities=[{"type": "Person", "key": "Bob"}], relations=[knows], tenant="acme"),
        batch.kept(7),
        batch.kept(8, entities=[], relations=[], tenant=None),
        Stub(9, 0, "dropped", "dedup", "duplicate"),
        Lost(10, 11),
    ]
    assert await there.write(batch(5, 13, entries, genesis=True)) == Receipt(written=2)
    assert await there.position(STREAM) == Position(0, 13)
    assert asked(server, "stats") == {"entities": {"Person": 2}, "relations": {"knows": 1}, "records": 2}
    assert asked(server, "entities?key=Ann")[0]["tenant"] == "default"
    assert asked(server, "records/orders.raw/2/6")["tenant"] == "acme"

    replayed = Kept(13, 0, b"{}", {}, origin="orders.raw/2/6")
    deleted = Kept(14, 0, None, {}, origin="orders.raw/2/5")
    assert await there.write(batch(13, 15, [replayed, deleted])) == Receipt(written=2)
    assert asked(server, "stats")["entities"] == {}


async def test_repeats_and_overlaps_change_nothing(server, sink, people):
    there = sink()
    assert (await there.write(people(0, 10))).written == 10
    assert (await there.write(people(0, 10))).written == 0
    assert (await sink().write(people(6, 14))).written == 4
    assert (await there.write(people(14, 20, entries=[]))).written == 0
    assert (await there.write(people(20, 21))).written == 1
    assert asked(server, "stats")["records"] == 15


async def test_holes_are_fenced(sink, people):
    there = sink()
    with pytest.raises(FencedError, match="before 5"):
        await there.write(people(5, 6))
    await there.write(people(5, 6, genesis=True))
    with pytest.raises(FencedError):
        await there.write(people(7, 8))
    with pytest.raises(FencedError):
        await there.write(people(3, 4, epoch=1))
    await there.write(people(0, 4, epoch=1))
    assert await there.position(STREAM) == Position(1, 4)


async def test_writers_that_race_write_each_record_once(server, sink, people):
    """Whoever is behind is told by a position further on, or by less that was written."""

    async def run(there, size):
        written = 0
        while (position := await there.position(STREAM)) is None or position.next < 60:
            first = position.next if position else 0
            written += (await there.write(people(first, min(60, first + size)))).written
        return written

    assert sum(await asyncio.gather(run(sink(), 4), run(sink(), 7), run(sink(), 5))) == 60
    assert asked(server, "stats")["records"] == 60


async def test_a_service_that_is_down_is_waited_for(server, sink, people):
    there = sink()
    await there.write(people(0, 2))
    server.stop()
    with pytest.raises(ServiceUnreachableError, match="GRAPH_API_URL"):
        await there.write(people(2, 4))
    server.start()
    assert (await there.write(people(2, 4))).written == 2


async def test_a_commit_without_an_answer_is_found_out(server, sink, people):
    """The worker dies after the service has committed; its successor asks and goes on, or just writes again."""
    there = sink()
    await there.write(people(0, 2))
    write = asyncio.create_task(there.write(people(2, 4)))
    await asyncio.sleep(0)
    write.cancel()
    await asyncio.gather(write, return_exceptions=True)
    successor = sink()
    position = await successor.position(STREAM)
    assert position.next in (2, 4)
    await successor.write(people(2, 6))
    await successor.write(people(2, 6))
    assert asked(server, "stats")["records"] == 6
    assert asked(server, "entities?key=Ann")[0]["properties"] == {"seen": 5}


async def test_a_batch_is_what_the_notes_say_byte_for_byte(sink, batch, monkeypatch):
    there, sent = sink(), []

    async def request(method, path, *, content, headers):
        sent.append(content)
        return httpx.Response(200, json={"applied": 1})

    monkeypatch.setattr(there.client, "request", request)
    await there.write(batch(0, 1, [Kept(0, 0, b"{}", {"entities": b'[{"type":"A","key":"1.10"}]'}, origin='a"b')]))
    assert sent == [
        b'{"stream":"orders/orders.raw/2","epoch":0,"first":0,"next":1,"genesis":true,"records":['
        b'{"id":"a\\"b","offset":0,"tenant":"default","deleted":false,'
        b'"entities":[{"type":"A","key":"1.10"}],"relations":[]}]}'
    ]
    assert orjson.loads(sent[0])
