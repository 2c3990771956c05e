"""erase: destroy the keys of a person's tokens and encrypted values, for good, and print a receipt.

What `tokenize` and `encrypt` wrote of the person cannot be read any more, wherever it was copied to. What other
strategies wrote never could be. A worker that knows a key forgets it within five minutes, and what was produced before
the erasure is never sealed anew. Topics in front of `redact` still hold raw records: the receipt says which and how
long, for the pipelines named. So may backups of the vault: keep them no longer than that.

Values that name the person (an e-mail address, a customer number: what the option `subject` of `redact` points at, or
what stood in the records) come one a line from a file or from standard input, never from the command line, where other
users of the machine and the shell's history would see them.
"""

import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli._shared import (
    NOT_REACHABLE,
    JsonFlag,
    environment,
    load_plan,
    print_json,
    print_table,
    run_async,
    say,
)
from penstock.model.errors import ConfigurationError, UnreachableError

if TYPE_CHECKING:
    from penstock.connectors.ledger_client import LedgerClient
    from penstock.topology.plan import Plan

LONGEST_VALUE = 4096

_KEPT_FRAMES = "the last frames of each partition, until newer ones come"
_KEPT_CLAIMS = "until `penstock claims purge`"


def command(
    subject: Annotated[
        str, typer.Option(metavar="FILE", help="Values that name the person, one a line; - is standard input.")
    ],
    tenant: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Whose records; repeat for more. [default: the pipelines' tenants]"),
    ] = None,
    pipeline: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A pipeline file: what it keeps of raw records, its tenants; repeat."),
    ] = None,
    no_ledger: Annotated[
        bool, typer.Option("--no-ledger", help="Do not record the erasure in the provenance ledger.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Destroy the keys of a person's tokens and encrypted values, for good, and print a receipt.

    \b
    penstock erase --subject request-17.txt --pipeline orders.yml
    printf %s "$ADDRESS" | penstock erase --subject - --tenant acme --json
    """
    values = read_values(subject)
    plans = [load_plan(file, refuse=False) for file in pipeline or ()]
    receipt = run_async(_erase(values, tenant or _tenants(plans), plans, ledger=not no_ledger))
    if as_json:
        print_json(receipt)
    else:
        _print(receipt)
    if not no_ledger and receipt["ledger"] is None:
        raise typer.Exit(NOT_REACHABLE)


def read_values(name: str) -> list[str]:
    """The lines of a file, of standard input where it is called ``-``; blank ones left out.

    Raises
    ------
    ConfigurationError
        It cannot be read or has no lines. The message does not repeat the name: it may be a value given by mistake.
    """
    try:
        text = sys.stdin.buffer.read().decode() if name == "-" else Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError("the file that --subject names is not UTF-8") from None
    except (OSError, ValueError):
        raise ConfigurationError(
            "the file that --subject names cannot be read",
            hint="values do not belong on a command line: put them into a file, or pipe them to --subject -",
        ) from None
    values = [line.strip() for line in text.splitlines() if line.strip()]
    if not values:
        raise ConfigurationError("no value was given that names a person", hint="one a line")
    if any(len(value) > LONGEST_VALUE for value in values):
        raise ConfigurationError(f"a line has more than {LONGEST_VALUE} characters")
    return values


def _tenants(plans: Sequence["Plan"]) -> list[str]:
    """The tenants that pipelines and their sources name."""
    named = [plan.pipeline.tenant for plan in plans]
    named += [s.options["tenant"] for plan in plans for s in plan.pipeline.sources if s.options.get("tenant")]
    return list(dict.fromkeys(named)) or ["default"]


async def _erase(values: list[str], tenants: list[str], plans: list["Plan"], *, ledger: bool) -> dict[str, Any]:
    """Destroy, then record; the ledger is looked at before, so that its absence is known in time."""
    from penstock.cli._heads import publish
    from penstock.connectors.ledger_client import LedgerClient
    from penstock.model.ledger import ERASURES

    environ = environment()
    if not ledger:
        return {**_destroyed(values, tenants, plans, environ), "ledger": None}
    client = LedgerClient.from_environment(environ)
    try:
        await client.head(ERASURES)
        receipt = _destroyed(values, tenants, plans, environ)
        recorded = await _recorded(client, receipt)
        if recorded is not None:
            recorded["published"] = await publish(recorded["head"], plans, environ)
        return {**receipt, "ledger": recorded}
    finally:
        await client.close()


def _destroyed(values: list[str], tenants: list[str], plans: list["Plan"], environ: dict[str, str]) -> dict[str, Any]:
    from penstock.agents.redact._sealing import REMEMBERED_SECONDS
    from penstock.agents.redact._subject import subjects_of
    from penstock.model import keyring
    from penstock.stores.vault import Vault, vault_url

    options = [stage.options for plan in plans for stage in plan.pipeline.stages if stage.use == "redact"] or [{}]
    entries, address = 0, ""
    for variable in dict.fromkeys(each.get("key_env", keyring.VARIABLE) for each in options):
        keys = keyring.load(environ, variable)
        vault = Vault(vault_url(environ), keys)
        regions = {region for each in options for region in each.get("regions", ())}
        entries += vault.erase(subjects_of(values, tenants, keys, _recognizers(regions)))
        address = vault.address
    now = datetime.now(UTC)
    return {
        "receipt": f"erasure/{uuid.uuid4()}",
        "erased_at": now.isoformat(timespec="milliseconds"),
        "tenants": tenants,
        "values": len(values),
        "entries": entries,
        "vault": address,
        "workers_forget_seconds": REMEMBERED_SECONDS,
        "raw_data": [row for plan in plans for row in _raw_data(plan, now.timestamp())],
    }


def _recognizers(regions: set[str]) -> list[Any]:
    from penstock.agents.redact import _recognizer
    from penstock.agents.redact.recognizers import phone

    wanted = tuple(sorted({*phone.DEFAULT_REGIONS, *regions}))
    return [_recognizer.load(name, None, wanted) for name in sorted(_recognizer.RECOGNIZERS.modules)]


def _raw_data(plan: "Plan", now: float) -> list[dict[str, Any]]:
    """Where records still stand that nobody redacted, and for how long."""
    rows = []
    for topic in plan.topics:
        if not topic.personal:
            continue
        hours = int(topic.config["retention.ms"]) / 3_600_000
        gone = None if hours < 0 else datetime.fromtimestamp(now + hours * 3600, UTC).isoformat(timespec="seconds")
        kept = _KEPT_FRAMES if topic.kind == "frames" else "for ever" if gone is None else f"{hours:g} h"
        rows.append({"topic": topic.name, "kind": topic.kind, "kept": kept, "gone_by": gone})
    return [*rows, {"topic": f"{plan.pipeline.name} claims", "kind": "claims", "kept": _KEPT_CLAIMS, "gone_by": None}]


async def _recorded(client: "LedgerClient", receipt: dict[str, Any]) -> dict[str, Any] | None:
    """The signed head of the ledger behind the receipt; None where it does not answer any more."""
    import orjson
    from msgspec.json import encode

    from penstock.model.ledger import ERASURES

    content_hash = sha256(orjson.dumps(receipt, option=orjson.OPT_SORT_KEYS)).hexdigest()
    timestamp = int(datetime.fromisoformat(receipt["erased_at"]).timestamp() * 1000)
    try:
        head = await client.event(
            ERASURES, id=receipt["receipt"], verdict="erased", stage="erase", code="on_request",
            content_hash=content_hash, timestamp=timestamp,
        )  # fmt: skip
    except UnreachableError as error:
        say(f"erased, but not recorded: {error}; the same command again records it")
        return None
    return {"chain": ERASURES, "content_hash": content_hash, "head": orjson.loads(encode(head, order="sorted"))}


def _print(receipt: dict[str, Any]) -> None:
    told = {name: value for name, value in receipt.items() if name not in ("raw_data", "ledger")}
    print_table(("", ""), [(name, ", ".join(v) if isinstance(v, list) else v) for name, v in told.items()])
    if receipt["ledger"]:
        place = receipt["ledger"]["head"]["first_seq"]
        print(f"recorded in the ledger as entry {place} of {receipt['ledger']['chain']}")
    columns = ("topic", "kind", "kept", "gone_by")
    if receipt["raw_data"]:
        print_table(columns, [[row[name] or "" for name in columns] for row in receipt["raw_data"]], "raw records in")
    else:
        print("raw records may still stand in topics in front of redact: name the pipelines with --pipeline")
    if not receipt["entries"]:
        say("nothing was sealed under these names; where redact has the option subject, name what that points at")
