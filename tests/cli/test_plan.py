"""penstock plan: tables, Mermaid, ACLs and JSON of a plan."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

FILE = """
name: orders
sources:
  - csv: {as: people, path: people.csv}
stages: [tag, redact, license]
chain: [[tag, redact], [license]]
raw: {partitions: 3, retention_hours: 24}
sinks:
  - ledger
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.yml"
    path.write_text(FILE)
    return path


def test_tables_show_everything_and_cut_nothing(call, file):
    rows = [line.split() for line in call("plan", file).output.splitlines() if line.strip()]
    assert ["source", "people", "csv", "orders.raw", "orders.source.people"] in rows
    assert ["agent", "ingest", "orders.raw", "orders.ingest", "orders.ingest"] in rows
    assert ["agent", "tag-redact", "tag", "+", "redact", "orders.ingest", *["orders.tag-redact"] * 2] in rows
    assert ["agent", "deliver", "orders.license", "orders.enriched", "orders.deliver"] in rows
    assert ["sink", "ledger", "ledger", "orders.license", "orders.sink-ledger"] in rows
    assert ["orders.raw", "raw", "3", "24", "h", "personal"] in rows
    assert ["orders.tag-redact", "frames", "3", "until", "all", "have", "read", "them"] in rows
    assert ["orders.tag-redact-checkpoint-changelog", "table", "3", "newest", "of", "each", "key"] in rows


def test_json(call, file):
    plan = json.loads(call("plan", file, "--json").stdout)
    assert plan["agents"][0] == {
        "name": "tag-redact",
        "stages": ["tag", "redact"],
        "source": "orders.ingest",
        "target": "orders.tag-redact",
        "group": "orders.tag-redact",
        "has_state": False,
    }
    assert plan["sources"][0]["transactional_id"] == "orders.source.people"
    assert {topic["name"] for topic in plan["topics"] if topic["personal"]} == {
        "orders.raw", "orders.ingest", "orders.dlq", "orders.quarantine"
    }  # fmt: skip


def test_mermaid(call, file):
    chart = call("plan", file, "--mermaid").stdout
    nodes = {name: node for node, name in re.findall(r'(t\d+)\[\("([^"]+)"\)\]', chart)}
    assert chart.startswith("flowchart LR\n")
    assert f'source0(["people<br/>csv"]) --> {nodes["orders.raw"]}' in chart
    assert f'{nodes["orders.ingest"]} ==> agent0["tag<br/>redact"] ==> {nodes["orders.tag-redact"]}' in chart
    assert f'{nodes["orders.license"]} ==> sink0(["ledger<br/>ledger"])' in chart
    personal = re.search(r"class (\S+) personal", chart)
    assert personal
    expected = [nodes[name] for name in ("orders.raw", "orders.ingest", "orders.dlq", "orders.quarantine")]
    assert personal[1].split(",") == expected


