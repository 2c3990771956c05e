"""penstock wizard: what it writes passes check, does what was decided, and holds no value of the sample."""

import json
import os
import pty
import select
import stat
import sys
import time
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

CSV = (
    "id;Vorname;e_mail;ip;notiz;plz;ssn\n"
    "1;Ada;ada@example.com;8.8.8.8;Der Zug aus Bern kommt heute leider spät;01234;123-45-6789\n"
    "2;Cy;cy@example.com;9.9.9.9;Der Zug kommt heute leider sehr spät an;80331;219-09-9999\n"
)
VALUES = ("Ada", "Cy", "example.com", "8.8.8", "Zug", "01234", "6789")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kunden.csv").write_text(CSV, encoding="utf-8")
    return tmp_path


def stages(file: Path) -> dict[str, dict]:
    found = yaml.safe_load(file.read_text(encoding="utf-8"))["stages"]
    return {
        name: options or {}
        for entry in found
        for name, options in (entry.items() if isinstance(entry, dict) else [(entry, {})])
    }


def test_what_is_proposed(call, folder):
    result = call("wizard", "kunden.csv", "--yes")
    assert result.exit_code == 0, result.stderr
    file = folder / "kunden.yml"
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert written["sources"] == [{"csv": {"path": "kunden.csv", "delimiter": ";"}}]
    found = stages(file)
    assert list(found) == ["tag", "map", "redact", "license", "geoip", "language"]
    (person,) = found["map"]["entities"]
    assert (person["type"], person["key"]) == ("Person", "id")
    assert person["properties"]["first_name"] == "Vorname"
    assert found["redact"]["policy"]["ssn"] == "remove"  # hash needs a key, and there is none
    assert found["redact"]["also"] == ["postal_code"]
    assert not [value for value in VALUES if value in file.read_text(encoding="utf-8")]
    assert "2 records looked at" in result.stderr
    checked = call("check", file)
    assert checked.exit_code == 0
    assert "error" not in checked.stdout


def test_where_there_is_a_key_hash_is_proposed(call, folder, monkeypatch):
    monkeypatch.setenv("PENSTOCK_HASH_KEY", "0123456789abcdef0123")
    assert call("wizard", "kunden.csv", "--yes").exit_code == 0
    assert stages(folder / "kunden.yml")["redact"]["policy"]["ssn"] == "hash"


def test_what_is_blurred_identifies_nobody(call, folder, monkeypatch):
    (folder / "m.csv").write_text("name,email\nAnn,ann@example.com\nAmy,amy@example.com\n")
    result = call("wizard", "m.csv", "--yes")
    assert "map" not in stages(folder / "m.yml")
    assert "Person is left out" in result.stderr
    monkeypatch.setenv("PENSTOCK_HASH_KEY", "0123456789abcdef0123")
    assert call("wizard", "m.csv", "--yes", "--force", "--pii", "email=pseudonymise").exit_code == 0
    (person,) = stages(folder / "m.yml")["map"]["entities"]
    assert person["key"] == "email"


def test_names_of_fields_that_look_like_something_else(call, folder, monkeypatch):
    monkeypatch.setenv("PENSTOCK_HASH_KEY", "a-secret-of-sixteen-bytes")
    names = [
        "id",
        "${PENSTOCK_HASH_KEY}.email",
        "${PENSTOCK_HASH_KEY}",
        'a"b',
        "[x]",
        "a: b",
        "- y",
        "*",
        "true",
        "'q",
        "ü\u2028",
    ]
    rows = [{name: f"u{n}.{i}@example.com" if i else n for i, name in enumerate(names)} for n in range(3)]
    (folder / "odd.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    result = call("wizard", "odd.jsonl", "--yes", "--pii", "a: b=remove", "--pii", "true=remove")
    assert result.exit_code == 0, result.stderr
    text = (folder / "odd.yml").read_text(encoding="utf-8")
    assert "${" not in text and "a-secret" not in text and "example.com" not in text
    assert sorted(stages(folder / "odd.yml")["redact"]["fields"]) == ["a: b", "true"]
    assert call("check", "odd.yml").exit_code == 0
    refused = call("wizard", "odd.jsonl", "--yes", "--force", "--pii", "[x]=remove")
    assert refused.exit_code == 2 and "no rule of its own" in refused.stderr


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\x00\x01\x02", b"a,a\n1,2\n", b'{"a": 1', b"[]", b"PAR1broken", b"Obj\x01xx"]
)
def test_a_file_that_is_no_sample(call, folder, content):
    (folder / "bad").write_bytes(content)
    result = call("wizard", "bad", "--yes")
    assert result.exit_code in (1, 2) and result.stderr.startswith("error: ")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert not (folder / "bad.yml").exists()


