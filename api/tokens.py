"""Who calls, and for which tenant.

The file that ``PENSTOCK_API_TOKENS_FILE`` names holds, as YAML or JSON, one entry a token, by the SHA-256 of the token
in hexadecimal digits, so that reading the file lets nobody in:

    2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae: {tenant: acme}
    fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9: {tenant: "*"}

A token is good for its tenant, ``*`` for all of them. Without the file the one token of ``PENSTOCK_API_TOKEN`` is good
for all tenants; without either the API does not start.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from penstock.api.problems import ProblemError
from penstock.model.errors import ConfigurationError
from penstock.model.http import TOKEN_VARIABLE

FILE_VARIABLE: Final = "PENSTOCK_API_TOKENS_FILE"
ALL_TENANTS: Final = "*"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes
    ----------
    tenant : str
        ``*`` for all.
    name : str
        The first digits of the token's hash: what logs and audits know a caller by.
    """

    tenant: str
    name: str

    def of(self, tenant: str) -> str:
        """`tenant`, if the caller may act for it. Raises ProblemError (403) otherwise."""
        if self.tenant not in (ALL_TENANTS, tenant):
            raise ProblemError(403, "wrong_tenant", "this token is for another tenant")
        return tenant


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tenant: str = Field(min_length=1, max_length=128)


class _File(RootModel[dict[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], _Entry]]):
    pass


def read_tokens(environ: Mapping[str, str]) -> dict[str, str]:
    """Tenant by hash of the token.

    Raises
    ------
    ConfigurationError
        There is no token, or the file cannot be read or is not as described above.
    """
    if name := environ.get(FILE_VARIABLE):
        return {digest: entry.tenant for digest, entry in _read(Path(name)).root.items()}
    if token := environ.get(TOKEN_VARIABLE):
        return {digest_of(token): ALL_TENANTS}
    raise ConfigurationError(
        "the API needs tokens, so that not everybody may call it",
        hint=f"set {FILE_VARIABLE} to a file of them, or {TOKEN_VARIABLE} to one for all tenants",
    )


def digest_of(token: str) -> str:
    """What the file holds of a token."""
    return sha256(token.encode()).hexdigest()


def authenticated(tokens: Mapping[str, str]) -> Callable[..., Caller]:
    """A FastAPI dependency: the caller; a problem with status 401 for who has no token (RFC 6750, section 3)."""
    scheme = HTTPBearer(scheme_name="bearer", description="A token of the API.", auto_error=False)

    def check(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> Caller:
        digest = digest_of(credentials.credentials) if credentials is not None else ""
        # every entry is compared, in constant time: how long it takes tells nothing
        tenants = [tenant for known, tenant in tokens.items() if hmac.compare_digest(known, digest)]
        if not tenants:
            raise ProblemError(
                401,
                "unauthorized",
                "this needs the header Authorization: Bearer with a token of the API",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return Caller(tenants[0], digest[:12])

    return check


def _read(path: Path) -> _File:
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _File.model_validate(data)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint=f"{FILE_VARIABLE} names it") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError(f"{path}: not YAML", hint=f"{FILE_VARIABLE} names it") from None
    except ValidationError as error:
        # never the key itself: who wrote a token where its hash is due has written a secret
        raise ConfigurationError(
            f"{path}: {error.error_count()} entries are not a SHA-256 in hexadecimal digits with a tenant",
            hint="such as 2c26b4…: {tenant: acme}",
        ) from None