def rights(output: str) -> dict[str, set[tuple[str, str, str]]]:
    """Principal -> (operation, kind of resource, name)."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    for line in output.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        pairs = list(pairwise(words))
        (who,) = [value for name, value in pairs if name == "--allow-principal"]
        operations = [value for name, value in pairs if name == "--operation"]
        pattern = "*" if ("--resource-pattern-type", "prefixed") in pairs else ""
        kinds = ("--topic", "--group", "--transactional-id")
        resources = [(name[2:], value + pattern) for name, value in pairs if name in kinds]
        resources += [("cluster", "")] * ("--cluster" in words)
        found.setdefault(who, set()).update((op, *resource) for op in operations for resource in resources)
    return found


def test_acls_allow_each_component_what_it_does_and_no_more(call, file):
    found = rights(call("plan", file, "--acls").stdout)
    assert set(found) == {
        f"User:orders-{name}"
        for name in ("setup", "source-people", "ingest", "tag-redact", "license", "deliver", "sink-ledger", "replay")
    }
    aside = {("Write", "topic", "orders.dlq"), ("Write", "topic", "orders.quarantine"), ("Read", "topic", "orders.raw")}
    assert found["User:orders-source-people"] == {
        ("Write", "topic", "orders.raw"),
        ("Write", "topic", "orders.dlq"),
        ("Read", "topic", "orders.cursors"),
        ("Write", "topic", "orders.cursors"),
        ("Write", "transactional-id", "orders.source.people"),
        ("Describe", "transactional-id", "orders.source.people"),
    }
    assert found["User:orders-license"] == aside | {
        ("Read", "topic", "orders.tag-redact"),
        ("Delete", "topic", "orders.tag-redact"),
        ("Read", "topic", "orders.license"),
        ("Write", "topic", "orders.license"),
        ("Read", "topic", "orders.license-checkpoint-changelog"),
        ("Write", "topic", "orders.license-checkpoint-changelog"),
        ("Read", "topic", "orders.progress"),
        ("Read", "group", "orders.license"),
    }
    assert found["User:orders-deliver"] == aside | {
        ("Read", "topic", "orders.license"),
        ("Delete", "topic", "orders.license"),
        ("Write", "topic", "orders.enriched"),
        ("Read", "topic", "orders.progress"),
        ("Write", "topic", "orders.progress"),
        ("Read", "group", "orders.deliver"),
        ("Describe", "group", "orders.sink-ledger"),
        ("Write", "transactional-id", "orders.deliver-*"),
        ("Describe", "transactional-id", "orders.deliver-*"),
    }
    assert found["User:orders-sink-ledger"] == aside | {
        ("Read", "topic", "orders.license"),
        ("Write", "topic", "orders.heads"),
        ("Read", "group", "orders.sink-ledger"),
    }
    assert found["User:orders-replay"] == {
        ("Read", "topic", "orders.dlq"),
        ("Write", "topic", "orders.dlq"),
        ("Read", "topic", "orders.quarantine"),
        ("Write", "topic", "orders.quarantine"),
        ("Write", "topic", "orders.raw"),
        ("Write", "transactional-id", "orders.replay"),
        ("Describe", "transactional-id", "orders.replay"),
    }
    created = {name for operation, _, name in found["User:orders-setup"] if operation == "Create"}
    assert created == {topic["name"] for topic in json.loads(call("plan", file, "--json").stdout)["topics"]}


def test_an_agent_that_remembers_records_may_write_what_it_remembers(call, tmp_path):
    file = tmp_path / "orders.yml"
    file.write_text(FILE.replace("[tag, redact, license]", "[tag, redact, license, {dedup: {scope: partition}}]", 1)
                    .replace("[license]]", "[license], [dedup]]"))  # fmt: skip
    found = rights(call("plan", file, "--acls").stdout)
    topic = "orders.dedup-state"
    wanted = {("Read", "topic", topic), ("Write", "topic", topic), ("Write", "transactional-id", f"{topic}-*")}
    assert wanted <= found["User:orders-dedup"]
    assert not any(resource == topic for _, _, resource in found["User:orders-license"])


def test_personal_topics_are_marked_in_acls(call, file):
    lines = call("plan", file, "--acls").stdout.splitlines()
    for line in lines:
        exposed = "--topic orders.raw" in line and ("Read" in line or "Write" in line)
        assert not exposed or re.search(r"# personal data: .*orders\.raw", line)
        assert "orders.enriched" not in line.partition("#")[2]


def test_principals_are_filled_in_and_quoted_for_the_shell(call, file):
    result = call("plan", file, "--acls", "--principal", "User:CN={component}, O={pipeline}")
    assert "User:CN=ingest, O=orders" in rights(result.stdout)
    for wrong in ("User:{stage}", "{", "nobody"):
        result = call("plan", file, "--acls", "--principal", wrong)
        assert (result.exit_code, result.stdout) == (2, "")


def test_a_plan_that_may_not_run_is_shown_all_the_same(call, tmp_path):
    path = tmp_path / "open.yml"
    path.write_text("name: open\nstages: []\n")
    result = call("plan", path)
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines()]
    assert ["open.enriched", "enriched", "4", "168", "h", "personal"] in rows


def test_a_bad_file_is_2(call, tmp_path):
    path = tmp_path / "bad.yml"
    path.write_text("name: orders\nchain: topcs\n")
    result = call("plan", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {path}:2: chain: found 'topcs'")