def test_options_decide(call, folder):
    options = ("--map", "ip=", "--map", "notiz=Event.name", "--pii", "e_mail=remove", "--pii", "plz=generalise",
               "--license", "MIT", "--acknowledge-license", "--region", "de", "--tenant", "acme", "--name", "k2",
               "--out", "x.yml")  # fmt: skip
    result = call("wizard", "kunden.csv", "--yes", *options, "--json")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    body = said["configuration"]
    targets = {
        one["source_field"]: f"{one['canonical_entity']}.{one['canonical_property']}" for one in body["mappings"]
    }
    assert targets["notiz"] == "Event.name"
    assert "ip" not in targets
    assert {"field_name": "e_mail", "category": "email", "strategy": "remove"} in body["pii_decisions"]
    assert (body["tenant_id"], body["name"], body["license_acknowledged"]) == ("acme", "k2", True)
    assert said["file"] == "x.yml"
    found = stages(folder / "x.yml")
    assert found["redact"]["policy"]["postal_code"] == "generalise"
    assert found["license"] == {"allow": ["MIT"], "operation": "ingest", "region": "DE", "unknown": "quarantine"}
    assert call("check", "x.yml").exit_code == 0


def test_answers(call, folder):
    (folder / "answers.yml").write_text(
        "options: {path: kunden.csv, delimiter: ';'}\nconnector: csv\nname: mine\nlicense: CC0-1.0\n"
        "acknowledge: true\npii:\n  ip: {keep: needed to find abuse}\n  e_mail: {email: tokenize}\n"
    )
    result = call("wizard", "--answers", "answers.yml")
    assert result.exit_code == 0, result.stderr
    assert stages(folder / "mine.yml")["redact"]["policy"]["ip"] == {"keep": "needed to find abuse"}
    assert stages(folder / "mine.yml")["redact"]["policy"]["email"] == "tokenize"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nmae: x\n", "answers.yml:1: unknown key nmae (did you mean name?)"),
        ("name: x\npii: {e_mail: keep}\n", "answers.yml:2: pii.e_mail: keep needs a reason"),
        ("mappings: {emial: Person.email}\n", "the sample has no field emial"),
        ("mappings: {e_mail: Persn.email}\n", "no entity Persn (did you mean Person?)"),
        ("mappings: {e_mail: Person.emial}\n", "Person has no property emial (did you mean email?)"),
        ("pii: {notiz: mask}\n", "nothing personal was found in notiz"),
        ("pii: {e_mail: maks}\n", "no strategy is called maks (did you mean mask?)"),
        ("license: 'MIT AND'\n", "license: "),
        ("connector: cvs\n", "no source is called cvs (did you mean csv?)"),
        ("options: {delimiter: ';;'}\n", "csv: delimiter"),
        ("[1]\n", "answers are a mapping of keys"),
    ],
)
def test_answers_that_do_not_fit(call, folder, text, said):
    (folder / "answers.yml").write_text(text)
    result = (
        call("wizard", "kunden.csv", "--answers", "answers.yml", "--license", "MIT", "--acknowledge-license")
        if ("license" not in text)
        else call("wizard", "kunden.csv", "--answers", "answers.yml")
    )
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (folder / "kunden.yml").exists()


def test_fields_that_differ_get_rules_of_their_own(call, folder):
    rows = [{"a": {"email": "x@example.com"}, "b": {"mail": "y@example.com"}, "c": [{"contact": "z@example.com"}]}] * 3
    (folder / "n.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    result = call(
        "wizard", "n.jsonl", "--yes", "--pii", "b.mail=remove", "--pii", "c.contact=remove", "--pii", "a.email=mask"
    )
    assert result.exit_code == 0, result.stderr
    redact = stages(folder / "n.yml")["redact"]
    assert redact["policy"]["email"] == "remove"
    assert redact["fields"] == {"a.email": {"email": "mask"}}
    call("wizard", "n.jsonl", "--yes", "--force", "--pii", "c.contact=remove")
    # a path to the item of a list has its index: the rule goes by the name
    assert stages(folder / "n.yml")["redact"]["fields"] == {"contact": {"email": "remove"}}
    assert call("check", "n.yml").exit_code == 0


