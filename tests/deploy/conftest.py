"""What the tests of the deployment read: the Compose file with its variables filled in, and who may set them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?(?P<refusal>[^}]*))?\}")


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "deploy/README.md").read_text(encoding="utf-8")


@pytest.fixture
def written() -> dict[str, Any]:
    """docker-compose.yml as it is written, anchors resolved."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def compose(written: dict[str, Any]) -> dict[str, Any]:
    """The same with its variables filled in: their defaults, and `secret` for what must be set."""
    filled: dict[str, Any] = _filled(written)
    return filled


@pytest.fixture
def variables(root: Path) -> dict[str, re.Match[str]]:
    """The variables that docker-compose.yml takes from the environment."""
    lines = (root / "docker-compose.yml").read_text(encoding="utf-8").splitlines()
    found = (match for line in lines if not line.startswith("#") for match in _VARIABLE.finditer(line))
    return {match["name"]: match for match in found}


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: "secret" if match["default"] is None else match["default"], value)
    return value
