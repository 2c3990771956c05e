"""Every route of the API under requests of every shape: no failure of the server, and answers as OpenAPI has them."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from penstock.api.app import create_app
from penstock.api.limits import Limits

TOKEN = {"Authorization": "Bearer token-of-all"}
CHECKS = (
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
ROUTES = [
    "GET /etl/configurations",
    "GET /etl/configurations/{id}",
    "GET /etl/configurations/{id}/diff",
    "GET /etl/configurations/{id}/versions",
    "GET /etl/configurations/{id}/versions/{number}",
    "GET /health",
    "POST /etl/configurations",
    "POST /etl/license-check",
    "POST /etl/pii-scan",
    "POST /etl/preview-schema",
]


@pytest.fixture
def operations(environ: dict[str, str]) -> dict[str, schemathesis.schemas.APIOperation]:
    app = create_app(environ, Limits(requests_per_minute=10**6))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    found = (result.ok() for result in schema.get_all_operations())
    return {operation.label: operation for operation in found}


def test_no_route_is_left_out(operations) -> None:
    assert sorted(operations) == ROUTES


# what asks for nothing cannot be asked wrongly
@pytest.mark.parametrize(
    ("route", "mode"), [(route, mode) for route in ROUTES for mode in GenerationMode if route != "GET /health"]
)
def test_answers_are_what_the_document_says(operations, route: str, mode: GenerationMode) -> None:
    @settings(
        max_examples=25,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operations[route].as_strategy(generation_mode=mode))
    def answers(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=TOKEN, checks=CHECKS)

    answers()


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_gets_in_without_a_token(operations, route: str) -> None:
    @settings(max_examples=3, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operations[route].as_strategy(), token=st.sampled_from(["", "Bearer ", "Bearer x", "Basic eDp5"]))
    def answers(case: schemathesis.Case, token: str) -> None:
        response = case.call(headers={"Authorization": token})
        assert response.status_code == (200 if route == "GET /health" else 401)

    answers()
