"""The schema registry: subjects, versions and compatibility, with the paths, bodies and error codes of Confluent's.

Avro schemas are compared by `penstock.services.avro_resolution`. JSON schemas are kept and given out, but nothing is
known of their compatibility: a subject takes a second one only where its level is NONE. An id belongs to a schema's
normal form, so that the same schema in another subject, or written with other spaces, has the same id.

Deleting is in two steps, as there: a deleted version is not listed and not compared with; deleting it again with
``permanent=true`` forgets the version. The id goes on working either way: messages that name it may still be read.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from penstock.services.auth import Refusal, bearer
from penstock.services.database import connect, reading
from penstock.services.schema_store import METADATA, RegistryError, SchemaStore

CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"


class RegistryResponse(JSONResponse):
    media_type = CONTENT_TYPE


class Reference(BaseModel):
    """A version of another subject whose types a schema names."""

    name: str = Field(description="The full name by which the schema refers to it.")
    subject: str
    version: int


class NewSchema(BaseModel):
    """A schema as it is sent."""

    text: str = Field(alias="schema", description="The schema itself, JSON in a string.")
    kind: str = Field("AVRO", alias="schemaType", description="AVRO or JSON.")
    references: list[Reference] = []

    def content(self) -> tuple[str, str, list[dict[str, Any]]]:
        return self.text, self.kind, [reference.model_dump() for reference in self.references]


class Compatibility(BaseModel):
    """A level of compatibility."""

    compatibility: str = Field(description="NONE, or BACKWARD, FORWARD or FULL, each also with _TRANSITIVE.")


Deleted = Annotated[bool, Query(description="Also what is deleted, but not for good.")]
Permanent = Annotated[bool, Query(description="Forget what is deleted already.")]
Verbose = Annotated[bool, Query(description="Say what is not compatible.")]


def create_app(database_url: str, token: str | None) -> FastAPI:
    """The service.

    Parameters
    ----------
    database_url : str
        ``sqlite:///…`` or ``postgresql://…``.
    token : str or None
        Bearer token that callers must send; None lets everybody in.
    """
    app = FastAPI(
        title="penstock schema registry",
        version="1",
        description="Avro schemas by subject and version, compatible with clients of Confluent's registry.",
        default_response_class=RegistryResponse,
    )
    _answer_errors(app)
    store = SchemaStore(connect(database_url, METADATA))
    app.include_router(_health())
    # Subjects may hold slashes, so their parameter is a path and the longer routes must come first.
    for router in (_schemas(store), _versions(store), _subjects(store), _compatibility(store), _config(store)):
        app.include_router(router, dependencies=[Depends(bearer(token))])
    return app


def _answer_errors(app: FastAPI) -> None:
    def answer(_request: Request, error: Exception) -> Response:
        if isinstance(error, RegistryError):
            return RegistryResponse({"error_code": error.code, "message": error.message}, error.status)
        if isinstance(error, Refusal):
            detail: Any = error.detail
            body = {"error_code": error.status_code, "message": detail["message"]}
            return RegistryResponse(body, error.status_code, error.headers)
        assert isinstance(error, RequestValidationError)
        # Where, and not what: the input itself is not repeated.
        where = ", ".join(".".join(str(part) for part in found["loc"]) for found in error.errors())
        return RegistryResponse({"error_code": 422, "message": f"missing or of the wrong type: {where}"}, 422)

    for kind in (RegistryError, Refusal, RequestValidationError):
        app.add_exception_handler(kind, answer)


def _health() -> APIRouter:
    router = APIRouter()

    @router.get("/health", summary="Whether the service is up")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/", summary="What clients ask to see whether somebody is there")
    def root() -> dict[str, str]:
        return {}

    return router


def _schemas(store: SchemaStore) -> APIRouter:
    router = APIRouter(tags=["schemas"])

    @router.get("/schemas/types", summary="Kinds of schemas that are taken")
    def types() -> list[str]:
        return ["AVRO", "JSON"]

    @router.get("/schemas/ids/{id}", summary="The schema of an id")
    def by_id(id: int) -> dict[str, Any]:
        with reading(store.engine) as connection:
            return store.described(store.by_id(connection, id))

    @router.get("/schemas/ids/{id}/schema", summary="The schema of an id, the text alone")
    def text_by_id(id: int) -> Response:
        with reading(store.engine) as connection:
            return Response(store.by_id(connection, id).text, media_type=CONTENT_TYPE)

    @router.get("/schemas/ids/{id}/versions", summary="Where a schema is registered")
    def versions_by_id(id: int, deleted: Deleted = False) -> list[dict[str, Any]]:
        with reading(store.engine) as connection:
            store.by_id(connection, id)
            return store.places(connection, id, deleted)

    return router


def _versions(store: SchemaStore) -> APIRouter:
    router = APIRouter(prefix="/subjects/{subject:path}/versions", tags=["versions"])

    @router.get("/{version}/schema", summary="A version, the text alone")
    def version_text(subject: str, version: str, deleted: Deleted = False) -> Response:
        with reading(store.engine) as connection:
            return Response(store.version(connection, subject, version, deleted).text, media_type=CONTENT_TYPE)

    @router.get("/{version}", summary="A version, by number or 'latest'")
    def version(subject: str, version: str, deleted: Deleted = False) -> dict[str, Any]:
        with reading(store.engine) as connection:
            return store.placed(store.version(connection, subject, version, deleted))

    @router.delete("/{version}", summary="Delete a version")
    def delete_version(subject: str, version: str, permanent: Permanent = False) -> int:
        with store.writing() as connection:
            return store.delete_version(connection, subject, version, permanent)

    @router.get("", summary="Numbers of a subject's versions")
    def versions(subject: str, deleted: Deleted = False) -> list[int]:
        with reading(store.engine) as connection:
            return [row.version for row in store.versions(connection, subject, deleted)]

    @router.post("", summary="Register a schema; the same one again gives the same id")
    def register(subject: str, body: NewSchema) -> dict[str, int]:
        with store.writing() as connection:
            return {"id": store.register(connection, subject, *body.content())}

    return router


def _subjects(store: SchemaStore) -> APIRouter:
    router = APIRouter(prefix="/subjects", tags=["subjects"])

    @router.get("", summary="Subjects")
    def subjects(deleted: Deleted = False) -> list[str]:
        with reading(store.engine) as connection:
            return store.subjects(connection, deleted)

    @router.post("/{subject:path}", summary="Which version of a subject a schema is")
    def look_up(subject: str, body: NewSchema, deleted: Deleted = False) -> dict[str, Any]:
        with reading(store.engine) as connection:
            return store.placed(store.look_up(connection, subject, *body.content(), deleted=deleted))

    @router.delete("/{subject:path}", summary="Delete a subject")
    def delete_subject(subject: str, permanent: Permanent = False) -> list[int]:
        with store.writing() as connection:
            return store.delete_subject(connection, subject, permanent)

    return router


def _compatibility(store: SchemaStore) -> APIRouter:
    router = APIRouter(prefix="/compatibility/subjects/{subject:path}/versions", tags=["compatibility"])

    def verdict(found: list[str], verbose: bool) -> dict[str, Any]:
        return {"is_compatible": not found} | ({"messages": found} if verbose else {})

    @router.post("/{version}", summary="Whether a schema is compatible with one version")
    def with_version(subject: str, version: str, body: NewSchema, verbose: Verbose = False) -> dict[str, Any]:
        with reading(store.engine) as connection:
            return verdict(store.check(connection, subject, *body.content(), version=version), verbose)

    @router.post("", summary="Whether a schema is compatible with all versions that its level names")
    def with_subject(subject: str, body: NewSchema, verbose: Verbose = False) -> dict[str, Any]:
        with reading(store.engine) as connection:
            return verdict(store.check(connection, subject, *body.content()), verbose)

    return router


def _config(store: SchemaStore) -> APIRouter:
    router = APIRouter(prefix="/config", tags=["config"])

    @router.get("", summary="The level of subjects that have none of their own")
    def level() -> dict[str, str]:
        with reading(store.engine) as connection:
            return {"compatibilityLevel": store.level(connection, "")}

    @router.put("", summary="Set the level of subjects that have none of their own")
    def set_level(body: Compatibility) -> dict[str, str]:
        with store.writing() as connection:
            return {"compatibility": store.set_level(connection, "", body.compatibility)}

    @router.get("/{subject:path}", summary="The level of a subject")
    def subject_level(subject: str, default_to_global: Annotated[bool, Query(alias="defaultToGlobal")] = False) -> Any:
        with reading(store.engine) as connection:
            return {"compatibilityLevel": store.level(connection, subject, default_to_global)}

    @router.put("/{subject:path}", summary="Set the level of a subject")
    def set_subject_level(subject: str, body: Compatibility) -> dict[str, str]:
        with store.writing() as connection:
            return {"compatibility": store.set_level(connection, subject, body.compatibility)}

    @router.delete("/{subject:path}", summary="Take a subject's own level away")
    def delete_subject_level(subject: str) -> dict[str, str]:
        with store.writing() as connection:
            return {"compatibilityLevel": store.delete_level(connection, subject)}

    return router
