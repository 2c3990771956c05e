"""ledger: check the provenance ledger, and see what became of a record.

`verify` trusts the public half of the key that the ledger sink signs with here (`key_file` in the pipeline file, else
PENSTOCK_SIGNING_KEY_FILE, else the one in penstock's home), or the keys that --public-key names. Exit status 1 where
anything is wrong.
"""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli._shared import JsonFlag, bootstrap, environment, group, load_plan, print_json, print_table, run_async
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from penstock.agents.runtime.audit import Audit, OnProgress

app = group(help="Check the provenance ledger, and see what became of a record.")


@app.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A pipeline file; all chains if not given.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(metavar="NAME", help="Chains of this pipeline, without a file.")
    ] = None,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(metavar="PEM", help="A public key to trust (openssl pkey -in KEY -pubout); repeat for more."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every entry of the ledger's chains against hashes, signed heads and the copies of those on Kafka.

    \b
    penstock ledger verify pipeline.yml
    penstock ledger verify --pipeline orders --public-key auditor.pem --json
    """
    environ = environment()
    key_file = None
    if file is not None:
        plan = load_plan(file, refuse=False)
        pipeline = plan.pipeline.name
        used = [sink.component.options for sink in plan.sinks if sink.component.use == "ledger"]
        key_file = next((options["key_file"] for options in used if options.get("key_file")), None)
    keys = trusted_keys(environ, key_file, public_key or [])
    result = run_async(_verify(environ, pipeline, keys))
    if as_json:
        print_json(_as_json(result))
    else:
        _print(result)
    raise typer.Exit(1 if result.findings else 0)


@app.command()
def show(
    record_id: Annotated[str, typer.Argument(help="The record's first id, as topic/partition/offset.")],
    as_json: JsonFlag = False,
) -> None:
    """Print what the ledger has of one record. Exit status 1 if it has nothing.

    \b
    penstock ledger show orders.raw/2/1841
    """
    from msgspec import to_builtins

    from penstock.agents.runtime.audit import record_entries

    entries = run_async(record_entries(environment(), record_id))
    if as_json:
        print_json(to_builtins(entries))
    elif entries:
        for each in entries:
            rows = [("chain", each.chain), *to_builtins(each.entry).items(), ("hash", each.hash)]
            print_table(("entry", ""), [(name, ", ".join(v) if isinstance(v, list) else v) for name, v in rows])
    else:
        print(f"the ledger has no entry of {record_id}")
    raise typer.Exit(0 if entries else 1)


def trusted_keys(
    environ: Mapping[str, str], key_file: str | None, public_keys: list[Path]
) -> "dict[str, Ed25519PublicKey]":
    """The keys to trust, by id: the given ones, else that of the signing key here.

    Raises
    ------
    ConfigurationError
        A file holds no such key, or there is none here.
    """
    from penstock.connectors.ledger_client import KEY_VARIABLE
    from penstock.model.home import home
    from penstock.model.ledger import key_id, load_or_create_key

    if public_keys:
        return {key_id(key): key for key in map(_public_key, public_keys)}
    named = key_file or environ.get(KEY_VARIABLE)
    path = Path(named).expanduser() if named else home(environ) / "keys" / "ledger.pem"
    if not path.is_file():  # a new key would trust nothing that is in the ledger
        raise ConfigurationError(
            f"there is no signing key {path}", hint=f"name the key to trust with --public-key, or set {KEY_VARIABLE}"
        )
    key = load_or_create_key(path).public_key()
    return {key_id(key): key}


def _public_key(path: Path) -> "Ed25519PublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{path} holds no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(f"{path} holds a key that is not Ed25519")
    return key


async def _verify(environ: dict[str, str], pipeline: str | None, keys: "dict[str, Ed25519PublicKey]") -> "Audit":
    from penstock.agents.runtime.audit import audit
    from penstock.agents.runtime.cluster import Cluster

    cluster = Cluster(bootstrap(), environ)
    with _progress() as show:
        return await audit(cluster, environ, keys, pipeline=pipeline, on_progress=show)


@contextlib.contextmanager
def _progress() -> "Iterator[OnProgress]":
    """A bar a chain on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda chain, read, of: None
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    bars: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:

        def show(chain: str, read: int, of: int) -> None:
            if chain not in bars:
                bars[chain] = progress.add_task(chain)
            progress.update(bars[chain], completed=read, total=of)

        yield show


def _as_json(result: "Audit") -> dict[str, Any]:
    from msgspec import to_builtins

    return {
        "ok": not result.findings,
        "chains": [{"chain": chain, **counts} for chain, counts in result.chains.items()],
        "verdicts": dict(result.verdicts),
        "findings": to_builtins(result.findings),
    }


def _print(result: "Audit") -> None:
    names = ("entries", "batches", "heads", "findings")
    rows = [(chain, *(f"{counts[name]:,}" for name in names)) for chain, counts in result.chains.items()]
    print_table(("chain", "entries", "batches", "published heads", "findings"), rows)
    if result.findings:
        found = [(f"{one.chain} {one.seq}", one.record_id, one.kind, one.message) for one in result.findings]
        print_table(("entry", "record", "what", "how it shows"), found)
    else:
        print(f"{result.entries:,} entries are as they were written" if result.chains else "there are no chains")
