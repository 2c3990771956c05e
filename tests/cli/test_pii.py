"""penstock pii: what is personal in lines and tables."""

import json

import pytest


def entities(output: str) -> list[list[dict]]:
    return [json.loads(line)["entities"] for line in output.splitlines()]


def test_detect_prints_a_line_for_each_line(call):
    lines = '{"text":"write to john@example.com"}\n{"n":1}\n{"user":{"ssn":"123456789"}}'
    result = call("pii", "detect", input=lines)
    assert (result.exit_code, result.stderr) == (0, "")
    assert entities(result.stdout) == [
        [{"category": "email", "start": 9, "end": 25, "confidence": 0.9, "field": "text"}],
        [],
        [{"category": "ssn", "start": 0, "end": 9, "confidence": 0.95, "field": "user.ssn"}],
    ]
    assert "john" not in result.stdout


def test_a_bad_line_keeps_its_place_and_is_told(call):
    result = call("pii", "detect", input='{"text":"a@b.co"}\nno json 4111111111111111\n[1]\n{"text":"c@d.co"}\n')
    assert result.exit_code == 1
    assert [len(found) for found in entities(result.stdout)] == [1, 0, 0, 1]
    assert result.stderr.splitlines() == ["line 2 is no JSON object", "line 3 is no JSON object"]


def test_options(call):
    line = '{"text":"john at example dot com, born 1985-07-30, aged 39, order no. 415-555-2671"}'
    assert [item["category"] for item in entities(call("pii", "detect", input=line).stdout)[0]] == ["date_of_birth"]
    found = entities(call("pii", "detect", "--thorough", "--categories", "all", input=line).stdout)[0]
    assert [item["category"] for item in found] == ["email", "date_of_birth", "age"]
    found = entities(call("pii", "detect", "--categories", "phone", "--min-confidence", "0.3", input=line).stdout)[0]
    assert [item["category"] for item in found] == ["phone"]
    assert call("pii", "detect", "--categories", "emial", input=line).exit_code == 2


def test_base64_on_request(call):
    line = '{"text":"cGxlYXNlIGNhbGwgKzEgNDE1IDU1NSAyNjcx"}'
    assert entities(call("pii", "detect", input=line).stdout) == [[]]
    assert [item["category"] for item in entities(call("pii", "detect", "--decode-base64", input=line).stdout)[0]] == [
        "phone"
    ]


def test_scan_reports_on_a_table(call, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("name,ssn,religion\nBob,123-45-6789,none given\nAnn,,\n", encoding="utf-8")
    result = call("pii", "scan", str(file))
    assert result.exit_code == 0
    assert "***-**-6789" in result.stdout and "123-45" not in result.stdout
    assert "Detected 2 PII field(s) with critical risk, in 2 of 2 rows" in result.stdout
    assert "article" not in result.stdout and "GDPR art. 35(3)(b)" in result.stdout
    found = json.loads(call("pii", "scan", str(file), "--json").stdout)
    assert [item["field_name"] for item in found["pii_matches"]] == ["religion", "ssn"]
    assert found["requires_dpia"] is True


def test_scan_reads_json_lines_and_looks_at_a_sample(call, tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text('{"a":{"mail":"ann@example.com"}}\n\n{"b":"bob@example.com"}\n', encoding="utf-8")
    assert "in 2 of 2 rows" in call("pii", "scan", str(file)).stdout
    result = call("pii", "scan", str(file), "--sample", "1")
    assert "in 1 of 2 rows" in result.stdout and "a.mail" in result.stdout


def test_scan_of_what_cannot_be_read(call, tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"a":1}\nann@example.com\n', encoding="utf-8")
    result = call("pii", "scan", str(file))
    assert (result.exit_code, result.stderr) == (0, "1 were unreadable\n")
    assert "in 1 of 1 rows" in result.stdout
    file.write_text("ann@example.com\n", encoding="utf-8")
    result = call("pii", "scan", str(file))
    assert result.exit_code == 2 and "ann@" not in result.stderr
    assert call("pii", "scan", str(tmp_path / "missing.csv")).exit_code == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"Name;E-Mail\nJ\xf6rg;joerg@example.com\n" * 1),
        ("a.tsv", b"Name\tE-Mail\nAnn\tann@example.com\n"),
        ("a.json", b'[{"E-Mail": "ann@example.com"}]'),
    ],
)
def test_scan_reads_whatever_schema_preview_reads(call, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    found = json.loads(call("pii", "scan", tmp_path / name, "--json").stdout)
    assert [(item["field_name"], item["category"]) for item in found["pii_matches"]] == [("E-Mail", "email")]


def test_all_rows_count_for_the_scale(call, tmp_path):
    (tmp_path / "a.csv").write_text("email\n" + "a@example.com\n" * 100_000)
    found = json.loads(call("pii", "scan", tmp_path / "a.csv", "--sample", "10", "--json").stdout)
    assert [reason["rule"] for reason in found["dpia_reasons"]] == ["large_scale"]
