"""penstock api, and what is saved through it run by its id: as programs, over real HTTP."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def services(home: Path) -> Iterator[dict[str, str]]:
    """The ledger, as the reference services start it."""
    from penstock.services import host

    info = host.start(["ledger"], home=home, ports={})
    yield info.env()
    assert host.stop(home)


@pytest.fixture
def api(alone: Path, services: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a running API, and the environment that it runs in."""
    import os

    environ = {**os.environ, **services, "PENSTOCK_API_TOKEN": services["PENSTOCK_API_TOKEN"]}
    command = [str(Path(sys.executable).parent / "penstock"), "api", "--port", "0"]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    found = re.search(r"http://[0-9.:]+", said)
    assert found, said
    drain = threading.Thread(target=process.stderr.read)
    drain.start()
    yield found[0], environ
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    drain.join()
    process.stderr.close()


def test_saved_over_http_checked_and_planned_by_its_id(api, program) -> None:
    url, environ = api
    headers = {"Authorization": f"Bearer {environ['PENSTOCK_API_TOKEN']}"}
    body = {
        "tenant_id": "acme",
        "name": "orders",
        "connector": {"csv": {"path": "orders.csv"}},
        "pipeline": "name: orders\nlicense: MIT\nstages: [tag, {redact: {policy: {ssn: mask}}}, license]\n",
    }
    assert httpx.post(f"{url}/etl/configurations", json=body).status_code == 401
    answer = httpx.post(f"{url}/etl/configurations", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    id = answer.json()["configuration_id"]
    planned = program("plan", id, "--json")
    assert planned.returncode == 0, planned.stderr
    assert json.loads(planned.stdout)["pipeline"] == "orders"
    assert program("check", f"{id}@1").returncode == 0
    missing = program("check", f"{id}@2")
    assert (missing.returncode, "no configuration" in missing.stdout + missing.stderr) == (2, True)
    assert httpx.get(f"{url}/openapi.json").json()["info"]["title"] == "penstock"


def test_without_a_token_it_does_not_start(call) -> None:
    result = call("api", "--port", "0")
    assert result.exit_code == 2
    assert "PENSTOCK_API_TOKENS_FILE" in result.output


def test_the_wizard_saves_what_was_decided(api, program, tmp_path) -> None:
    url, environ = api
    (tmp_path / "people.csv").write_text("id,email\n1,ada@example.com\n2,bob@example.com\n")
    out = tmp_path / "people.yml"
    arguments = ("wizard", tmp_path / "people.csv", "--yes", "--save", "--json", "--tenant", "acme", "--out", out)
    result = program(*arguments, **{**environ, "PENSTOCK_API_URL": url})
    assert result.returncode == 0, result.stderr
    saved = json.loads(result.stdout)["saved"]
    assert (saved["version"], saved["lineage_event_id"]) == (1, "~configurations/acme#0")
    headers = {"Authorization": f"Bearer {environ['PENSTOCK_API_TOKEN']}"}
    kept = httpx.get(f"{url}/etl/configurations/{saved['configuration_id']}", headers=headers).json()
    assert kept["configuration"]["pii_decisions"] == [{"field_name": "email", "category": "email", "strategy": "mask"}]
    assert program("check", saved["configuration_id"], **environ).returncode == 0
    again = program(*arguments, "--force", **{**environ, "PENSTOCK_API_URL": url})
    assert json.loads(again.stdout)["saved"]["version"] == 1
