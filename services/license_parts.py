"""What the routes of the license registry share: licenses, the kinds of parameters, answers under a condition."""

from typing import Annotated, Final, Literal

from fastapi import Header, Path, Query, Response
from pydantic import Field

from penstock.model.license import Terms as ModelTerms
from penstock.services.license_store import Row

ID_PATTERN: Final = r"^[A-Za-z0-9.+_:-]{1,256}$"

Category = Literal[
    "public-domain", "permissive", "copyleft", "share-alike", "non-commercial", "no-derivatives", "proprietary"
]
# PostgreSQL stores no NUL
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
LicenseId = Annotated[str, Field(pattern=ID_PATTERN)]
SpdxId = Annotated[str, Path(description="SPDX id, or LicenseRef-…; in any case.", pattern=ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]
Actor = Annotated[
    str,
    Header(alias="X-Authority-ID", max_length=256, pattern=r"^[^\x00]*$", description="Who asks, changes or decides."),
]
Condition = Annotated[str | None, Header(alias="If-None-Match", description="An ETag: 304 where nothing changed.")]


class Terms(ModelTerms):
    """What a license says, and what it is."""

    name: Text
    url: Text | None = None
    category: Category
    status: Literal["active", "revoked", "deprecated"] = Field(
        "active", description="Revoked denies everything; deprecated only says that a newer one exists."
    )


class License(Terms):
    """A license."""

    id: str = Field(description="SPDX id, or LicenseRef-…", pattern=ID_PATTERN)


class Registered(License):
    """A license as it stands."""

    version: int


def registered(row: Row) -> Registered:
    """The license in a row of its newest version."""
    return Registered(**License.model_validate_json(row.body).model_dump(), version=row.version)


def conditional(
    body: bytes | memoryview, etag: str, condition: str | None, kept: str = "private, no-cache"
) -> Response:
    """The body, or 304 where the caller has it already (RFC 9110, section 13.1.2)."""
    headers = {"ETag": f'"{etag}"', "Cache-Control": kept}
    asked = {part.strip().removeprefix("W/") for part in (condition or "").split(",")}
    if asked & {f'"{etag}"', "*"}:
        return Response(status_code=304, headers=headers)
    return Response(bytes(body), media_type="application/json", headers=headers)
