"""Erasure on a live stream: every topic but those in front of redaction, and the vault, searched for a person."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from penstock.agents.redact._recognizer import RECOGNIZERS, load
from penstock.agents.redact._reveal import reveal
from penstock.agents.redact._subject import subjects_of
from penstock.model import keyring
from penstock.stores.vault import Vault, vault_url

pytestmark = pytest.mark.integration

ANN, BOB = "ann.canary@example.com", "bob.canary@example.com"
STAGES = ["tag", {"redact": {"policy": {"email": "tokenize", "phone": "encrypt"}, "subject": ["user.id"]}}, "map"]


def _data(person: int, email: str) -> dict[str, Any]:
    return {"user": {"id": f"c-{person}", "email": email}, "message": f"{email} calls from +1 415 555 267{person}"}


async def test_after_an_erasure_nothing_in_any_store_tells_of_the_person(rig, make_raw, tmp_path: Path) -> None:
    rig.environ["VAULT_URL"] = f"sqlite:///{tmp_path / 'vault' / 'vault.db'}"
    plan = await rig.ensure(rig.plan(stages=STAGES, chain="topics"))
    now = int(time.time() * 1000)

    def produce(timestamp: int) -> None:
        people = [(number % 2, (ANN, BOB)[number % 2]) for number in range(20)]
        rig.produce(
            plan.pipeline.raw_topic,
            [make_raw(json.dumps(_data(*one)).encode(), one[1].encode(), 0, timestamp, []) for one in people],
        )

    produce(now)
    await rig.run(plan)
    keys = keyring.load(rig.environ)
    vault = Vault(vault_url(rig.environ), keys)
    before = [message.json["data"] for message in rig.read(plan.pipeline.enriched_topic)]
    assert reveal(before, vault) == ([_data(n % 2, (ANN, BOB)[n % 2]) for n in range(20)], 3 * 20, [])

    recognizers = [load(name, None, ("US",)) for name in RECOGNIZERS.modules]
    assert vault.erase(subjects_of(["c-0"], [plan.pipeline.tenant], keys, recognizers)) == 1
    produce(now)
    await rig.run(plan)

    found, words, unreadable = reveal(before, vault)
    assert [each["user"]["email"] == BOB for each in found] == [False, True] * 10
    assert ({one.reason for one in unreadable}, words) == ({"erased"}, 3 * 10)
    after = [message.json["data"] for message in rig.read(plan.pipeline.enriched_topic)][20:]
    assert {each["user"]["email"] for each in after[::2]} == {"tok_erased"}
    assert after[1::2] != before[1::2] and [each["user"] for each in after[1::2]] == [e["user"] for e in before[1::2]]

    searched = [topic.name for topic in plan.topics if not topic.personal]
    assert plan.pipeline.enriched_topic in searched and len(searched) > 4
    kept = b"".join(path.read_bytes() for path in (tmp_path / "vault").iterdir())
    for name in searched:
        kept += b"".join(part for m in rig.read(name) for part in (m.key, m.value, repr(m.headers).encode()) if part)
    assert [value for value in (ANN, BOB, "555 2670", "555 2671") if value.encode() in kept] == []
