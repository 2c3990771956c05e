"""license: what may be done with data under a license.

The answer is the stream's: the lists and terms of a pipeline file's stage `license` decide first, then the license
registry (LICENSE_REGISTRY_URL, or the one that runs here). Exit status 1 where the use is not allowed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli._shared import (
    FAILED,
    JsonFlag,
    environment,
    group,
    load_plan,
    print_json,
    print_table,
    run_async,
)
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.agents.license.license import Config
    from penstock.topology.spec import Pipeline

app = group(help="Ask what may be done with data under a license.")


@app.callback()
def _group() -> None:
    """Ask what may be done with data under a license."""


@app.command()
def check(
    license_id: Annotated[str, typer.Argument(metavar="LICENSE", help="An SPDX id or expression.", show_default=False)],
    operation: Annotated[
        str | None, typer.Option(help="ingest, transform, enrich, export, train, share or commercial-use.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Where: a country such as DE, EU or EEA.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What for, by a name that licenses use.")] = None,
    source_name: Annotated[str, typer.Option(help="Of the data, for people.")] = "",
    source_type: Annotated[str, typer.Option(help="Such as csv.")] = "",
    tenant: Annotated[str | None, typer.Option(help="Whose data it is. [default: the file's, or default]")] = None,
    pipeline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A pipeline file, whose stage `license` is asked.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say whether data under a license may be used so, why not, what is owed, and where to appeal.

    \b
    penstock license check CC-BY-NC-4.0 --operation commercial-use
    penstock license check "MIT OR LicenseRef-Vendor" --operation export --region DE --pipeline orders.yml --json
    """
    from pydantic import ValidationError

    from penstock.agents.license import CheckRequest, license_check
    from penstock.model.component import Resources

    file, config = _policy(pipeline)
    body = {
        "source_name": source_name,
        "source_type": source_type,
        "license_id": license_id,
        "operation": config.operation if operation is None else operation,
        "tenant_id": tenant or (file.tenant if file else "default"),
        "region": region,
        "purpose": purpose,
    }
    try:
        request = CheckRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).removesuffix("_id").replace("_", "-")
        raise ConfigurationError(f"{name}: {first['msg']}") from None
    found = run_async(license_check(request, Resources(environ=environment()), config))
    if as_json:
        print_json(found)
    else:
        show(found, request.operation)
    raise typer.Exit(0 if found["compliant"] else FAILED)


def _policy(path: Path | None) -> "tuple[Pipeline | None, Config]":
    """A pipeline file and the options of its stage `license`; the stage's own defaults without a file.

    Raises
    ------
    ConfigurationError
        The file has no such stage.
    """
    from penstock.agents.registry import configure

    pipeline = load_plan(path, refuse=False).pipeline if path else None
    stages = [stage for stage in pipeline.stages if stage.use == "license"] if pipeline else []
    if pipeline is not None and not stages:
        raise ConfigurationError(f"{path} has no stage `license`", hint="leave out --pipeline to ask the registry")
    config: Any = configure("license", stages[0].options if stages else {})
    return pipeline, config


def show(found: dict[str, Any], operation: str) -> None:
    """Print an answer of `license_check`."""
    license = found["license"]
    rows = [("license", license["id"] or "none"), (operation, found["decision"])]
    rows += [("duties", ", ".join(license["duties"]))] if license["duties"] else []
    for name in ("attribution", "share_alike", "regions", "purposes"):
        if name in license:
            rows.append((name.replace("_", "-"), ", ".join(license[name])))
    if "valid_until" in license:
        rows.append(("valid until", license["valid_until"]))
    rows += [(each["severity"], f"{each['message']} ({each['code']}, {each['term']})") for each in found["violations"]]
    rows += [("warning", f"{each['message']} ({each['code']})") for each in found["warnings"]]
    if found["appeal"]:
        rows.append(("appeal", f"{found['appeal']['url']} until {found['appeal']['expires_at']}"))
    print_table(("", ""), rows)
