"""``/etl/configurations``: what a wizard decided, saved with its lineage, in versions that can be compared.

Saving answers with the id that ``penstock run`` takes. A pipeline in it is checked as a file would be; a value that it
takes from the environment (``${NAME}``) is not known here, and stands for anything.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import orjson
import yaml
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool

from penstock.agents.runtime.compile import compile_plan
from penstock.api.bodies import Body
from penstock.api.problems import RESPONSES, ProblemError
from penstock.api.tokens import ALL_TENANTS, Caller
from penstock.connectors.ledger_client import LedgerClient
from penstock.connectors.registry import SINKS, SOURCES
from penstock.model.errors import PipelineFileError
from penstock.stores.configurations import ID_PATTERN, Configurations, Saved
from penstock.topology.load import reads

Tenant = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]
Id = Annotated[str, Path(pattern=f"^{ID_PATTERN}$")]
Number = Annotated[int, Path(ge=1, lt=2**31)]
STAGE: Final = "configuration"


class Strict(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class Mapped(Strict):
    """A field of the source, and what it is among the canonical entities."""

    source_field: str
    canonical_entity: str
    canonical_property: str
    confidence: float | None = Field(None, ge=0, le=1)
    reasoning: str | None = None


class Decision(Strict):
    """What is done with something personal."""

    field_name: str
    category: str
    strategy: str


class Configuration(Body):
    """What is saved."""

    tenant_id: Tenant
    name: str = Field(min_length=1, max_length=256)
    connector: dict[str, Any] = Field(description="The source, as in a pipeline file: its name and options.")
    mappings: list[Mapped] = Field([])
    pii_decisions: list[Decision] = Field([])
    license_acknowledged: bool = False
    pipeline: dict[str, Any] | str = Field(
        description="The pipeline: the keys of a pipeline file (`name` where it is another), or its text."
    )

    @model_validator(mode="before")
    @classmethod
    def _keepable(cls, value: Any) -> Any:
        try:
            orjson.dumps(value)
        except TypeError as error:  # its words name no value
            raise ValueError(f"cannot be kept: {error}") from None
        return value


class Kept(BaseModel):
    """What was saved."""

    configuration_id: str
    version: int
    created_at: datetime
    lineage_event_id: str


class Version(Kept):
    """A version with what is in it."""

    tenant_id: str
    name: str
    content_hash: str
    configuration: dict[str, Any]


class Change(BaseModel):
    """One difference between two versions."""

    path: str = Field(description="Dotted.")
    change: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


def router(store: Configurations, ledger: LedgerClient, check: Any) -> APIRouter:
    """The routes.

    Parameters
    ----------
    check
        The dependency that gives the `Caller`.
    """
    routes = APIRouter(prefix="/etl/configurations", tags=["configurations"], responses=RESPONSES)
    Calling = Annotated[Caller, Depends(check)]  # noqa: N806 # a type

    @routes.post("", status_code=201, summary="Save a configuration, and its lineage")
    async def save(configuration: Configuration, caller: Calling) -> Kept:
        tenant = caller.of(configuration.tenant_id)
        if isinstance(configuration.pipeline, dict):
            configuration.pipeline = {"name": configuration.name, **configuration.pipeline}
        _check_pipeline(configuration.pipeline)
        body = configuration.model_dump(mode="json", exclude={"tenant_id", "name"})
        saved = await run_in_threadpool(store.save, tenant, configuration.name, body)
        if saved.lineage is None:
            chain = f"~configurations/{tenant}"
            head = await ledger.event(
                chain, id=f"{saved.id}@{saved.version}", verdict="kept", stage=STAGE, code="saved",
                content_hash=saved.content_hash,
            )  # fmt: skip
            saved = await run_in_threadpool(store.record, saved, f"{chain}#{head.first_seq}")
        return _kept(saved)

    @routes.get("", summary="The newest version of each configuration, by name")
    def all(caller: Calling, tenant_id: Annotated[Tenant | None, Query()] = None) -> list[Kept]:
        if tenant_id is None and caller.tenant == ALL_TENANTS:
            raise ProblemError(422, "no_tenant", "this token is for all tenants: name one with tenant_id")
        return [_kept(saved) for saved in store.all(caller.of(tenant_id or caller.tenant))]

    @routes.get("/{id}", summary="The newest version")
    def newest(id: Id, caller: Calling) -> Version:
        return _version(_found(store, caller, id, None))

    @routes.get("/{id}/versions", summary="All versions, the oldest first")
    def versions(id: Id, caller: Calling) -> list[Kept]:
        _found(store, caller, id, None)
        return [_kept(saved) for saved in store.versions(id)]

    @routes.get("/{id}/versions/{number}", summary="One version")
    def version(id: Id, number: Number, caller: Calling) -> Version:
        return _version(_found(store, caller, id, number))

    @routes.get("/{id}/diff", summary="What changed between two versions")
    def diff(
        id: Id,
        caller: Calling,
        before: Annotated[int, Query(alias="from", ge=1, lt=2**31)],
        after: Annotated[int, Query(alias="to", ge=1, lt=2**31)],
    ) -> list[Change]:
        old, new = (_found(store, caller, id, number).body for number in (before, after))
        return list(changes(old, new))

    return routes


def changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """What differs, by path; items of lists by their place.

    >>> [(c.path, c.change) for c in changes({"a": [1, 2], "b": 1}, {"a": [1, 3, 4]})]
    [('a.1', 'changed'), ('a.2', 'added'), ('b', 'removed')]
    """
    if isinstance(before, list) and isinstance(after, list):
        before, after = dict(enumerate(before)), dict(enumerate(after))
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if type(before) is not type(after) or before != after:  # true is not 1
            yield Change(path=path, change="changed", before=before, after=after)
        return
    for key in sorted({*before, *after}):
        where = f"{path}.{key}" if path else str(key)
        if key not in after:
            yield Change(path=where, change="removed", before=before[key])
        elif key not in before:
            yield Change(path=where, change="added", after=after[key])
        else:
            yield from changes(before[key], after[key], where)


class _Anything(Mapping[str, str]):
    """An environment in which every variable is set; to what is not known, so all are 1."""

    def __getitem__(self, name: str) -> str:
        return "1"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def text_of(pipeline: dict[str, Any] | str) -> str:
    """A pipeline as the text of a file: JSON is YAML."""
    return pipeline if isinstance(pipeline, str) else orjson.dumps(pipeline).decode()


def _check_pipeline(pipeline: dict[str, Any] | str) -> None:
    try:
        plan, source = reads(text_of(pipeline), _Anything(), file="pipeline")
        compile_plan(plan, source, sources=SOURCES, sinks=SINKS)
    except PipelineFileError as error:
        if error.key and _is_variable(pipeline, error.key):
            return
        more = {"key": error.key, "line": error.line if isinstance(pipeline, str) else None}
        raise ProblemError(422, error.code, str(error), more=more) from None


def _is_variable(pipeline: dict[str, Any] | str, key: str) -> bool:
    """Whether the value at `key` comes from the environment: what it will be is not known."""
    at: Any = yaml.safe_load(text_of(pipeline))
    for part in key.split(".") if key else ():
        at = (
            at[int(part)] if isinstance(at, list) and part.isdigit() else at.get(part) if isinstance(at, dict) else None
        )
    return isinstance(at, str) and "${" in at


def _found(store: Configurations, caller: Caller, id: str, version: int | None) -> Saved:
    """A version that the caller may see; one of another tenant is as good as none."""
    saved = store.get(id, version)
    if saved is None or caller.tenant not in (ALL_TENANTS, saved.tenant):
        raise ProblemError(404, "no_configuration", "there is no such configuration or version")
    return saved


def _kept(saved: Saved) -> Kept:
    return Kept(
        configuration_id=saved.id,
        version=saved.version,
        created_at=datetime.fromtimestamp(saved.created_at, UTC),
        lineage_event_id=saved.lineage or "",
    )


def _version(saved: Saved) -> Version:
    return Version(
        **_kept(saved).model_dump(),
        tenant_id=saved.tenant,
        name=saved.name,
        content_hash=saved.content_hash,
        configuration=saved.body,
    )
