"""penstock erase: what is destroyed, what is told, and that nothing can be read afterwards."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import orjson
import pytest
from typer.testing import Result

from penstock.connectors.ledger_client import signing_key
from penstock.model.ledger import ERASURES, REVEALS, SignedHead, StoredEntry, verify_head
from penstock.services.ledger import create_app

KEY = "0123456789abcdef" * 2
ANN = {"id": "c-1", "email": "Ann.Canary@example.com", "text": "call +1 415 555 2671 or ann.canary@example.com"}
BOB = {"id": "c-2", "email": "bob.canary@example.com", "text": "from 203.0.113.77"}
VALUES = ["Ann.Canary@example.com", "+1 415 555 2671", "bob.canary@example.com", "203.0.113.77"]
PIPELINE = """
name: orders
tenant: acme
raw: {retention_hours: 48}
chain: topics
stages:
  - redact: {policy: {email: tokenize, phone: encrypt}}
  - license
"""

Call = Callable[..., Result]


@pytest.fixture
def stores(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., str]) -> Path:
    """A folder with all that is kept: the vault's files, the ledger's, what came out."""
    folder = tmp_path / "stores"
    folder.mkdir()
    monkeypatch.setenv("PENSTOCK_HASH_KEY", KEY)
    monkeypatch.setenv("VAULT_URL", f"sqlite:///{folder / 'vault.db'}")
    monkeypatch.setenv("PROV_LEDGER_URL", serve(create_app(f"sqlite:///{folder / 'ledger.db'}", None)))
    return folder


def redacted(call: Call, *records: dict[str, Any], strategy: str = "tokenize", **options: str) -> list[dict[str, Any]]:
    policy = [f"policy.{category}={strategy}" for category in ("email", "phone", "ip")]
    given = [word for option in [*policy, *(f"{k}={v}" for k, v in options.items())] for word in ("-o", option)]
    result = call("stage", "run", "redact", *given, input=b"\n".join(map(orjson.dumps, records)))
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def detokenized(
    call: Call, records: list[dict[str, Any]], *arguments: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    result = call("detokenize", *arguments, input=b"\n".join(map(orjson.dumps, records)))
    told = [json.loads(line) for line in result.stderr.splitlines()]
    return [json.loads(line) for line in result.stdout.splitlines()], told, result.exit_code


def erased(call: Call, *values: str, arguments: tuple[object, ...] = ()) -> dict[str, Any]:
    result = call("erase", "--subject", "-", "--json", *arguments, input="\n".join(values))
    assert result.exit_code == 0, result.stderr
    receipt: dict[str, Any] = json.loads(result.stdout)
    return receipt


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("strategy", ["tokenize", "encrypt"])
def test_after_an_erasure_nobody_can_read_what_was_sealed(call: Call, stores: Path, strategy: str) -> None:
    out = redacted(call, ANN, BOB, strategy=strategy, subject="[id]")
    (stores / "enriched.jsonl").write_bytes(b"\n".join(map(orjson.dumps, out)))
    assert detokenized(call, out)[0][0]["data"] == ANN
    with closing(sqlite3.connect(stores / "vault.db")) as connection:
        wrapped = {row[0] for row in connection.execute("SELECT wrapped FROM vault_keys")}
    assert all(each in everything(stores) for each in wrapped)

    receipt = erased(call, "c-1")

    assert receipt["entries"] == 1
    kept = everything(stores)
    assert [value for value in VALUES if value.lower().encode() in kept.lower()] == []
    assert len([each for each in wrapped if each in kept]) == 1
    revealed, told, status = detokenized(call, out)
    assert (revealed[0]["data"], revealed[1]["data"]) == (out[0]["data"], BOB)
    assert status == 1
    assert {(one["line"], one["reason"], bool(one["at"])) for one in told} == {(1, "erased", True)}
    assert len(told) == 3


def test_a_backup_of_the_output_and_the_master_key_are_not_enough(call: Call, stores: Path) -> None:
    (out,) = redacted(call, ANN)
    erased(call, "Ann.Canary@example.com", "+1 (415) 555-2671")
    with closing(sqlite3.connect(stores / "vault.db")) as connection:
        left = connection.execute("SELECT id, wrapped, wrapped_by FROM vault_keys").fetchall()
    assert set(left) == {(None, None, None)}
    assert detokenized(call, [out])[0] == [out]


def test_what_is_erased_is_known_by_the_values_themselves_too(call: Call, stores: Path) -> None:
    out = redacted(call, ANN, BOB)
    assert erased(call, "ANN.canary@EXAMPLE.com")["entries"] == 1
    revealed, told, _ = detokenized(call, out)
    assert revealed[0]["data"]["text"].startswith("call +1 415 555 2671 or tok_")
    assert revealed[1]["data"] == BOB
    assert len(told) == 2


def test_a_tenant_s_erasure_is_not_another_s(call: Call, stores: Path) -> None:
    out = redacted(call, BOB)
    assert erased(call, "bob.canary@example.com", arguments=("--tenant", "other"))["entries"] == 0
    assert detokenized(call, out)[0][0]["data"] == BOB
    assert erased(call, "bob.canary@example.com", arguments=("--tenant", "x", "--tenant", "default"))["entries"] == 1


def test_what_comes_later_can_be_read_again(call: Call, stores: Path) -> None:
    before = redacted(call, BOB)
    erased(call, "bob.canary@example.com")
    after = redacted(call, BOB)
    assert after[0]["data"]["email"] != before[0]["data"]["email"]
    assert detokenized(call, after)[0][0]["data"] == BOB


def test_the_receipt_names_what_still_holds_raw_records(call: Call, stores: Path, tmp_path: Path) -> None:
    file = tmp_path / "orders.yml"
    file.write_text(PIPELINE)
    receipt = erased(call, "c-1", arguments=("--pipeline", file))
    assert receipt["tenants"] == ["acme"]
    rows = {row["topic"]: (row["kind"], row["kept"], row["gone_by"] is None) for row in receipt["raw_data"]}
    assert rows == {
        "orders.raw": ("raw", "48 h", False),
        "orders.ingest": ("frames", "the last frames of each partition, until newer ones come", True),
        "orders.dlq": ("dead letters", "48 h", False),
        "orders.quarantine": ("quarantine", "48 h", False),
        "orders claims": ("claims", "until `penstock claims purge`", True),
    }
    shown = call("erase", "--subject", "-", "--pipeline", file, input="c-1")
    assert "orders.quarantine" in shown.stdout and "entry 1 of ~erasures" in shown.stdout
    assert "nothing was sealed under these names" in shown.stderr


def test_the_ledger_proves_the_receipt(call: Call, stores: Path, alone: Path) -> None:
    receipt = erased(call, "c-1")
    recorded = receipt.pop("ledger")
    digest = sha256(orjson.dumps(receipt, option=orjson.OPT_SORT_KEYS)).hexdigest()
    assert (recorded["chain"], recorded["content_hash"]) == (ERASURES, digest)
    head = msgspec.convert(recorded["head"], SignedHead)
    assert verify_head(head, signing_key({"PENSTOCK_HOME": str(alone)}).public_key())
    shown = json.loads(call("ledger", "show", receipt["receipt"], "--json").stdout)
    (entry,) = (msgspec.convert(each, StoredEntry) for each in shown)
    assert (entry.entry.verdict, entry.entry.stage, entry.entry.code) == ("erased", "erase", "on_request")
    assert entry.entry.content_hash == digest
    assert erased(call, "c-1")["ledger"]["head"]["first_seq"] == 1


def test_without_its_ledger_nothing_is_destroyed(
    call: Call, stores: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    out = redacted(call, BOB)
    monkeypatch.setenv("PROV_LEDGER_URL", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setattr("penstock.model.http.Backoff.seconds", lambda self, attempt: 0.0)
    result = call("erase", "--subject", "-", input="bob.canary@example.com")
    assert result.exit_code == 3 and "PROV_LEDGER_URL" in result.stderr
    assert detokenized(call, out, "--no-ledger")[0][0]["data"] == BOB
    assert erased(call, "bob.canary@example.com", arguments=("--no-ledger",))["ledger"] is None
    assert detokenized(call, out, "--no-ledger")[2] == 1


def test_a_file_of_values(call: Call, stores: Path, tmp_path: Path) -> None:
    redacted(call, ANN, BOB)
    file = tmp_path / "request.txt"
    file.write_text("\n bob.canary@example.com \n\nann.canary@example.com\n")
    result = call("erase", "--subject", file, "--json")
    assert json.loads(result.stdout)["entries"] == 2
    assert "canary" not in result.stdout + result.stderr


@pytest.mark.parametrize("given", ["bob.canary@example.com", "x" * 5000, "a\0b"])
def test_a_value_on_the_command_line_is_refused_and_not_repeated(call: Call, stores: Path, given: str) -> None:
    result = call("erase", "--subject", given)
    assert result.exit_code == 2
    assert "pipe them to --subject -" in result.stderr
    assert given not in result.stderr


@pytest.mark.parametrize(("text", "said"), [(b"", "no value"), (b" \n\n", "no value"), (b"\xff", "not UTF-8"),
                                            (b"x" * 5000, "more than 4096")])  # fmt: skip
def test_what_names_nobody(call: Call, stores: Path, text: bytes, said: str) -> None:
    result = call("erase", "--subject", "-", input=text)
    assert result.exit_code == 2 and said in result.stderr


def reveals(call: Call) -> list[dict[str, Any]]:
    """The entries of the chain of what was revealed."""
    address = os.environ["PROV_LEDGER_URL"]
    answer = httpx.get(f"{address}/api/v1/entries/{quote(REVEALS, safe='')}")
    return [] if answer.status_code == 404 else [one["entry"] for one in answer.json()["entries"]]


def test_who_reads_is_noted_in_the_ledger(call: Call, stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann o'neill")
    out = b"".join(orjson.dumps(one) + b"\n" for one in redacted(call, ANN, BOB))
    result = call("detokenize", "--reason", "ticket-17", input=out)
    assert result.exit_code == 0
    call("detokenize", input=b'{"n": 1}')  # nothing is sealed there
    call("detokenize", input=out)
    first, second = reveals(call)
    assert (first["verdict"], first["stage"], first["code"]) == ("revealed", "detokenize", "ticket-17")
    assert first["record_id"].startswith("reveal/ann_o_neill/")
    revealed = json.dumps([json.loads(line)["data"] for line in result.stdout.splitlines()])
    count = sum(revealed.count(value) for value in VALUES) + revealed.count("ann.canary@example.com")
    assert first["last"] - first["offset"] + 1 == count == 5
    assert (second["offset"], second["code"]) == (first["last"] + 1, "unstated")
    assert "canary" not in json.dumps(reveals(call))
    assert call("detokenize", "--reason", "for Ann", input=out).exit_code == 2


def test_without_its_ledger_nothing_is_revealed(
    call: Call, stores: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    out = orjson.dumps(redacted(call, BOB)[0])
    monkeypatch.setenv("PROV_LEDGER_URL", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setattr("penstock.model.http.Backoff.seconds", lambda self, attempt: 0.0)
    result = call("detokenize", input=out)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "canary" in call("detokenize", "--no-ledger", input=out).stdout


def test_the_head_of_an_erasure_is_published_beside_those_of_the_pipeline(
    call: Call, stores: Path, pipeline: Callable[..., Path], pipeline_name: str
) -> None:
    file = pipeline("stages: [tag]\nungoverned: true\nsinks: [ledger]\n")
    recorded = erased(call, "c-1", arguments=("--pipeline", file))["ledger"]
    assert recorded["published"] == [f"{pipeline_name}.heads"]
    audited = json.loads(call("ledger", "verify", "--pipeline", pipeline_name, "--json").stdout)
    (chain,) = [one for one in audited["chains"] if one["chain"] == ERASURES]
    assert (chain["heads"], audited["findings"]) == (1, [])
    with closing(sqlite3.connect(stores / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE ledger_entries SET code = 'never' WHERE stage = 'erase'")
    assert call("ledger", "verify", "--pipeline", pipeline_name).exit_code == 1


def test_the_head_of_what_was_read_is_published_too(
    call: Call, stores: Path, pipeline: Callable[..., Path], pipeline_name: str
) -> None:
    out = b"".join(orjson.dumps(one) + b"\n" for one in redacted(call, ANN))
    file = pipeline("stages: [tag]\nungoverned: true\nsinks: [ledger]\n")
    for _ in range(2):
        result = call("detokenize", "--reason", "ticket-17", "--pipeline", file, input=out)
        assert (result.exit_code, result.stderr) == (0, "")
    audited = json.loads(call("ledger", "verify", "--pipeline", pipeline_name, "--json").stdout)
    (chain,) = [one for one in audited["chains"] if one["chain"] == REVEALS]
    assert (chain["heads"], audited["findings"]) == (2, [])
    with closing(sqlite3.connect(stores / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE ledger_entries SET code = 'never' WHERE stage = 'detokenize'")
    assert call("ledger", "verify", "--pipeline", pipeline_name).exit_code == 1
