"""check: look a pipeline file over without running it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli._shared import JsonFlag, PipelineFile, environment, line_of, print_json, read_plan
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.topology.load import Source
    from penstock.topology.plan import Plan

NOT_HERE = "not_here"
"""The code of what the file asks for and this machine lacks."""


@dataclass(frozen=True)
class _Line:
    """What is printed of a finding, or of an error that loading ended with."""

    level: str
    code: str
    message: str
    key: str
    line: int | None


def command(
    file: PipelineFile,
    build: Annotated[
        bool,
        typer.Option("--build", help="A database or key that is missing here is an error."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Load a pipeline file, check every option of every component, and say what looks wrong with the whole.

    A database or a key that stages need and this machine does not have is a warning: the file may be for another one.
    Exit status 0 where nothing is wrong with the file (whatever the warnings), 2 where something is.

    \b
    penstock check orders.yml
    penstock check orders.yml --build --json
    """
    lines = _findings(file, "error" if build else "warning")
    bad = any(line.level == "error" for line in lines)
    here = not any(line.code == NOT_HERE for line in lines)
    if as_json:
        print_json({"file": str(file), "ok": not bad, "findings": [asdict(line) for line in lines]})
    else:
        for line in lines:
            place = f"{file}:{line.line}" if line.line else str(file)
            print(f"{place}: {line.level}: {line.message} [{line.code}]")
        if not bad:
            print(f"{file}: can be run" if here else f"{file}: is right, and cannot be run here yet")
    if bad:
        raise typer.Exit(ConfigurationError.exit_status)


def _findings(file: Path, unready: str) -> list[_Line]:
    try:
        plan, source, found = read_plan(file)
    except ConfigurationError as error:
        return [_from_error(error, file)]
    lines = [_Line(f.level, f.code, f.message, f.key, line_of(source, f.key)) for f in found]
    return lines + _build(plan, source, unready)


def _from_error(error: ConfigurationError, file: Path) -> _Line:
    line, key = getattr(error, "line", None), getattr(error, "key", "")
    text = str(error).removeprefix(f"{file}:{line}: ").removeprefix(f"{file}: ")
    return _Line("error", error.code, text, key, line)


def _build(plan: "Plan", source: "Source", level: str) -> list[_Line]:
    """The stages whose options are wrong in what they name, and those that cannot be built in this environment."""
    from penstock.agents import registry
    from penstock.model.component import Resources

    pipeline = plan.pipeline
    options = {"license": pipeline.license, "env": pipeline.env}
    resources = Resources(pipeline.name, pipeline.tenant, environment(), options=options)
    failed = []
    for index, stage in enumerate(pipeline.stages):
        config = registry.configure(stage.use, stage.options)
        key = f"stages.{index}"
        line = line_of(source, key)
        try:
            registry.check(stage.use, config)
        except ConfigurationError as error:
            failed.append(_Line("error", error.code, str(error), key, line))
            continue
        try:
            if config.enabled:
                registry.build(stage.use, config, resources)
        except ConfigurationError as error:
            failed.append(_Line(level, NOT_HERE, str(error), key, line))
    return failed
