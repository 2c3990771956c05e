import asyncio
import base64
import stat
from hashlib import sha256

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from penstock.connectors.registry import build_sink, configure_sink
from penstock.model import ledger
from penstock.model.audit import verify_chain
from penstock.model.component import Position, Receipt, Resources
from penstock.model.errors import ConfigurationError, FencedError, ServiceUnreachableError
from penstock.model.http import Backoff
from penstock.model.record import Kept, Lost, Stub
from penstock.services import ledger as service

STREAM = "orders/orders.raw/2"


@pytest.fixture
def server(serve, tmp_path):
    return serve(service.create_app(f"sqlite:///{tmp_path}/ledger.db", None))


@pytest.fixture
async def sink(server, tmp_path):
    made = []

    def build(at=server, **options):
        environ = {"PROV_LEDGER_URL": at.url, "PENSTOCK_HOME": str(tmp_path / "home")}
        there = build_sink("ledger", configure_sink("ledger", options), Resources(environ=environ))
        there.client.backoff = Backoff(first=0.01, longest=0.01)
        made.append(there)
        return there

    yield build
    for there in made:
        await there.close()


def public_keys(server):
    keys = httpx.get(f"{server.url}/api/v1/keys").json()["keys"]
    return {key["key_id"]: Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"])) for key in keys}


def chain(server):
    """The stored entries of the chain, after the audit has found nothing wrong with it."""

    def asked(path, type, field):
        answer = httpx.get(f"{server.url}/api/v1/{path}")
        return msgspec.convert(answer.json()[field], list[type])

    entries = asked(f"entries/{STREAM}?limit=10000", ledger.StoredEntry, "entries")
    heads = asked(f"batches/{STREAM}?limit=10000", ledger.SignedHead, "batches")
    assert verify_chain(STREAM, entries, heads, [], public_keys(server)) == []
    return entries


async def test_every_offset_is_accounted_for(server, sink, batch):
    there = sink()
    assert await there.position(STREAM) is None
    entries = [
        batch.kept(5, license={"id": "CC-BY-4.0"}, pii=[{"category": "phone"}, {"category": "email"}] * 2),
        Stub(6, 7, "denied", "license", "not_allowed", "orders.raw/0/1"),
        Kept(7, 8, None, {}),
        Lost(8, 11),
        Kept(12, 9, b"", {"license": b'{"id":null}'}, claim=f"sha256:{'ab' * 32}:300000"),
        Kept(13, 9, b"{}", {"license": b'{"id":"a\\u0000b"}'}, origin="a\0b"),
    ]
    receipt = await there.write(batch(5, 16, entries, genesis=True))
    assert receipt.written == 6
    assert await there.position(STREAM) == Position(0, 16)
    found = [
        (e.offset, e.last, e.verdict, e.stage, e.code, e.record_id, e.license, e.pii, e.timestamp, e.content_hash)
        for e in (stored.entry for stored in chain(server))
    ]
    data = sha256(b'{"n":5}').hexdigest()
    empty = sha256(b"{}").hexdigest()
    assert found == [
        (5, 5, "kept", "", "", "orders.raw/2/5", "CC-BY-4.0", ("email", "phone"), 1_700_000_000_005, data),
        (6, 6, "denied", "license", "not_allowed", "orders.raw/0/1", "", (), 7, ""),
        (7, 7, "kept", "", "", "orders.raw/2/7", "", (), 8, ""),
        (8, 11, "lost", "", "", "orders.raw/2/8", "", (), 0, ""),
        (12, 12, "kept", "", "", "orders.raw/2/12", "", (), 9, "ab" * 32),
        (13, 13, "kept", "", "", "a\ufffdb", "a\ufffdb", (), 9, empty),
    ]


async def test_the_receipt_has_the_signed_head_in_canonical_json(server, sink, batch):
    receipt = await sink().write(batch(0, 3))
    head = msgspec.json.decode(receipt.head, type=ledger.SignedHead)
    assert receipt.head == msgspec.json.Encoder(order="sorted").encode(head)
    assert ledger.verify_head(head, public_keys(server)[head.key_id])
    assert (head.chain, head.next_seq, head.next_offset) == (STREAM, 3, 3)


async def test_the_same_entries_make_the_same_chain_however_they_are_batched(serve, server, sink, batch, tmp_path):
    await sink().write(batch(0, 30))
    other = serve(service.create_app(f"sqlite:///{tmp_path}/other.db", None))
    there = sink(other)
    for first, next in ((0, 1), (1, 12), (5, 20), (12, 30)):
        await there.write(batch(first, next))
    assert [stored.hash for stored in chain(other)] == [stored.hash for stored in chain(server)]


async def test_repeats_overlaps_and_empty_ranges(server, sink, batch):
    there = sink()
    assert (await there.write(batch(0, 10))).written == 10
    assert await there.write(batch(0, 10)) == Receipt(written=0)
    assert (await sink().write(batch(6, 14))).written == 4
    with pytest.raises(FencedError, match="continued by another"):
        await there.write(batch(10, 12))
    assert (await there.write(batch(14, 20, [Lost(14, 19)]))).written == 1
    assert (await sink().write(batch(18, 22, [Lost(16, 20), batch.kept(21)]))).written == 2
    assert (await there.position(STREAM)) == Position(0, 22)
    assert (await there.write(batch(22, 25, []))).written == 0
    assert (await there.write(batch(25, 26))).written == 1
    offsets = [(stored.entry.offset, stored.entry.last) for stored in chain(server)]
    assert offsets == [*((n, n) for n in range(14)), (14, 19), (20, 20), (21, 21), (25, 25)]


async def test_an_empty_range_is_owed_again_after_a_restart(server, sink, batch):
    there = sink()
    await there.write(batch(0, 2))
    await there.write(batch(2, 5, []))
    successor = sink()
    assert await successor.position(STREAM) == Position(0, 2)
    await successor.write(batch(2, 5, []))
    await successor.write(batch(5, 6))
    assert len(chain(server)) == 3


async def test_holes_and_unknown_starts_are_fenced_and_epochs_start_anew(server, sink, batch):
    there = sink()
    with pytest.raises(FencedError):
        await there.write(batch(5, 6))
    await there.write(batch(5, 6, genesis=True))
    with pytest.raises(FencedError):
        await there.write(batch(7, 8))
    with pytest.raises(FencedError):
        await there.write(batch(3, 4, epoch=1))
    await there.write(batch(0, 4, epoch=1))
    assert (await there.write(batch(6, 9))).written == 0
    assert await there.position(STREAM) == Position(1, 4)
    assert len(chain(server)) == 5


async def test_of_two_writers_that_race_one_is_fenced(server, sink, batch):
    one, two = sink(), sink()
    await one.write(batch(0, 2))
    await two.position(STREAM)
    found = await asyncio.gather(
        one.write(batch(2, 5)), two.write(batch(2, 6)), return_exceptions=True
    )  # other boundaries, so that neither is a repeat of the other
    assert sorted(type(each).__name__ for each in found) == ["FencedError", "Receipt"]
    position = await one.position(STREAM)
    assert await two.position(STREAM) == position
    await two.write(batch(2, 8))
    assert [stored.entry.offset for stored in chain(server)] == [*range(8)]


async def test_the_same_batch_of_two_writers_counts_once(server, sink, batch):
    one, two = sink(), sink()
    heads = [await there.write(batch(0, 5)) for there in (one, two)]
    again = await asyncio.gather(one.write(batch(5, 9)), two.write(batch(5, 9)))
    assert [bool(each.head) for each in heads] == [True, False]
    assert again[0] == again[1]
    assert len(chain(server)) == 9


async def test_a_commit_without_an_answer_is_found_out(server, sink, batch, monkeypatch):
    """The answer of the ledger is lost: the sink is asked again with the same batch, or with a larger one."""
    there = sink()
    await there.write(batch(0, 2))
    original = there.client.request

    async def losing(method, path, **more):
        await original(method, path, **more)
        raise ServiceUnreachableError("the provenance ledger", server.url, cause="ReadError")

    for first, again in ((batch(2, 4), batch(2, 4)), (batch(4, 6), batch(4, 8))):
        monkeypatch.setattr(there.client, "request", losing)
        with pytest.raises(ServiceUnreachableError):
            await there.write(first)
        monkeypatch.undo()
        try:
            await there.write(again)
        except FencedError:
            assert (await there.position(STREAM)).next == 6
            await there.write(again)
    assert [stored.entry.offset for stored in chain(server)] == [*range(8)]


async def test_a_service_that_is_down_is_waited_for(server, sink, batch):
    there = sink()
    await there.write(batch(0, 2))
    server.stop()
    with pytest.raises(ServiceUnreachableError, match="PROV_LEDGER_URL"):
        await there.write(batch(2, 4))
    server.start()
    await there.write(batch(2, 4))
    assert len(chain(server)) == 4


def test_the_key_is_made_once_and_for_its_owner_alone(sink, tmp_path):
    sink()
    path = tmp_path / "home" / "keys" / "ledger.pem"
    pem = path.read_bytes()
    sink()
    assert path.read_bytes() == pem
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_is_named_must_be_there(tmp_path):
    missing = str(tmp_path / "typo.pem")
    with pytest.raises(ConfigurationError, match="there is no signing key"):
        build_sink("ledger", configure_sink("ledger", {"key_file": missing}), Resources())
    with pytest.raises(ConfigurationError, match="PENSTOCK_SIGNING_KEY_FILE"):
        build_sink("ledger", configure_sink("ledger", {}), Resources(environ={"PENSTOCK_SIGNING_KEY_FILE": missing}))
    ledger.load_or_create_key(tmp_path / "named.pem")
    build_sink("ledger", configure_sink("ledger", {"key_file": str(tmp_path / "named.pem")}), Resources())
