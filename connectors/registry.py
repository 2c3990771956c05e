"""The sources and sinks by name (see `penstock.model.registry`)."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from penstock.model.component import Manifest, Resources, Sink, SinkConfig, Source, SourceConfig
from penstock.model.errors import ConfigurationError
from penstock.model.registry import Registry

SOURCES = Registry("penstock.connectors.sources", "penstock.sources", "source")
SINKS = Registry("penstock.connectors.sinks", "penstock.sinks", "sink")


def configure_source(kind: str, options: Mapping[str, Any]) -> SourceConfig:
    """The options of the source called `kind`, validated. Raises pydantic.ValidationError, ConfigurationError."""
    config: SourceConfig = SOURCES.load(kind).Config.model_validate(dict(options))
    return config


def manifest(kind: str) -> Manifest:
    """What the source called `kind` says of itself.

    Raises
    ------
    ConfigurationError
        It says nothing, or something that no manifest says; or its options have no schema.
    """
    module = SOURCES.load(kind)
    try:
        found = Manifest.model_validate(getattr(module, "MANIFEST", None), from_attributes=True)
        module.Config.model_json_schema()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"the source {kind} has no manifest that is right: {where + ': ' if where else ''}{first['msg']}",
            hint="its module needs MANIFEST = Manifest(title=…, version=…, license=…, pii=…)",
        ) from None
    except Exception as error:
        raise ConfigurationError(f"the options of the source {kind} have no schema: {type(error).__name__}") from None
    return found


def build_source(kind: str, config: SourceConfig, resources: Resources) -> Source:
    """The source called `kind`; nothing is opened before its first `fetch`."""
    source: Source = SOURCES.load(kind).build(config, resources)
    return source


def configure_sink(kind: str, options: Mapping[str, Any]) -> SinkConfig:
    """The options of the sink called `kind`, validated. Raises pydantic.ValidationError, ConfigurationError."""
    config: SinkConfig = SINKS.load(kind).Config.model_validate(dict(options))
    return config


def build_sink(kind: str, config: SinkConfig, resources: Resources) -> Sink:
    """The sink called `kind`; nothing is asked of its destination before `position` or `write`."""
    sink: Sink = SINKS.load(kind).build(config, resources)
    return sink