def test_what_somebody_keeps_is_never_the_rule_for_other_fields(call, folder):
    rows = [{"a": "x@example.com", "b": "y@example.com", "c": "z@example.com"}] * 3
    (folder / "n.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    (folder / "answers.yml").write_text("pii: {a: {keep: why}, b: {keep: why}}\n")
    assert call("wizard", "n.jsonl", "--answers", "answers.yml").exit_code == 0
    redact = stages(folder / "n.yml")["redact"]
    assert redact["policy"]["email"] == "mask"
    assert sorted(redact["fields"]) == ["a", "b"]


def test_licenses_that_records_name(call, folder):
    rows = [{"email": "x@example.com", "license": id} for id in ("MIT", "CC-BY-4.0")]
    (folder / "n.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    assert call("wizard", "n.jsonl", "--yes").exit_code == 0
    assert stages(folder / "n.yml")["license"] == {"field": "license", "operation": "ingest", "unknown": "quarantine"}
    assert call("wizard", "n.jsonl", "--yes", "--force", "--acknowledge-license").exit_code == 0
    assert stages(folder / "n.yml")["license"]["allow"] == ["CC-BY-4.0", "MIT"]


def test_a_license_that_nobody_knows_needs_somebodys_word(call, folder):
    result = call("wizard", "kunden.csv", "--yes", "--license", "LicenseRef-Vendor")
    assert result.exit_code == 1
    assert "--acknowledge-license" in result.stderr
    assert not (folder / "kunden.yml").exists()


def test_what_is_there_is_not_written_over(call, folder):
    (folder / "kunden.yml").write_text("mine")
    result = call("wizard", "kunden.csv", "--yes")
    assert (result.exit_code, (folder / "kunden.yml").read_text()) == (2, "mine")
    assert "--force" in result.stderr


def test_what_no_source_reads_becomes_json_lines(call, folder):
    rows = [{"id": n, "email": f"p{n}@example.com", "tags": [{"k": "v"}]} for n in range(2500)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "t.parquet")
    result = call("wizard", "t.parquet", "--yes")
    assert result.exit_code == 0, result.stderr
    lines = folder / "t.jsonl"
    assert [json.loads(line) for line in lines.read_text().splitlines()] == rows
    assert stat.S_IMODE(lines.stat().st_mode) == 0o600
    assert yaml.safe_load((folder / "t.yml").read_text())["sources"] == [{"jsonl": {"path": "t.jsonl"}}]
    assert call("wizard", "t.parquet", "--yes", "--name", "t").exit_code == 2
    assert call("check", "t.yml").exit_code == 0


def test_a_json_array_and_what_is_none(call, folder):
    (folder / "a.json").write_text('[{"id": 1}, {"id": 2}]')
    assert call("wizard", "a.json", "--yes").exit_code == 0
    assert (folder / "a.jsonl").read_text() == '{"id":1}\n{"id":2}\n'
    (folder / "b.json").write_text('[{"id": 1}, 3]')
    result = call("wizard", "b.json", "--yes")
    assert result.exit_code == 2
    assert "item 2 is no object" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_without_a_terminal_nothing_is_asked(program, folder, arguments):
    result = program("wizard", str(folder / "kunden.csv"), *arguments)
    assert result.returncode == 2
    assert "--yes takes what is proposed" in result.stderr


def test_without_a_file_nothing_is_looked_at(call, folder):
    result = call("wizard", "--yes")
    assert result.exit_code == 2
    assert "there is no data to look at" in result.stderr


def test_on_a_terminal_it_asks(folder, alone):
    answers = [
        ("Connector", ""), ("Name of the pipeline", "asked"), ("File to write", ""), ("Tenant", "acme"),
        ("mappings?", "n"), ("id is", ""), ("Vorname is", "Person.frist_name"), ("Vorname is", "Person.full_name"),
        ("Vorname is", "Person.name"), ("e_mail is", "-"),
    ]  # fmt: skip
    answers += [(f"{name} is", "") for name in ("ip", "notiz", "plz", "ssn")]
    answers += [
        ("strategies?", "n"), ("ssn in ssn", "remove"), ("email in e_mail", "keep"), ("Why", ""),
        ("Why", "we answer"), ("person_name in Vorname", ""), ("ip in ip", ""),
        ("postal_code in plz", "generalise"), ("License", "MIT"), ("accept the terms of MIT?", "y"),
        ("Save", "n"), ("Run", "n"),
    ]  # fmt: skip
    status, seen = _on_terminal(["wizard", "kunden.csv"], answers, folder)
    assert status == 0, seen
    found = stages(folder / "asked.yml")
    (person,) = found["map"]["entities"]
    assert person["properties"]["name"] == "Vorname"
    assert "email" not in person["properties"]
    assert found["redact"]["policy"]["email"] == {"keep": "we answer"}
    assert found["redact"]["policy"]["postal_code"] == "generalise"
    assert found["license"]["allow"] == ["MIT"]
    assert yaml.safe_load((folder / "asked.yml").read_text())["tenant"] == "acme"


def _on_terminal(arguments: list[str], answers: list[tuple[str, str]], folder: Path) -> tuple[int, str]:
    """Run the program on a terminal of its own, answering as it asks; its exit status and what it showed."""
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover
        os.chdir(folder)
        os.execve(
            sys.executable, [sys.executable, "-m", "penstock.cli.main", *arguments], {**os.environ, "COLUMNS": "200"}
        )
    seen, place, deadline = "", 0, time.monotonic() + 60
    left = list(answers)
    try:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([terminal], [], [], 1)
            if not ready:
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # what Linux says when the other end is closed
                break
            if not piece:
                break
            seen += piece.decode(errors="replace")
            if left and left[0][0] in seen[place:] and seen.rstrip().endswith(":"):
                place = len(seen)
                os.write(terminal, f"{left.pop(0)[1]}\n".encode())
        else:
            os.kill(child, 9)
    finally:
        os.close(terminal)
    assert not left, (left, seen[-2000:])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen
