"""What a pipeline file may say: its keys, their meaning and their defaults.

Loaded by `penstock.topology.load`; what follows from it (agents, topics, groups) is `penstock.topology.plan`.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from penstock.model.yaml_file import NAME

Name = Annotated[str, Field(pattern=NAME, max_length=60)]
"""Lower-case letters, digits, dash and underscore: no dots, so that ``<pipeline>.<agent>`` can be taken apart again."""


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, validate_default=True, allow_inf_nan=False
    )


def _component(value: Any) -> Any:
    """``geoip``, ``geoip: {…}`` and ``{use: geoip, …}`` all name a component."""
    if isinstance(value, str):
        return {"use": value}
    if isinstance(value, dict) and len(value) == 1 and "use" not in value:
        ((use, options),) = value.items()
        options = dict(options or {}) if isinstance(options, dict) or options is None else {"use": options}
        name = options.pop("as", None)
        return {"use": use, "as": name, "options": options}
    return value


class Component(_Part):
    """A source, stage or sink: the name of its file, and its options."""

    use: str = Field(description="Name of the component: the name of its file.")
    alias: Name | None = Field(None, alias="as", description="Another name, where one component is used twice.")
    options: dict[str, Any] = Field(default_factory=dict, description="Its options; its reference page lists them.")

    @property
    def name(self) -> str:
        return self.alias or self.use


ComponentEntry = Annotated[Component, BeforeValidator(_component)]


class Raw(_Part):
    """The topic that producers and sources write to: one message is one record."""

    topic: str | None = Field(None, description="Its name; `<pipeline>.raw` where absent.")
    partitions: int = Field(4, ge=1, le=4096, description="Partitions of the raw, frames and enriched topics alike.")
    codec: Literal["json", "avro"] = Field("json", description="What the values are; avro is Confluent's wire format.")
    retention_hours: float = Field(168, gt=0, description="Raw, dead-letter and quarantine topics hold PII that long.")


class Enriched(_Part):
    """The topic that consumers read from."""

    topic: str | None = Field(None, description="Its name; `<pipeline>.enriched` where absent.")
    codec: Literal["json", "avro"] = Field("json", description="json, or avro with the fixed envelope.")
    retention_hours: float = Field(168, description="How long enriched records are kept; -1 is for ever.")


class ErrorHandling(_Part):
    """What happens to a record that a stage fails on, or a frame that cannot go on."""

    on_error: Literal["skip", "fail", "retry"] = Field(
        "skip",
        description="skip: the record becomes a dead letter; retry: it is tried again first; fail: `penstock run` stops"
        " (a worker never does: it dead-letters).",
    )
    retries: int = Field(3, ge=0, le=100, alias="max_retries", description="Attempts beside the first, for retry.")
    backoff_multiplier: float = Field(2.0, ge=1, description="Each wait is that much longer than the one before.")
    max_backoff_seconds: float = Field(60.0, gt=0, description="The longest wait between two attempts.")
    dead_letter_topic: str | None = Field(None, description="`<pipeline>.dlq` where absent.")


class Monitoring(_Part):
    """What a worker tells about itself."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    metrics_enabled: bool = Field(True, description="Serve /metrics, /health and /ready.")
    port: int = Field(0, ge=0, le=65535, description="Of /metrics; 0 takes a free one and logs it.")


class Batching(_Part):
    """How records are put into frames."""

    frame_bytes: int = Field(900 * 1024, ge=1024, le=900 * 1024, description="Largest frame before compression.")
    frame_records: int = Field(500, ge=1, le=10_000, alias="batch_size", description="Most records in a frame.")
    linger_ms: int = Field(
        40,
        ge=0,
        le=60_000,
        description="How long, while records flow, more are waited for; up to five times as long by a busy worker.",
    )
    claim_bytes: int = Field(256 * 1024, ge=1024, description="Larger values travel by reference (claim check).")
    claim_store: str | None = Field(None, description="fsspec URL of the claim store; a local folder where absent.")


Chaining = Literal["auto", "fused", "topics"] | list[list[str]]


def _unique(parts: list[Component]) -> list[Component]:
    names = [part.name for part in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} stands here twice: give one of them another name with `as:`")
    return parts


class Pipeline(_Part):
    """A pipeline file."""

    name: Name = Field(description="Prefix of its topics and groups.")
    description: str = Field("", description="For people.")
    tenant: Name = Field("default", description="Tenant of records that neither say theirs nor come from a source's.")
    license: str | None = Field(
        None, description="SPDX id of records that neither say theirs nor come from a source's."
    )
    env: str = Field("dev", description="Environment, in each record's metadata; AF_ENV where absent.")
    sources: Annotated[list[ComponentEntry], AfterValidator(_unique)] = Field(
        default_factory=list, description="What is read into the raw topic; any other producer may write to it too."
    )
    raw: Raw = Field(Raw(), description="The topic at the start.")
    stages: Annotated[list[ComponentEntry], AfterValidator(_unique)] = Field(
        default_factory=lambda: [Component(use=name) for name in ("tag", "redact", "license")],
        description="In order; by default tag, redact, license.",
    )
    chain: Chaining = Field(
        "auto", description="auto, fused (one agent), topics (each stage its own agent), or groups: [[tag, redact], …]."
    )
    enriched: Enriched = Field(Enriched(), description="The topic at the end.")
    sinks: Annotated[list[ComponentEntry], AfterValidator(_unique)] = Field(
        default_factory=list, description="Where else records go: each a group of its own."
    )
    error_handling: ErrorHandling = Field(ErrorHandling(), description="When a record fails.")
    monitoring: Monitoring = Field(Monitoring(), description="Logs and metrics.")
    batching: Batching = Field(Batching(), description="Frames.")
    ungoverned: bool = Field(
        False, description="True says out loud that records may reach a sink without `redact` or without `license`."
    )

    @property
    def raw_topic(self) -> str:
        return self.raw.topic or f"{self.name}.raw"

    @property
    def enriched_topic(self) -> str:
        return self.enriched.topic or f"{self.name}.enriched"

    @property
    def dead_letter_topic(self) -> str:
        return self.error_handling.dead_letter_topic or f"{self.name}.dlq"

    @property
    def quarantine_topic(self) -> str:
        return f"{self.name}.quarantine"
