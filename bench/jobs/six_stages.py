"""The six stages as a penstock pipeline names them; nothing of penstock is imported here."""

from __future__ import annotations

from typing import Any


def six(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of ``stages`` for a job's configuration."""
    return [
        {"tag": {"include_fields": False}},
        {"redact": {"policy": {"ssn": "mask"}}},
        {"license": {"field": "license", "allow": config["allow"], "registry": "off", "unknown": "deny"}},
        {"geoip": {"database": config["mmdb"], "fields": ["ip"]}},
        {"language": {"fields": ["message"]}},
        {"hash": {"hash_all_content": False, "hash_fields": ["message"]}},
    ]
