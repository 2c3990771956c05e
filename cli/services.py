"""services: start, stop and look at the reference services (graph, ledger, licenses, schemas, ai_engine)."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli._shared import NOT_REACHABLE, JsonFlag, group, print_json, print_table, say
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.services.host import ServicesInfo

app = group(help="Start, stop and look at the reference services: graph, ledger, licenses, schemas, ai_engine.")

_NONE = "no services are running; `penstock services start` starts them"


@app.command()
def start(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Which; all that are installed if none is named.", show_default=False),
    ] = None,
    port: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PORT", help="A port that must be had. Repeat for more.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Start services in the background, or find them running. Commands find them without being told.

    \b
    penstock services start
    penstock services start graph ledger --port graph=4000
    """
    from penstock.model.home import home
    from penstock.services import host

    _print(host.start(names or None, home=home(), ports=_ports(port or [], host.ALL)), as_json)


@app.command()
def stop(as_json: JsonFlag = False) -> None:
    """Stop the services; what they hold is there again at the next start.

    \b
    penstock services stop
    """
    from penstock.model.home import home
    from penstock.services import host

    stopped = host.stop(home())
    if as_json:
        print_json({"stopped": stopped})
    else:
        print("stopped" if stopped else "no services were running")


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Say which services run here, and where; never their token. Exit status 3 if none do.

    \b
    penstock services status --json
    """
    found = _running()
    if found is not None:
        _print(found, as_json)
        return
    if as_json:
        print_json({"running": False})
    else:
        print(_NONE)
    raise typer.Exit(NOT_REACHABLE)


@app.command()
def env() -> None:
    """Print the environment in which other programs find the services, for a shell. It holds their token.

    \b
    eval "$(penstock services env)"
    """
    found = _running()
    if found is None:
        say(f"error: {_NONE}")
        raise typer.Exit(NOT_REACHABLE)
    for name, value in found.env().items():
        print(f"export {name}={shlex.quote(value)}")


def _running() -> "ServicesInfo | None":
    from penstock.model.home import home
    from penstock.services import host

    return host.status(home())


def _ports(given: list[str], known: tuple[str, ...]) -> dict[str, int]:
    ports = {}
    for pair in given:
        name, _, number = pair.partition("=")
        if name not in known or not number.isdecimal() or not 0 < int(number) < 65536:
            raise ConfigurationError("--port takes NAME=PORT", hint=f"the names are {', '.join(known)}")
        ports[name] = int(number)
    return ports


def _print(info: "ServicesInfo", as_json: bool) -> None:
    from penstock.services.host import missing

    if as_json:
        print_json({"running": True, "pid": info.pid, "urls": info.urls, "missing": missing()})
    else:
        print_table(("service", "address"), info.urls.items())
        for name, why in missing().items():
            print(f"{name} is not installed: {why}")
