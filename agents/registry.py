"""The stages by name (see `penstock.model.registry`)."""

import inspect
import typing
from typing import Any

from penstock.model.component import (
    Apply,
    ApplyBatch,
    ApplyState,
    Enrich,
    EnrichBatch,
    EnrichRecord,
    Resources,
    StageConfig,
)
from penstock.model.errors import ConfigurationError
from penstock.model.registry import Registry

STAGES = Registry(
    "penstock.agents",
    "penstock.stages",
    "stage",
    skip=frozenset(
        {
            "runtime",
            "recognizers",
            "strategies",
            "chain",
            "compile",
            "continuity",
            "fields",
            "inference",
            "registry",
            "state",
            "pipeline",
        }
    ),
)

KINDS = (Enrich, EnrichRecord, EnrichBatch, Apply, ApplyBatch, ApplyState)
"""What `build` of a stage may return (see `penstock.model.component`)."""

_EITHER: dict[Any, tuple[Any, Any]] = {
    Apply | ApplyBatch: (Apply, ApplyBatch),
    EnrichRecord | EnrichBatch: (EnrichRecord, EnrichBatch),
}
"""What the options of a stage may decide: the kind of a plain function, and of a coroutine function."""


def configure(name: str, options: dict[str, Any]) -> StageConfig:
    """The options of the stage called `name`, validated. Raises pydantic.ValidationError, ConfigurationError."""
    config: StageConfig = STAGES.load(name).Config.model_validate(options)
    return config


def check(name: str, config: StageConfig) -> None:
    """Raises ConfigurationError for what the options name and is wrong on any machine, as a file that can be read."""
    look = getattr(STAGES.load(name), "check", None)
    if look is not None:
        look(config)


def build(
    name: str, config: StageConfig, resources: Resources
) -> tuple[Any, Enrich | EnrichRecord | EnrichBatch | Apply | ApplyBatch | ApplyState]:
    """The kind of the stage (one of `KINDS`) and its function, compiled for `config`."""
    module = STAGES.load(name)
    annotated = typing.get_type_hints(module.build).get("return")
    kind = next((kind for kind in KINDS if kind == annotated), None)
    either = next((kinds for annotation, kinds in _EITHER.items() if annotation == annotated), None)
    if kind is None and either is None:
        raise ConfigurationError(
            f"build of the stage {name} must be annotated to return Enrich, EnrichRecord, EnrichBatch, Apply,"
            " ApplyBatch or ApplyState"
        )
    wants_resources = len(inspect.signature(module.build).parameters) > 1
    function = module.build(config, resources) if wants_resources else module.build(config)
    if either is not None:
        kind = either[inspect.iscoroutinefunction(function)]
    return kind, function


def alone(name: str, config: StageConfig) -> bool:
    """Whether the stage with these options has an agent of its own under ``chain: auto``.

    It has state, or says of itself (``ALONE``, or ``alone(config)`` where its options decide) that it is slow, or asks
    a server about each record.
    """
    module = STAGES.load(name)
    said: bool = module.alone(config) if hasattr(module, "alone") else getattr(module, "ALONE", False)
    return said or has_state(name)


def has_state(name: str) -> bool:
    """Whether the stage remembers something from record to record."""
    return bool(typing.get_type_hints(STAGES.load(name).build).get("return") == ApplyState)
