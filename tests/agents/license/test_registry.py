"""The registry's client against the reference registry: conditions, how long answers hold, signatures."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, Request, Response

from penstock.agents.license import _registry
from penstock.agents.license._registry import Registry
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError, ServiceUnreachableError
from penstock.model.http import Backoff, ServiceClient
from penstock.model.license import Use
from penstock.services import licenses

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
OPEN = {"name": "Mine", "category": "permissive", "allow": ["ingest"], "duties": []}


class Time:
    """The clock of registry and client."""

    now = datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


class Rig:
    """A reference registry whose answers a test may change, and clients of it."""

    def __init__(self, serve: Callable[..., str], database: str, key: Ed25519PrivateKey | None) -> None:
        self.clock = Time()
        self.asked: list[str] = []
        self.change: Callable[[bytes], bytes] = lambda body: body
        app = licenses.create_app(database, None, now=lambda: datetime.fromtimestamp(self.clock.now, UTC), key=key)
        self._watch(app)
        self.url = serve(app)

    def _watch(self, app: FastAPI) -> None:
        @app.middleware("http")
        async def watch(request: Request, call_next: Any) -> Response:
            answer = await call_next(request)
            body = b"".join([part async for part in answer.body_iterator])
            if "/check" in request.url.path and request.method in ("GET", "POST"):
                self.asked.append(f"{request.method} {answer.status_code}")
                body = self.change(body)
            headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
            return Response(body, answer.status_code, headers)

    def client(self, use: Use = Use(), seconds: float = 300, **environ: str) -> Registry:  # noqa: B008 # it is frozen
        environ = {"LICENSE_REGISTRY_URL": self.url, **environ}
        return Registry(Resources(environ=environ, clock=self.clock, tenant="acme"), use, seconds)

    def put(self, id: str, **terms: Any) -> None:
        httpx.put(f"{self.url}/api/v1/licenses/{id}", json={**OPEN, **terms}).raise_for_status()

    def grant(self, id: str, operation: str, tenant: str) -> None:
        body = {"license_id": id, "operation": operation, "tenant_id": tenant, "reason": "because"}
        appeal = httpx.post(f"{self.url}/api/v1/appeals", json=body).json()
        httpx.post(f"{self.url}{appeal['url']}/decision", json={"decision": "granted"}).raise_for_status()


@pytest.fixture
def make(serve: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rig]:
    defaults = {**ServiceClient.__init__.__kwdefaults__, "backoff": Backoff(first=0.001), "retries": 0}
    monkeypatch.setattr(ServiceClient.__init__, "__kwdefaults__", defaults)
    return lambda key=None: Rig(serve, f"sqlite:///{tmp_path}/licenses.db", key)


async def test_what_was_known_is_looked_at_again_with_its_name(make: Callable[..., Rig]) -> None:
    rig = make()
    client = rig.client()
    first, _ = await client.findings(["MIT", "What-1.0"])
    assert rig.asked == ["POST 200"] and first["MIT"].version == 1
    rig.clock.now += 301
    again, until = await client.findings(["MIT", "What-1.0"])
    assert again == first and until == rig.clock.now + 300
    assert rig.asked[1:] == ["GET 304", "GET 304"]
    rig.put("What-1.0")
    rig.clock.now += 301
    changed, _ = await client.findings(["MIT", "What-1.0"])
    assert (changed["MIT"], changed["What-1.0"].decision) == (first["MIT"], "allow")
    assert sorted(rig.asked[3:]) == ["GET 200", "GET 304"]
    await client.findings(["MIT", "What-1.0"])
    assert len(rig.asked) == 5, "and holds again"


async def test_many_are_asked_for_together_although_known(make: Callable[..., Rig], monkeypatch: Any) -> None:
    monkeypatch.setattr(_registry, "_MOST_CHECKED", 2)
    rig = make()
    client = rig.client()
    for _ in range(2):
        await client.findings(["MIT", "ISC", "CC0-1.0"])
        rig.clock.now += 301
    assert rig.asked == ["POST 200", "POST 200"]


async def test_a_registry_that_cannot_be_asked_for_one_is_asked_for_all(make: Callable[..., Rig]) -> None:
    rig = make()
    client = rig.client()
    client._old[_registry._Id("acme", "bad/id")] = _registry.Finding("allow", etag="old")
    found, _ = await client.findings(["bad/id"])
    assert found["bad/id"].decision == "unknown" and rig.asked[-1] == "POST 200"


async def test_an_answer_holds_as_long_as_the_registry_says(make: Callable[..., Rig]) -> None:
    rig = make()
    rig.clock.now = datetime(2024, 5, 1, 23, 59, 50, tzinfo=UTC).timestamp()
    rig.put("What-1.0", valid_until="2024-05-01")
    client = rig.client()
    found, until = await client.findings(["What-1.0"])
    assert found["What-1.0"].decision == "allow" and until == rig.clock.now + 10
    rig.clock.now += 10
    found, _ = await client.findings(["What-1.0"])
    assert found["What-1.0"].reason == "expired"


async def test_use_and_tenant_are_part_of_the_question(make: Callable[..., Rig]) -> None:
    rig = make()
    rig.put("What-1.0", regions=["EU"], purposes=["fraud"])
    found, _ = await rig.client(Use("ingest", "US", "ads")).findings(["What-1.0"])
    assert [violation.code for violation in found["What-1.0"].violations] == ["region_denied", "purpose_denied"]
    rig.grant("What-1.0", "train", "other")
    client = rig.client(Use("train", "DE", "fraud"))
    assert (await client.findings(["What-1.0"]))[0]["What-1.0"].decision == "unknown"
    assert (await client.findings(["What-1.0"], "other"))[0]["What-1.0"].decision == "allow"


# Signatures


@pytest.mark.parametrize("name", ["LICENSE_REGISTRY_PUBLIC_KEY", "LICENSE_REGISTRY_PUBLIC_KEY_FILE"])
async def test_what_the_key_signed_counts(make: Callable[..., Rig], tmp_path: Any, name: str) -> None:
    (tmp_path / "key").write_text(PUBLIC)
    rig = make(KEY)
    client = rig.client(Use("ingest", "DE"), **{name: PUBLIC if name.endswith("KEY") else str(tmp_path / "key")})
    for _ in range(2):
        assert (await client.findings(["MIT"]))[0]["MIT"].decision == "allow"
        rig.clock.now += 301
    assert rig.asked == ["POST 200", "POST 200"], "a 304 is signed by nobody"


def _without(body: bytes) -> bytes:
    return json.dumps({name: value for name, value in json.loads(body).items() if name != "signature"}).encode()


@pytest.mark.parametrize(
    "change",
    [_without, lambda body: body.replace(b'"unknown"', b'"allow"'), lambda body: b"[]", lambda body: b"{}",
     lambda body: body.replace(b'"operation":"ingest"', b'"operation":"export"')],
)  # fmt: skip
async def test_what_is_not_signed_is_refused(make: Callable[..., Rig], change: Callable[[bytes], bytes]) -> None:
    rig = make(KEY)
    rig.change = change
    with pytest.raises(ServiceUnreachableError, match="not signed"):
        await rig.client(LICENSE_REGISTRY_PUBLIC_KEY=PUBLIC).findings(["What-1.0"])
    rig.change = lambda body: body
    assert (await rig.client(LICENSE_REGISTRY_PUBLIC_KEY=PUBLIC).findings(["MIT"]))[0]["MIT"].decision == "allow"


async def test_an_unsigned_registry_is_refused_where_a_key_is_set(make: Callable[..., Rig]) -> None:
    with pytest.raises(ServiceUnreachableError, match="LICENSE_REGISTRY_PUBLIC_KEY"):
        await make().client(LICENSE_REGISTRY_PUBLIC_KEY=PUBLIC).findings(["MIT"])


async def test_a_good_answer_is_none_to_another_question_nor_later(make: Callable[..., Rig]) -> None:
    rig = make(KEY)
    kept: list[bytes] = []

    def keep(body: bytes) -> bytes:
        kept.append(body)
        return body

    rig.change = keep
    environ = {"LICENSE_REGISTRY_PUBLIC_KEY": PUBLIC}
    await rig.client(**environ).findings(["MIT"])
    rig.change = lambda body: kept[0]
    await rig.client(**environ).findings(["MIT"])
    for use, id, tenant, more in (
        (Use("export"), "MIT", "", {}), (Use("ingest", "DE"), "MIT", "", {}), (Use("ingest", "", "ads"), "MIT", "", {}),
        (Use(), "ISC", "", {}), (Use(), "MIT", "other", {}), (Use(), "MIT", "", {"AUTHORITY_ID": "somebody"}),
    ):  # fmt: skip
        with pytest.raises(ServiceUnreachableError, match="another question"):
            await rig.client(use, **environ, **more).findings([id], tenant)
    rig.clock.now += 301
    with pytest.raises(ServiceUnreachableError, match="old one"):
        await rig.client(**environ).findings(["MIT"])


def test_a_key_that_is_none(tmp_path: Any) -> None:
    for environ in (
        {"LICENSE_REGISTRY_PUBLIC_KEY": "sesame"},
        {"LICENSE_REGISTRY_PUBLIC_KEY_FILE": str(tmp_path / "nothing")},
    ):
        with pytest.raises(ConfigurationError, match="LICENSE_REGISTRY_PUBLIC_KEY"):
            Registry(Resources(environ=environ), Use(), 300)
