"""The pipeline files of the scenarios: small stages, so that faults and not the work fill the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from . import budgets
from .load import ALLOWED, DENIED, PARTITIONS

STAGES: list[Any] = [
    "tag",
    {"map": {"entities": [{"type": "Thing", "key": "id", "properties": {"room": "room"}}]}},
    "redact",
    {"license": {"field": "license", "allow": [ALLOWED], "deny": [DENIED], "unknown": "quarantine"}},
]
CHAIN = [["tag", "map"], ["redact"], ["license"]]
AGENTS = ("ingest", "tag-map", "redact", "license", "deliver")
SINKS = ("graph", "ledger", "file")
LINGER: dict[str, dict[str, Any]] = {"short": {"linger_ms": 200}, "full": {}}
"""Fewer frames a second where three scenarios share two cores."""


def write(folder: Path, name: str, **keys: Any) -> Path:
    """A pipeline file with three agents, delivery and three sinks, or what `keys` say instead."""
    content = {
        "name": name,
        "tenant": "chaos",
        "raw": {"partitions": PARTITIONS, "retention_hours": 24},
        "stages": STAGES,
        "chain": CHAIN,
        "sinks": ["graph", "ledger", {"file": {"path": str(folder / "files")}}],
        "error_handling": {"max_backoff_seconds": 2},
        "monitoring": {"log_level": "WARNING"},
        **keys,
        "batching": {**LINGER[budgets.size()], **keys.get("batching", {})},
    }
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path
