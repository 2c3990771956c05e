"""penstock keys: ids are shown, keys never; a rotation from its first step to its last."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

OLD, NEW = "old-" * 8, "new-" * 8
Call = Callable[..., Result]


@pytest.fixture
def ring(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the file of keys."""
    file = tmp_path / "keys.yml"
    monkeypatch.setenv("PENSTOCK_KEYS_FILE", str(file))

    def write(current: str, **keys: str) -> None:
        file.write_text(json.dumps({"current": current, "keys": keys}))

    return write


def test_ids_are_shown_and_keys_never(call: Call, ring: Callable[..., None]) -> None:
    ring("knew", kold=OLD, knew=NEW)
    shown = call("keys", "show")
    assert shown.stdout.index("knew") < shown.stdout.index("kold")
    assert json.loads(call("keys", "show", "--json").stdout) == {"current": "knew", "older": ["kold"]}
    assert OLD not in shown.stdout and NEW not in shown.stdout


def test_a_rotation(call: Call, ring: Callable[..., None]) -> None:
    def run(text: str) -> str:
        result = call("stage", "run", "redact", "-o", "policy.email=tokenize", input=json.dumps({"a": text}))
        return str(json.loads(result.stdout)["data"]["a"])

    def read(word: str) -> Result:
        return call("detokenize", input=json.dumps(word))

    ring("kold", kold=OLD)
    word = run("ann@example.com")
    ring("kold", kold=OLD, knew=NEW)
    ring("knew", kold=OLD, knew=NEW)
    assert run("ann@example.com") == word
    assert json.loads(read(word).stdout) == "ann@example.com"
    assert json.loads(call("keys", "rewrap", "--json").stdout)["rewrapped"] == 1
    assert "0 data keys" in call("keys", "rewrap").stdout
    ring("knew", knew=NEW)
    assert json.loads(read(word).stdout) == "ann@example.com"
    ring("kold", kold=OLD)
    assert read(word).exit_code == 3


def test_without_a_key(call: Call, alone: Path) -> None:
    result = call("keys", "show")
    assert result.exit_code == 2 and "openssl rand -hex 32" in result.stderr
