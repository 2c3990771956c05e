"""detokenize: turn tokens and encrypted values in JSON lines back, for who holds vault and keys.

Each line comes out again with what can be read in place of tokens and ciphertexts, wherever they stand. What cannot be
read stays as it is, and is told on standard error, one JSON object each: the line, the id of the data key, and the
reason: `erased` (and when, as far as is known), `unknown` (no key of this vault) or `damaged`. Exit status 1 then.
"""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli._shared import FAILED, environment
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.agents.redact._reveal import Unreadable

_AT_ONCE = 500


def command(
    key_env: Annotated[
        str, typer.Option(metavar="NAME", help="The variable that holds the key, as the option of redact.")
    ] = "PENSTOCK_HASH_KEY",
) -> None:
    """Turn tokens and encrypted values in the JSON lines on standard input back.

    \b
    penstock consume orders.enriched --max 10 | penstock detokenize
    """
    import orjson

    from penstock.agents.redact._reveal import reveal
    from penstock.cli import _lines
    from penstock.model import keyring
    from penstock.stores.vault import Vault, vault_url

    environ = environment()
    vault = Vault(vault_url(environ), keyring.load(environ, key_env))
    number, failed = 0, False
    for lines in _lines.batches(sys.stdin.buffer):
        for start in range(0, len(lines), _AT_ONCE):
            some = lines[start : start + _AT_ONCE]
            values = [_parsed(line, place) for place, line in enumerate(some, number + 1)]
            revealed, unreadable = reveal(values, vault, number + 1)
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
