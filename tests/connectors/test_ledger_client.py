"""Events in the ledger: kept in order, signed, and verified as records are, whoever writes beside."""

import asyncio
import base64

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from penstock.connectors.ledger_client import LedgerClient
from penstock.model import ledger
from penstock.model.audit import verify_chain
from penstock.services import ledger as service

CHAIN = "~configurations/acme"


@pytest.fixture
def server(serve, tmp_path):
    return serve(service.create_app(f"sqlite:///{tmp_path}/ledger.db", None))


@pytest.fixture
async def client(server, tmp_path):
    made = LedgerClient.from_environment({"PROV_LEDGER_URL": server.url, "PENSTOCK_HOME": str(tmp_path / "home")})
    yield made
    await made.close()


def kept(server) -> list[ledger.StoredEntry]:
    """The entries of the chain, after the audit has found nothing wrong with it."""

    def asked(path, type, field):
        return msgspec.convert(httpx.get(f"{server.url}/api/v1/{path}").json()[field], list[type])

    entries = asked(f"entries/{CHAIN}?limit=1000", ledger.StoredEntry, "entries")
    heads = asked(f"batches/{CHAIN}?limit=1000", ledger.SignedHead, "batches")
    keys = httpx.get(f"{server.url}/api/v1/keys").json()["keys"]
    public = {key["key_id"]: Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"])) for key in keys}
    assert verify_chain(CHAIN, entries, heads, [], public) == []
    return entries


async def saved(client: LedgerClient, id: str) -> ledger.SignedHead:
    return await client.event(CHAIN, id=id, verdict="kept", stage="configuration", code="saved", content_hash="ab")


async def test_events_stand_in_a_chain_of_their_own(server, client) -> None:
    assert [(await saved(client, f"c@{n}")).first_seq for n in range(3)] == [0, 1, 2]
    entries = kept(server)
    assert [
        (one.entry.seq, one.entry.record_id, one.entry.verdict, one.entry.stage, one.entry.code) for one in entries
    ] == [(n, f"c@{n}", "kept", "configuration", "saved") for n in range(3)]


async def test_writers_side_by_side_lose_nothing(server, client, tmp_path) -> None:
    environ = {"PROV_LEDGER_URL": server.url, "PENSTOCK_HOME": str(tmp_path / "home")}
    others = [LedgerClient.from_environment(environ) for _ in range(3)]
    heads = await asyncio.gather(*(saved(other, f"c@{n}") for n, other in enumerate(others)))
    for other in others:
        await other.close()
    assert {head.first_seq for head in heads} == {0, 1, 2}
    assert sorted(one.entry.record_id for one in kept(server)) == ["c@0", "c@1", "c@2"]
