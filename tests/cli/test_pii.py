"""penstock pii: what is personal in lines and tables."""

import json


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
