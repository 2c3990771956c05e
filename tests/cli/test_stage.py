"""penstock stage: one stage over JSON lines, and what may stand on a line."""

import json
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.registry import STAGES
from penstock.cli._lines import batches

ENVELOPE = [
    "id", "tenant", "data", "schema", "entities", "relations", "pii", "license", "enrichments", "metadata"
]  # fmt: skip


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_list_names_the_stages_with_what_they_do(call):
    found = {item["name"]: item["about"] for item in lines_of_list(call)}
    assert set(found) == set(STAGES.modules)
    assert found["geoip"].startswith("country, city")
    table = call("stage", "list").output
    assert all(about in table for about in found.values())


def lines_of_list(call) -> list[dict]:
    return json.loads(call("stage", "list", "--json").stdout)


def test_records_come_out_whole(call):
    result = call("stage", "run", "hash", "-o", "hash_algorithms=[md5]", input='{"body":"abc","n":1}\n{"body":"x"}')
    assert (result.exit_code, result.stderr) == (0, "")
    first, second = lines(result.stdout)
    assert list(first) == ENVELOPE
    assert (first["id"], second["id"]) == ("stdin/0/1", "stdin/0/2")
    assert first["data"] == {"body": "abc", "n": 1}
    assert first["enrichments"]["hashes"]["body_hash"] == {"md5": "900150983cd24fb0d6963f7d28e17f72"}


def test_aliases_and_nested_options(call):
    options = ("-o", "policy.ssn=remove", "-o", "policy.email.keep=asked for")
    result = call("stage", "run", "redact", *options, input='{"a":"x@example.com"}')
    assert lines(result.stdout)[0]["pii"] == [{"category": "email", "field": "a", "strategy": "keep", "count": 1}]
    assert call("stage", "run", "hashing", input='{"body":"abc"}').exit_code == 0


def test_what_stopped_is_told_aside(call):
    text = '{"license":"MIT"}\n{"license":"CC-BY-NC-4.0"}\n\n{"a":1}\n'
    options = ("-o", "field=license", "-o", "allow=[MIT]", "-o", "deny=[CC-BY-NC-4.0]")
    result = call("stage", "run", "license", *options, input=text)
    assert result.exit_code == 0  # a policy that stops a record is no failure
    assert [record["id"] for record in lines(result.stdout)] == ["stdin/0/1"]
    denied = {"id": "stdin/0/2", "outcome": "denied", "stage": "license", "code": "license_denied"}
    missing = {"id": "stdin/0/4", "outcome": "quarantined", "stage": "license", "code": "license_missing"}
    assert lines(result.stderr) == [denied, missing]
    together = call("stage", "run", "license", *options, "--json-all", input=text)
    assert lines(together.stdout)[1:] == [denied, missing]
    assert together.stderr == ""


def test_a_line_that_is_no_record_fails_and_the_others_go_on(call):
    result = call("stage", "run", "tag", input=b'{"a":1}\nnot json \xff\n[1]\n{"a":2}\n')
    assert result.exit_code == 1
    assert [record["id"] for record in lines(result.stdout)] == ["stdin/0/1", "stdin/0/4"]
    assert [(one["id"], one["stage"], one["code"]) for one in lines(result.stderr)] == [
        ("stdin/0/2", "input", "decode"),
        ("stdin/0/3", "input", "decode"),
    ]


def test_stages_in_a_row_keep_what_was_noted(call):
    tagged = call("stage", "run", "tag", input='{"ip":"8.8.8.8","text":"Der Zug kommt heute sehr spät an."}').stdout
    spoken = call("stage", "run", "language", input=tagged).stdout
    (record,) = lines(spoken)
    assert record["schema"]["fingerprint"] == lines(tagged)[0]["schema"]["fingerprint"]
    assert record["enrichments"]["language"]["text_language"]["language"] == "de"
    assert record["id"] == lines(tagged)[0]["id"]
    redacted = call("stage", "run", "redact", "-o", "policy.ssn=mask", input=spoken).stdout
    assert lines(redacted)[0]["enrichments"] == record["enrichments"]
    assert lines(redacted)[0]["data"]["ip"] == "8.8.8.0"


def test_the_lines_of_a_source_are_taken(call):
    given = {"id": "people.csv:2", "key": "k", "value": {"a": 1}, "headers": [["penstock-license", "MIT"]]}
    deleted = {**given, "value": None}
    unreadable = {**given, "value": "no object"}
    text = "\n".join(json.dumps(one) for one in (given, deleted, unreadable))
    result = call("stage", "run", "license", "-o", "allow=[MIT]", input=text)
    record, tombstone = lines(result.stdout)
    assert (record["license"]["id"], record["metadata"]["record_id"]) == ("MIT", "people.csv:2")
    assert tombstone == {"id": "stdin/0/2", "deleted": True}
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lanugage"], "error: no stage is called lanugage (did you mean language?)"),
        (["hash", "-o", "hash_filds=[a]"], "error: hash: unknown key hash_filds (did you mean hash_fields?)"),
        (["language", "-o", "min_text_length=-3"], "error: language: min_text_length: must be greater than or equal"),
        (["language", "-o", "fields"], "error: -o takes KEY=VALUE (for example -o fields=[a,b])"),
        (["geoip"], "error: geoip"),
        (["tag", "-o", "drift=quarantine"], "error: tag: drift: quarantine needs registry: true"),
    ],
)  # fmt: skip
def test_wrong_use_is_2_and_one_line(arguments, said, call):
    result = call("stage", "run", *arguments, input='{"a": 1}')
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


def test_a_server_that_does_not_answer_is_3(call, monkeypatch):
    monkeypatch.setenv("LICENSE_REGISTRY_URL", "http://127.0.0.1:9")
    result = call("stage", "run", "license", "-o", "field=license", input='{"license":"MIT"}')
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: ")


def test_nothing_in_nothing_out(call):
    assert call("stage", "run", "tag", input="").output == ""


class Trickle(BytesIO):
    """A stream that gives some bytes at a time, as a pipe does."""

    def __init__(self, content: bytes, step: int) -> None:
        super().__init__(content)
        self.step = step

    def read1(self, size: int | None = -1) -> bytes:
        return super().read(self.step)


@settings(derandomize=True)
@given(st.lists(st.binary().filter(lambda line: b"\n" not in line)), st.integers(1, 50))
def test_lines_are_the_same_however_they_arrive(written, step):
    content = b"\n".join(written)
    found = [line for some in batches(Trickle(content, step)) for line in some]
    assert [line for line in found if line] == [line for line in content.split(b"\n") if line]


def test_a_real_pipe(program, tmp_path):
    (tmp_path / "people.csv").write_text("name,ip\nAda,8.8.8.8\n")
    read = program("source", "read", "csv", "-o", f"path={tmp_path}/people.csv")
    done = program("stage", "run", "redact", "-o", "policy.ssn=mask", input=read.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["data"] == {"name": "Ada", "ip": "8.8.8.0"}
