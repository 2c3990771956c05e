"""penstock source run: sources into the raw topic, each from where it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def test_sources_run_until_done_and_go_on_where_they_were(
    call: Callable[..., Any],
    program: Callable[..., Any],
    pipeline: Callable[..., Path],
    pipeline_name: str,
    tmp_path: Path,
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("id,name\n1,a\n2\n3,c\n", encoding="utf-8")
    source = json.dumps([{"csv": {"path": str(rows), "as": "people"}}])
    file = pipeline(f"sources: {source}\nstages: [tag]\nungoverned: true\n")
    result = program("source", "run", file, "--json")
    assert result.returncode == 1, result.stderr
    assert json.loads(result.stdout) == [{"source": "people", "records": 2, "unreadable": 1}]
    again = program("source", "run", file, "--source", "people")
    assert again.returncode == 0, again.stderr
    sent = call("consume", f"{pipeline_name}.raw", "--from-beginning", "--committed", "--timeout", "1").stdout
    assert sorted(json.loads(line)["id"] for line in sent.splitlines()) == ["1", "3"]
    unknown = program("source", "run", file, "--source", "other")
    assert unknown.returncode == 2 and "people" in unknown.stderr
