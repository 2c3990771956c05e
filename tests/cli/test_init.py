"""penstock init: a first file from a sample passes check, fits the sample, and holds nothing of it."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.cli.init import _quoted

CSV = (
    "id,name,email,ip,note,age,price,plz\n"
    "1,Ada Lovelace,ada@example.com,8.8.8.8,The train from Bern is late again today,36,1.5,01234\n"
    "2,Bob\n"
    '3,Cy Twombly,cy@example.com,9.9.9.9,"Der Zug kommt heute leider sehr spät an",41,2.25,80331\n'
)
JSONL = (
    '{"user": {"contact": "ada@example.com", "addr": "8.8.8.8"}, "license": "CC-BY-4.0", "n": 3}\n'
    "broken\n"
    '{"user": {"contact": "bob@example.com", "addr": "10.0.0.1"}, "license": "MIT", "n": 4, "items": [{"x": null}]}\n'
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stages(file: Path) -> dict[str, dict]:
    found = yaml.safe_load(file.read_text())["stages"]
    return {
        name: options or {}
        for entry in found
        for name, options in (entry.items() if isinstance(entry, dict) else [(entry, {})])
    }


def test_from_a_csv(call, folder):
    (folder / "people.csv").write_text(CSV)
    result = call("init", "--sample", "people.csv")
    assert result.exit_code == 0
    assert "2 records, 1 more were unreadable" in result.stderr
    file = folder / "people.yml"
    written = yaml.safe_load(file.read_text())
    assert (written["name"], written["sources"]) == ("people", [{"csv": {"path": "people.csv"}}])
    assert list(stages(file)) == ["tag", "redact", "license", "geoip", "language"]
    assert stages(file)["geoip"] == {"fields": ["ip"], "enabled": False}
    assert stages(file)["language"] == {"fields": ["note"]}
    assert "# types: {id: integer, age: integer, price: float}" in file.read_text()
    assert "# seen in the sample: email in email" in file.read_text()
    assert not [value for value in ("Ada", "example.com", "8.8.8", "Zug", "01234") if value in file.read_text()]
    assert call("check", file, "--build").exit_code == 0


def test_geoip_is_on_where_a_database_is_named(call, folder, monkeypatch):
    (folder / "people.csv").write_text(CSV)
    monkeypatch.setenv("GEOIP_DATABASE", "city.mmdb")
    call("init", "--sample", "people.csv")
    assert stages(folder / "people.yml")["geoip"] == {"fields": ["ip"]}


def test_from_json_lines(call, folder):
    (folder / "Events 2024.ndjson").write_text(JSONL)
    assert call("init", "--sample", "Events 2024.ndjson").exit_code == 0
    file = folder / "events-2024.yml"
    assert yaml.safe_load(file.read_text())["sources"] == [{"jsonl": {"path": "Events 2024.ndjson"}}]
    found = stages(file)
    assert found["license"]["field"] == "license"
    assert found["license"]["allow"] == ["CC-BY-4.0", "MIT"]
    assert found["geoip"]["fields"] == ["addr"]
    assert "language" not in found
    assert call("check", file).exit_code == 0


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.tsv", b"id\tname\n1\tAda\n", {"delimiter": "\t"}),
        ("a.csv", b"id;name\n1;Ada\n", {"delimiter": ";"}),
        ("a.csv", "id,name\n1,Zoë\n".encode("cp1252"), {"encoding": "cp1252"}),
        ("a.csv", b"1,ada@example.com\n2,bob@example.com\n", {"has_header": False}),
        ("a.csv", b"1,2\n3,4\n", {"has_header": False}),
        ("a[1].csv", b"id,name\n1,Ada\n", {"path": "a[[]1].csv"}),
    ],
)
def test_options_of_the_source_are_found(name, content, options, call, folder):
    (folder / name).write_bytes(content)
    assert call("init", "a", "--sample", name).exit_code == 0
    written = yaml.safe_load((folder / "a.yml").read_text())
    assert written["sources"] == [{"csv": {"path": name, **options}}]
    assert "example.com" not in (folder / "a.yml").read_text()
    assert call("check", "a.yml").exit_code == 0


def test_a_kind_is_known_by_its_first_byte_where_the_name_does_not_tell(call, folder):
    (folder / "dump").write_bytes(b'\xef\xbb\xbf {"a": 1}\n')
    assert call("init", "--sample", "dump").exit_code == 0
    assert list(yaml.safe_load((folder / "dump.yml").read_text())["sources"][0]) == ["jsonl"]


def test_at_most_a_thousand_records_are_looked_at(call, folder):
    (folder / "a.jsonl").write_text('{"a": 1}\n' * 2500)
    assert "looked at 1000 records" in call("init", "--sample", "a.jsonl").stderr


def test_without_a_sample(call, folder):
    assert call("init").exit_code == 0
    result = call("check", "pipeline.yml", "--build")
    assert (result.exit_code, result.output) == (0, "pipeline.yml: can be run\n")


def test_a_file_that_is_there_is_not_written_over(call, folder):
    (folder / "orders.yml").write_text("mine")
    result = call("init", "orders")
    assert (result.exit_code, (folder / "orders.yml").read_text()) == (2, "mine")
    assert "--force" in result.stderr
    assert call("init", "orders", "-o", "other.yml").exit_code == 0
    assert call("init", "orders", "--force").exit_code == 0
    assert (folder / "orders.yml").read_text().startswith("# A pipeline file")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[{}]", "one JSON array"),
        (b"PAR1", "parquet, which no source reads"),
        ("id,name\n".encode("utf-16"), "not UTF-8"),
        (b"", "holds no record"),
        (b"id,name\n1\n", "holds no record"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_sample_that_is_none(content, said, call, folder):
    if content is not None:
        (folder / "a.csv").write_bytes(content)
    result = call("init", "--sample", "a.csv")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (folder / "a.yml").exists()


@pytest.mark.parametrize("arguments", [["A.b"], ["a", "-o", "nowhere/a.yml"]])
def test_names_that_cannot_be(arguments, call, folder):
    result = call("init", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")


@settings(derandomize=True)
@given(st.text())
def test_any_text_can_be_quoted(text):
    written = f"a: [{_quoted(text)}, b] # {_quoted(text)}\n"
    assert yaml.safe_load(written) == {"a": [text, "b"]}


@settings(derandomize=True, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(st.text(min_size=1, max_size=12), st.sampled_from(["8.8.8.8", 1, "a b c d e f", None]), min_size=1)
)
def test_a_file_from_any_fields_passes_check(call, folder, data):
    (folder / "a.jsonl").write_text(json.dumps(data) + "\n")
    result = call("init", "a", "--force", "--sample", "a.jsonl")
    if result.exit_code == 0:
        assert call("check", "a.yml").exit_code == 0, (folder / "a.yml").read_text()
    else:
        assert "holds no record" in result.stderr
