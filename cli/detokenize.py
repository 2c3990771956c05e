"""detokenize: turn tokens and encrypted values in JSON lines back, for who holds vault and keys.

Each line comes out again with what can be read in place of tokens and ciphertexts, wherever they stand. What cannot be
read stays as it is, and is told on standard error, one JSON object each: the line, the id of the data key, and the
reason: `erased` (and when, as far as is known), `unknown` (no key of this vault) or `damaged`. Exit status 1 then.

Where PROV_LEDGER_URL names a ledger, who reads, why, when and how many values goes into its chain `~reveals` before any
of them is printed, and never a value. If it does not answer, nothing is printed; `--no-ledger` goes on without. The
ledger's signed head goes to Kafka too, beside those of the pipelines named, before anything is printed.
"""

import getpass
import re
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli._shared import FAILED, environment, load_plan, run_async
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.agents.redact._reveal import Unreadable
    from penstock.topology.plan import Plan

_AT_ONCE = 500
_REASON = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:#/-]{0,99}")
_NO_NAME = re.compile(r"[^A-Za-z0-9_.@-]")


def command(
    key_env: Annotated[
        str, typer.Option(metavar="NAME", help="The variable that holds the key, as the option of redact.")
    ] = "PENSTOCK_HASH_KEY",
    reason: Annotated[
        str, typer.Option(metavar="WHY", help="For the ledger: a ticket, or a word; never a value of a record.")
    ] = "unstated",
    pipeline: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A pipeline file: the ledger's head goes to its topic of heads too; repeat."),
    ] = None,
    no_ledger: Annotated[bool, typer.Option("--no-ledger", help="Do not note it in the provenance ledger.")] = False,
) -> None:
    """Turn tokens and encrypted values in the JSON lines on standard input back.

    \b
    penstock consume orders.enriched --max 10 | penstock detokenize --reason ticket-4711 --pipeline orders.yml
    """
    import orjson

    from penstock.agents.redact._reveal import reveal
    from penstock.cli import _lines
    from penstock.connectors.ledger_client import VARIABLE
    from penstock.model import keyring
    from penstock.stores.vault import Vault, vault_url

    environ = environment()
    if not _REASON.fullmatch(reason):
        raise ConfigurationError("--reason is a word of letters, digits and _.:#/-, such as ticket-4711")
    plans = [load_plan(file, refuse=False) for file in pipeline or ()]
    vault = Vault(vault_url(environ), keyring.load(environ, key_env))
    noted = bool(environ.get(VARIABLE)) and not no_ledger
    id = f"reveal/{_user()}/{uuid.uuid4()}"
    number, failed = 0, False
    for lines in _lines.batches(sys.stdin.buffer):
        for start in range(0, len(lines), _AT_ONCE):
            some = lines[start : start + _AT_ONCE]
            values = [_parsed(line, place) for place, line in enumerate(some, number + 1)]
            revealed, count, unreadable = reveal(values, vault, number + 1)
            if noted and count:
                run_async(_note(environ, id, reason, count, plans))
            number += len(some)
            for line, value in zip(some, revealed, strict=True):
                sys.stdout.buffer.write((orjson.dumps(value) if line.strip() else b"") + b"\n")
            for one in unreadable:
                sys.stderr.buffer.write(orjson.dumps(_told(one)) + b"\n")
            failed |= bool(unreadable)
        sys.stdout.buffer.flush()
        sys.stderr.buffer.flush()
    if failed:
        raise typer.Exit(FAILED)


def _user() -> str:
    """Who runs this, as the system knows them."""
    try:
        return _NO_NAME.sub("_", getpass.getuser())
    except (OSError, KeyError):  # a user without a name, as in some containers
        return "unknown"


async def _note(environ: dict[str, str], id: str, reason: str, count: int, plans: "Sequence[Plan]") -> None:
    """Note in the ledger, and on Kafka, that so many values are made readable."""
    import orjson
    from msgspec.json import encode

    from penstock.cli._heads import publish
    from penstock.connectors.ledger_client import LedgerClient
    from penstock.model.ledger import REVEALS

    client = LedgerClient.from_environment(environ)
    try:
        head = await client.event(REVEALS, id=id, verdict="revealed", stage="detokenize", code=reason, count=count)
    finally:
        await client.close()
    await publish(orjson.loads(encode(head, order="sorted")), plans, environ)


def _parsed(line: bytes, number: int) -> object:
    import orjson

    try:
        return orjson.loads(line) if line.strip() else None
    except orjson.JSONDecodeError:
        raise ConfigurationError(f"line {number} is not JSON") from None


def _told(unreadable: "Unreadable") -> dict[str, object]:
    at = unreadable.at
    when = {} if at is None else {"at": datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")}
    return {"line": unreadable.line, "key": unreadable.key, "reason": unreadable.reason, **when}
