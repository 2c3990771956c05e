"""Prometheus scrapes what a worker serves; dashboards ask for metrics and labels that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.cli.reference import metrics

SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}
LABELS = {name + suffix: set(labels) for name, kind, labels, _ in metrics() for suffix in SUFFIXES.get(kind, ("",))}


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture
def dashboards(root: Path) -> dict[str, dict[str, Any]]:
    folder = root / "deploy/grafana/dashboards"
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}


def _queries(value: Any) -> list[str]:
    """Every query in a dashboard, in panels and in variables."""
    if isinstance(value, dict):
        own = [value[key] for key in ("expr", "query", "definition") if isinstance(value.get(key), str)]
        return own + [query for item in value.values() for query in _queries(item)]
    return [query for item in value for query in _queries(item)] if isinstance(value, list) else []


def test_prometheus_scrapes_workers(root: Path, compose: dict[str, Any]) -> None:
    (job,) = _yaml(root / "deploy/prometheus.yml")["scrape_configs"]
    assert job.get("metrics_path", "/metrics") == "/metrics"
    (found,) = job["dns_sd_configs"]
    assert found["names"] == ["worker"]
    environment = compose["services"]["worker"]["environment"]
    assert str(found["port"]) == environment["METRICS_PORT"]
    assert environment["METRICS_HOST"] == "0.0.0.0"


def test_dashboards_ask_for_metrics_and_labels_that_exist(dashboards: dict[str, dict[str, Any]]) -> None:
    assert dashboards
    for name, dashboard in dashboards.items():
        asked = [query for query in _queries(dashboard) if "penstock_" in query]
        assert len(asked) >= len(dashboard["panels"]), name
        for query in asked:
            for metric in re.findall(r"penstock_\w+", query):
                assert metric in LABELS, query
            labels = {label for metric in re.findall(r"penstock_\w+", query) for label in LABELS[metric]} | {"le"}
            by = [label.strip() for part in re.findall(r"by \(([^)]*)\)", query) for label in part.split(",")]
            matched = re.findall(r"[{,]\s*(\w+)\s*=~?", query)
            assert {*by, *matched} <= labels, query


def test_dashboards_are_where_grafana_looks_and_ask_the_source_that_is_there(
    root: Path, compose: dict[str, Any], dashboards: dict[str, dict[str, Any]]
) -> None:
    (source,) = _yaml(root / "deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    at = re.fullmatch(r"http://(\w+):(\d+)", source["url"])
    assert at is not None
    assert f"{at[2]}:{at[2]}" in compose["services"][at[1]]["ports"]
    uids = set(re.findall(r'"uid": "(\w+)"', json.dumps([dashboard["panels"] for dashboard in dashboards.values()])))
    assert uids <= {source["uid"]}
    (provider,) = _yaml(root / "deploy/grafana/provisioning/dashboards/penstock.yml")["providers"]
    mounted = dict(volume.split(":")[:2][::-1] for volume in compose["services"]["grafana"]["volumes"])
    assert mounted[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    assert mounted["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"
