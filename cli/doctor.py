"""doctor: look at what penstock needs on this machine, and say how to get what is missing."""

from dataclasses import asdict

import typer

from penstock.cli._shared import NOT_REACHABLE, JsonFlag, print_json


def command(as_json: JsonFlag = False) -> None:
    """Look at what penstock needs: Python, packages, Java, Kafka, ports, room, services; nothing is started.

    A line is ok, optional (works without, or is fetched when it is needed) or missing. Exit status 3 if one is missing.

    \b
    penstock doctor
    penstock doctor --json
    """
    from penstock.cli._health import examine

    checks = examine()
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            advice = f" ({check.advice})" if check.advice else ""
            print(f"{check.state:8}  {check.name:{width}}  {check.found}{advice}")
    if any(check.state == "missing" for check in checks):
        raise typer.Exit(NOT_REACHABLE)
