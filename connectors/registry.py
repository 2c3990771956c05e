"""The sources and sinks by name (see `penstock.model.registry`)."""

from collections.abc import Mapping
from typing import Any

from penstock.model.component import Resources, Sink, SinkConfig, Source, SourceConfig
from penstock.model.registry import Registry

SOURCES = Registry("penstock.connectors.sources", "penstock.sources", "source")
SINKS = Registry("penstock.connectors.sinks", "penstock.sinks", "sink")


def configure_source(kind: str, options: Mapping[str, Any]) -> SourceConfig:
    """The options of the source called `kind`, validated. Raises pydantic.ValidationError, ConfigurationError."""
    config: SourceConfig = SOURCES.load(kind).Config.model_validate(dict(options))
    return config


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
