"""The six stages as a penstock pipeline names them; nothing of penstock is imported here."""

from __future__ import annotations

from typing import Any

CATEGORIES = ("email", "phone", "ssn", "credit_card", "iban", "ip")
"""What the peers look for, and no more."""


def six(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of ``stages`` for a job's configuration."""
    return [
        {"tag": {"include_fields": False}},
        {"redact": {"policy": {"ssn": "mask"}, "categories": list(CATEGORIES)}},
        {"license": {"field": "license", "allow": config["allow"], "registry": "off", "unknown": "deny"}},
        {"geoip": {"database": config["mmdb"], "fields": ["ip"]}},
        {"language": {"fields": ["message"]}},
        {"hash": {"hash_all_content": False, "hash_fields": ["message"]}},
    ]


def declared(config: dict[str, Any], chain: str) -> dict[str, Any]:
    """Return the pipeline file of a job: the six stages, or those of its configuration, over the harness's topics."""
    return {
        "name": config["group"],
        "chain": chain,
        "raw": {"topic": config["raw"], "partitions": config["partitions"]},
        "enriched": {"topic": config["enriched"]},
        "stages": config.get("stages", six(config)),
        "batching": config.get("batching", {}),
    }
