"""penstock license: a person's question, answered as the stream would."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.services import licenses

PIPELINE = """
name: orders
tenant: acme
raw: {partitions: 1}
stages:
  - tag
  - redact
  - license:
      allow: [CC-BY-4.0]
      operation: enrich
      region: DE
      terms: {LicenseRef-Vendor: {allow: [enrich], regions: [EU], attribution: Data by Vendor, duties: [attribution]}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.yml"
    path.write_text(PIPELINE)
    return path


@pytest.fixture
def registry(serve: Any, tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url: str = serve(licenses.create_app(f"sqlite:///{tmp_path}/licenses.db", None))
    monkeypatch.setenv("LICENSE_REGISTRY_URL", url)
    return url


def test_the_file_decides(call: Callable[..., Any], file: Path) -> None:
    allowed = call("license", "check", "cc-by-4.0", "--pipeline", file, "--json")
    assert allowed.exit_code == 0 and json.loads(allowed.stdout)["compliant"] is True
    vendor = call("license", "check", "LicenseRef-Vendor", "--pipeline", file)
    assert vendor.exit_code == 0
    assert all(word in vendor.stdout for word in ("enrich", "allow", "attribution", "Data by Vendor", "regions", "EU"))
    abroad = call("license", "check", "LicenseRef-Vendor", "--pipeline", file, "--region", "US", "--json")
    assert abroad.exit_code == 1
    assert [each["code"] for each in json.loads(abroad.stdout)["violations"]] == ["region_denied"]
    trained = call("license", "check", "LicenseRef-Vendor", "--pipeline", file, "--operation", "train", "--json")
    assert [each["code"] for each in json.loads(trained.stdout)["violations"]] == ["not_covered"]


def test_the_registry_decides_the_rest_and_names_the_appeal(call: Callable[..., Any], registry: str) -> None:
    found = call("license", "check", "CC-BY-NC-4.0", "--operation", "commercial-use", "--tenant", "acme", "--json")
    assert found.exit_code == 1
    answer = json.loads(found.stdout)
    assert (answer["decision"], answer["appeal"]["url"]) == ("deny", f"{registry}/api/v1/appeals")
    table = call("license", "check", "CC-BY-NC-4.0", "--operation", "commercial-use").stdout
    assert "the license denies commercial-use" in table and registry in table
    assert call("license", "check", "MIT", "--operation", "redistribute").exit_code == 0


def test_wrong_use(call: Callable[..., Any], file: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (("MIT", "--operation", "fly"), "operation"),
        (("MIT", "--region", "Mars"), "region"),
        (("M" * 300,), "license"),
    ):
        refused = call("license", "check", *arguments)
        assert refused.exit_code == 2 and said in refused.stderr, arguments
    (tmp_path / "none.yml").write_text("name: orders\nstages: [tag]\nungoverned: true\n")
    without = call("license", "check", "MIT", "--pipeline", tmp_path / "none.yml")
    assert without.exit_code == 2 and "no stage `license`" in without.stderr


def test_a_registry_that_is_away(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.model.http import Backoff, ServiceClient

    defaults = {**ServiceClient.__init__.__kwdefaults__, "backoff": Backoff(first=0.001), "retries": 0}
    monkeypatch.setattr(ServiceClient.__init__, "__kwdefaults__", defaults)
    monkeypatch.setenv("LICENSE_REGISTRY_URL", "http://127.0.0.1:9")
    away = call("license", "check", "MIT")
    assert away.exit_code == 3 and "LICENSE_REGISTRY_URL" in away.stderr
