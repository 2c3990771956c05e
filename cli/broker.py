"""broker: start, stop and look at a real Kafka on this machine."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli._shared import NOT_REACHABLE, JsonFlag, group, print_json, print_table, say

if TYPE_CHECKING:
    from penstock.broker.embedded import BrokerInfo

app = group(help="Start, stop and look at a real Kafka on this machine; its data outlives it.")


@app.command()
def start(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Where it listens; else where it did last, or any free one.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Start Kafka, or find it running. The first time it is downloaded (44 MB).

    \b
    penstock broker start
    penstock broker start --port 9092
    """
    from penstock.broker import embedded

    _print(embedded.start(port=port, on_progress=say), as_json)


@app.command()
def stop(as_json: JsonFlag = False) -> None:
    """Stop Kafka in good order; what it holds is there again at the next start.

    \b
    penstock broker stop
    """
    from penstock.broker import embedded

    stopped = embedded.stop()
    if as_json:
        print_json({"stopped": stopped})
    else:
        print("stopped" if stopped else "no broker was running")


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Say whether Kafka runs here, and where. Exit status 3 if it does not.

    \b
    penstock broker status --json
    """
    from penstock.broker import embedded

    found = embedded.status()
    if found is not None:
        _print(found, as_json)
        return
    if as_json:
        print_json({"running": False})
    else:
        print("no broker is running; `penstock broker start` starts one")
    raise typer.Exit(NOT_REACHABLE)


def _print(info: "BrokerInfo", as_json: bool) -> None:
    if as_json:
        print_json({"running": True, **asdict(info)})
        return
    rows = [("address", info.bootstrap), ("Kafka", info.version), ("process", info.pid)]
    rows += [("since", f"{info.started_at:%Y-%m-%d %H:%M:%S} UTC"), ("data", info.data), ("log", info.log)]
    print_table(("broker", "running"), rows)
