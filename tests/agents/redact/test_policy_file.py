import asyncio
import re
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import yaml

from penstock.agents.redact import _policy_file
from penstock.agents.redact.redact import Config, build, finder
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError, PolicyFileError
from penstock.model.record import Kept, Record
from penstock.model.verdict import KEEP, Keep

KEY = "0123456789abcdef0123456789abcdef"
ANN = {"email": "ann@example.com", "user": {"phone": "+1 415 555 2671"}, "notes": "any text", "n": 1}
POLICY = """
default:
  policy: {email: mask, ssn: remove}
  fields: {notes: remove}
  purposes:
    analytics: {policy: {email: pseudonymise}}
tenants:
  acme:
    policy: {phone: hash}
    fields:
      email: {keep: the contract is sent there}
    purposes:
      analytics: {fields: {email: hash}}
  other:
    policy: {email: remove}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yml"
    path.write_text(POLICY)
    return path


def redacted(file: Path, *tenants: str | None, data: Any = ANN, **options: Any) -> list[Any]:
    """The record as each tenant gets it; None is the pipeline's own."""
    stage = build(Config(policy_file=str(file), **options), Resources(environ={"PENSTOCK_HASH_KEY": KEY}))
    notes = [{} if tenant is None else {"tenant": orjson.dumps(tenant)} for tenant in tenants]
    records = [Record(Kept(n, 0, orjson.dumps(data), note), f"t/0/{n}") for n, note in enumerate(notes)]

    async def run() -> Any:
        return await stage(records)

    keeps = cast(list[Keep], asyncio.run(run()))
    return [data if keep is KEEP else keep.data for keep in keeps]


def test_each_tenant_has_its_own(file: Path) -> None:
    nobody, acme, other, again = redacted(file, None, "acme", "other", "acme")
    assert nobody == {"email": "a***@e***.com", "user": {"phone": "+1 *** *** **71"}, "notes": None, "n": 1}
    assert re.fullmatch("hash:.*", acme["user"]["phone"]) and acme["email"] == "ann@example.com"
    assert (acme["notes"], acme) == (None, again)
    assert other == {**nobody, "email": None}


def test_a_purpose_is_more_than_the_tenant_s_section(file: Path) -> None:
    nobody, acme, other = redacted(file, "nobody", "acme", "other", purpose="analytics")
    assert nobody["email"].startswith("Person-")
    assert acme["email"].startswith("hash:") and acme["user"]["phone"].startswith("hash:")
    assert other["email"] is None


def test_the_file_holds_whatever_the_options_say(file: Path) -> None:
    (nobody,) = redacted(file, None, policy={"email": {"keep": "x"}, "phone": "remove"}, fields={"notes": "hash"})
    assert nobody == {"email": "a***@e***.com", "user": {"phone": None}, "notes": None, "n": 1}


def test_an_empty_file_changes_nothing(file: Path) -> None:
    file.write_text("{}")
    assert redacted(file, "acme")[0]["email"] == "a***@e***.com"


def test_what_is_not_looked_for_may_stand_in_the_file(file: Path) -> None:
    file.write_text("default: {policy: {ssn: hash}, fields: {email: {ssn: hash, email: remove}}}")
    assert redacted(file, None, categories=("email",))[0]["email"] is None


def test_who_looks_sees_what_holds_for_everybody(file: Path) -> None:
    found = finder(Config(policy_file=str(file)))({"a": "123-45-6789"})
    assert [place.strategy for place in found] == ["remove"]


def test_the_page_of_the_module_is_a_policy(tmp_path: Path) -> None:
    text = re.search(r"::\n\n((?:    .*\n|\n)+)", _policy_file.__doc__ or "")
    assert text is not None
    path = tmp_path / "policy.yml"
    path.write_text(text[1])
    assert _policy_file.load(path).tenants["acme"].policy == {"phone": "tokenize"}
    assert yaml.safe_load(text[1])


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[1]", 1, "a policy file is a mapping"),
        ("default: [", None, "not YAML"),
        ("default:\n  polcy: {}", 2, "unknown key polcy.*did you mean policy"),
        ("tenant: {}", 1, "did you mean tenants"),
        ("default:\n  policy:\n    emial: mask", 3, "no recognizer is called emial.*did you mean email"),
        ("default:\n  policy:\n    email: msak", 3, "no strategy is called msak.*did you mean mask"),
        ("default:\n  policy:\n    email: keep", 3, "keep needs a reason"),
        ("default:\n  policy:\n    email: {keep: ''}", 3, "at least 1 character"),
        ("tenants:\n  acme:\n    fields:\n      a: {emial: mask}", 4, "no recognizer is called emial"),
        ("tenants:\n  acme:\n    fields:\n      a: tokenise", 4, "did you mean tokenize"),
        ("tenants:\n  acme:\n    purposes:\n      x:\n        fields: {a: no}", 5, "allowed"),
        (
            "tenants:\n  acme:\n    purposes:\n      x:\n        policy: {ssn: nothing}",
            5,
            "no strategy is called nothing",
        ),
        ("default: {}\ndefault: {}", 2, "stands here twice"),
    ],
)
def test_a_slip_is_named_with_its_line(file: Path, text: str, line: int | None, said: str) -> None:
    file.write_text(text)
    with pytest.raises(PolicyFileError, match=f"(?s){said}") as caught:
        build(Config(policy_file=str(file)), Resources())
    assert str(caught.value).startswith(f"{file}:")
    assert line is None or caught.value.line == line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="cannot be read: No such file"):
        build(Config(policy_file=str(tmp_path / "none.yml")), Resources())


def test_a_purpose_must_be_one(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no purpose analytcs.*did you mean analytics"):
        redacted(file, None, purpose="analytcs")
    with pytest.raises(ConfigurationError, match="a purpose needs a policy file"):
        build(Config(purpose="analytics"), Resources())


def test_a_key_is_asked_for_where_any_tenant_needs_one(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="needs a key"):
        build(Config(policy_file=str(file)), Resources())
