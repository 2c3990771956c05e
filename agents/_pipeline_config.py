"""The options of `penstock.agents.pipeline`, and the stages that they mean."""

from typing import Any, Final, TypeAlias

from pydantic import Field, ValidationError, field_validator

from penstock.agents import registry
from penstock.model.component import ComponentConfig, StageConfig
from penstock.model.errors import ConfigurationError

Options: TypeAlias = dict[str, Any]

_ADVISORY: Final = frozenset({"max_latency_ms"})
"""Options that every enricher may be given, and that those without a use for them do without."""


class PipelineConfig(ComponentConfig):
    """What `StreamingETLPipeline` does."""

    tenant_id: str = Field(min_length=1, description="Tenant of records that do not say theirs.")
    source_name: str = Field(min_length=1, description="Names the source, in ids and metadata.")
    source_type: str = Field(min_length=1, description="Kind of the source, in metadata: csv, api and so on.")
    batch_size: int = Field(100, ge=1, description="Most records in a batch.")
    max_workers: int = Field(4, ge=1, description="Most batches between the queues at once.")
    enable_enrichers: bool = Field(True, description="False runs the stages alone.")
    enricher_config: dict[str, Options] = Field(
        {
            "geoip": {"enabled": True},
            "language": {"enabled": True},
            "hashing": {"enabled": True, "hash_all_content": True},
            "exif_scrub": {"enabled": False},
            "ocr": {"enabled": False},
            "stt": {"enabled": False},
        },
        description="Enricher -> its options, in order; `enabled` is true where absent. Others do not run.",
    )
    emit_provenance: bool = Field(True, description="Call the provenance handler for each record.")
    backpressure_threshold: int = Field(1000, ge=1, description="Most records in the output queue.")
    stages: tuple[str | dict[str, Options], ...] = Field(
        ("tag", "redact", "license"),
        description="What runs before the enrichers, as in a pipeline file: a name, or a name with options.",
    )
    license: str | None = Field(None, description="SPDX id of records that do not say theirs.")
    env: str = Field("dev", description="Environment, in metadata; AF_ENV where absent.")

    @field_validator("stages")
    @classmethod
    def _one_name(cls, stages: tuple[str | dict[str, Options], ...]) -> tuple[str | dict[str, Options], ...]:
        if any(isinstance(stage, dict) and len(stage) != 1 for stage in stages):
            raise ValueError("a stage is a name, or one name with its options")
        return stages


def chain(config: PipelineConfig) -> list[tuple[str, StageConfig]]:
    """Name and options of each stage, in order: governance, then enrichers, and `redact` behind those that add text.

    Raises
    ------
    ConfigurationError
        A stage or an enricher is unknown, or has a wrong option.
    """
    before = governance(config)
    behind = [(name, options) for name, options, _ in enrichers(config)]
    if any(options.enabled and getattr(registry.STAGES.load(name), "ADDS_TEXT", False) for name, options in behind):
        behind += [stage for stage in before if stage[0] == "redact"][:1]
    return [*before, *behind]


def governance(config: PipelineConfig) -> list[tuple[str, StageConfig]]:
    """Name and options of each stage before the enrichers. Raises ConfigurationError."""
    named = [(stage, {}) if isinstance(stage, str) else next(iter(stage.items())) for stage in config.stages]
    return [(registry.STAGES.name(name), _configure("stage", name, options)) for name, options in named]


def enrichers(config: PipelineConfig) -> list[tuple[str, StageConfig, str]]:
    """Name, options and name in the configuration of each enricher. Raises ConfigurationError."""
    chosen: dict[str, tuple[str, StageConfig, str]] = {}
    for shown, options in config.enricher_config.items() if config.enable_enrichers else ():
        name = registry.STAGES.name(shown)
        if name in chosen:
            raise ConfigurationError(f"the enrichers {chosen[name][2]} and {shown} are the same one")
        chosen[name] = name, _configure("enricher", shown, _without_advice(name, options)), shown
    return list(chosen.values())


def _without_advice(name: str, options: Options) -> Options:
    """The options but for the advisory ones that are not the stage's own."""
    own = registry.STAGES.load(name).Config.model_fields
    return {option: value for option, value in options.items() if option in own or option not in _ADVISORY}


def _configure(kind: str, name: str, options: Options) -> StageConfig:
    try:
        return registry.configure(name, options)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{kind} {name}: {where}: {first['msg']}") from None
