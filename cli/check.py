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
        bool, typer.Option("--build", help="Build the stages too: their databases and keys must be there.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Load a pipeline file, check every option of every component, and say what looks wrong with the whole.

    Exit status 0 where the file can be run (whatever the warnings), 2 where it cannot.

    \b
    penstock check orders.yml
    penstock check orders.yml --build --json
    """
    lines = _findings(file, build)
    bad = any(line.level == "error" for line in lines)
    if as_json:
        print_json({"file": str(file), "ok": not bad, "findings": [asdict(line) for line in lines]})
    else:
        for line in lines:
            place = f"{file}:{line.line}" if line.line else str(file)
            print(f"{place}: {line.level}: {line.message} [{line.code}]")
        if not bad:
            print(f"{file}: can be run")
    if bad:
        raise typer.Exit(ConfigurationError.exit_status)


def _findings(file: Path, build: bool) -> list[_Line]:
    try:
        plan, source, found = read_plan(file)
    except ConfigurationError as error:
        return [_from_error(error, file)]
    lines = [_Line(f.level, f.code, f.message, f.key, line_of(source, f.key)) for f in found]
    return lines + (_build(plan, source) if build else [])


def _from_error(error: ConfigurationError, file: Path) -> _Line:
    line, key = getattr(error, "line", None), getattr(error, "key", "")
    text = str(error).removeprefix(f"{file}:{line}: ").removeprefix(f"{file}: ")
    return _Line("error", error.code, text, key, line)


def _build(plan: "Plan", source: "Source") -> list[_Line]:
    """The errors of stages that cannot be built in this environment."""
    from penstock.agents import registry
    from penstock.model.component import Resources

    pipeline = plan.pipeline
    options = {"license": pipeline.license, "env": pipeline.env}
    resources = Resources(pipeline.name, pipeline.tenant, environment(), options=options)
    failed = []
    for index, stage in enumerate(pipeline.stages):
        config = registry.configure(stage.use, stage.options)
        try:
            if config.enabled:
                registry.build(stage.use, config, resources)
        except ConfigurationError as error:
            key = f"stages.{index}"
            failed.append(_Line("error", error.code, str(error), key, line_of(source, key)))
    return failed
