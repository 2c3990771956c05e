"""A pipeline made ready to run: names resolved, options validated, the plan drawn; and what lint asks of its stages.

What only building a stage shows (a database that is not there, a key that is not set) is not looked at here.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from penstock.agents.registry import STAGES, alone, configure, has_state
from penstock.model.errors import ConfigurationError
from penstock.model.registry import Registry
from penstock.topology.lint import StageFacts
from penstock.topology.load import KeyPath, Source, dotted, file_error
from penstock.topology.plan import Plan, plan
from penstock.topology.spec import Component, Pipeline


def compile_plan(
    pipeline: Pipeline,
    source: Source | None = None,
    *,
    sources: Registry | None = None,
    sinks: Registry | None = None,
) -> Plan:
    """The plan of a pipeline, every component known and its options valid.

    Aliases become the names they stand for (``hashing`` is the agent ``hash``), in ``stages`` and in ``chain``.

    Parameters
    ----------
    pipeline
        As loaded.
    source
        The file it was loaded from: errors name its lines.
    sources, sinks
        The registries of connectors, which agents do not import; without them sources and sinks stay unchecked.

    Raises
    ------
    PipelineFileError
        A component or an option is unknown, a value is wrong, or ``chain`` does not fit the stages. Without `source`
        it names the key alone.
    """
    source = source or Source("{}", "")
    stages = [_resolved(stage, STAGES, source, "stages", index) for index, stage in enumerate(pipeline.stages)]
    ready: dict[str, Any] = {"stages": _unique(stages, source, "stages")}
    for kind, parts, registry in (("sources", pipeline.sources, sources), ("sinks", pipeline.sinks, sinks)):
        if registry is not None:
            found = [_resolved(part, registry, source, kind, index) for index, part in enumerate(parts)]
            ready[kind] = _unique(found, source, kind)
    if isinstance(pipeline.chain, list):
        names = {old.name: new.name for old, new in zip(pipeline.stages, stages, strict=True)}
        ready["chain"] = [[names.get(name, name) for name in group] for group in pipeline.chain]
    try:
        return plan(pipeline.model_copy(update=ready), _stands_alone, has_state)
    except ConfigurationError as error:
        raise _at(source, error, ("chain",)) from None


def facts(plan: Plan) -> dict[str, StageFacts]:
    """What lint must know of each stage of a compiled plan, by the stage's name."""
    found = {}
    for stage in plan.pipeline.stages:
        module = STAGES.load(stage.use)
        found[stage.name] = StageFacts(
            adds_text=getattr(module, "ADDS_TEXT", False),
            needs_original=getattr(module, "ORIGINAL", False),
            enabled=(config := module.Config.model_validate(stage.options)).enabled,
            has_state=has_state(stage.use),
            spans=module.spans(config) if hasattr(module, "spans") else False,
        )
    return found


def _resolved(part: Component, registry: Registry, source: Source, kind: str, index: int) -> Component:
    """The component under its own name, its options validated."""
    at_name, at_options = source.component(kind, index)
    try:
        module: ModuleType = registry.load(part.use)
        module.Config.model_validate(part.options)
        return part.model_copy(update={"use": registry.name(part.use)})
    except ConfigurationError as error:
        raise _at(source, error, at_name) from None
    except ValidationError as error:
        raise file_error(error, module.Config, source, at_options) from None


def _stands_alone(stage: Component) -> bool:
    return alone(stage.use, configure(stage.use, stage.options))


def _unique(parts: Sequence[Component], source: Source, kind: str) -> Sequence[Component]:
    """The parts; an error where two have one name now that aliases are resolved."""
    names = [part.name for part in parts]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise source.error(
                f"{kind}.{index}: {name} stands here twice",
                source.component(kind, index)[0],
                hint="give one of them another name with `as:`",
            )
    return parts


def _at(source: Source, error: ConfigurationError, path: KeyPath) -> ConfigurationError:
    return source.error(source.conceal(f"{dotted(path)}: {error.message}", path), path, hint=error.hint)
