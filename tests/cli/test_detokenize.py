"""penstock detokenize: what can be read, and what is said of the rest."""

import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from typer.testing import Result

KEY = "0123456789abcdef" * 2
Call = Callable[..., Result]


@pytest.fixture
def keys(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_HASH_KEY", KEY)


def line(n: int) -> dict[str, object]:
    return {"n": n, "a": f"u{n}@example.com", "u@example.com": ["x", f"u{n}@example.com;u{n}@example.org"]}


@pytest.fixture
def sealed(call: Call, keys: None) -> list[bytes]:
    """Lines as `redact` prints them."""
    lines = [line(n) for n in range(1200)]
    result = call("stage", "run", "redact", "-o", "policy.email=tokenize", input=b"\n".join(map(orjson.dumps, lines)))
    return [orjson.dumps(json.loads(out)["data"]) for out in result.stdout.splitlines()]


def test_lines_come_out_as_they_were_before(call: Call, sealed: list[bytes]) -> None:
    assert b"@" not in b"".join(sealed)
    result = call("detokenize", input=b"\n".join(sealed))
    assert (result.exit_code, result.stderr) == (0, "")
    found = [json.loads(out) for out in result.stdout.splitlines()]
    assert found[1199] == line(1199)
    assert [one["n"] for one in found] == list(range(1200))


def test_text_around_and_between_words_stays(call: Call, sealed: list[bytes]) -> None:
    one, two = (json.loads(out)["a"] for out in sealed[:2])
    result = call("detokenize", input=orjson.dumps([f"{one}{two}", f"({one})", f"x{one}!", None, 1.5]) + b"\n\n")
    assert json.loads(result.stdout.splitlines()[0]) == [
        "u0@example.comu1@example.com", "(u0@example.com)", "xu0@example.com!", None, 1.5,
    ]  # fmt: skip


def test_what_cannot_be_read_is_told_and_stays(call: Call, sealed: list[bytes]) -> None:
    word = json.loads(sealed[0])["a"]
    kind, id, _ = word.split("_")
    strange = "tok_" + "z" * 16 + "_aaaa"
    damaged = f"{word[:-2]}aa"
    other_kind = f"enc{word[3:]}"
    values = [word, strange, damaged, other_kind, f"{kind}_{id}_a", "tok_erased", "tok_x", "token_abc"]
    result = call("detokenize", input=b"\n".join(map(orjson.dumps, values)))
    assert result.exit_code == 1
    assert [json.loads(out) for out in result.stdout.splitlines()] == ["u0@example.com", *values[1:]]
    assert [json.loads(out) for out in result.stderr.splitlines()] == [
        {"line": 2, "key": "z" * 16, "reason": "unknown"},
        {"line": 3, "key": id, "reason": "damaged"},
        {"line": 4, "key": id, "reason": "damaged"},
        {"line": 5, "key": id, "reason": "damaged"},
        {"line": 6, "key": "", "reason": "erased"},
    ]


def test_without_the_key_nothing_is_read(call: Call, sealed: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_HASH_KEY", KEY[::-1])
    result = call("detokenize", input=sealed[0])
    assert result.exit_code == 3 and "is not in the keyring" in result.stderr and not result.stdout
    monkeypatch.delenv("PENSTOCK_HASH_KEY")
    result = call("detokenize", input=sealed[0])
    assert result.exit_code == 2 and "needs a key" in result.stderr


def test_what_is_no_json_is_named_by_its_line(call: Call, keys: None) -> None:
    result = call("detokenize", input=b"{}\n\n{secret\n")
    assert result.exit_code == 2
    assert "line 3 is not JSON" in result.stderr and "secret" not in result.stderr
