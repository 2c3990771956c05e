"""The reference pages are what the code says, and say all of it."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from penstock.agents.enrich import risk
from penstock.agents.enrich._rules.conditions import Condition
from penstock.agents.registry import STAGES
from penstock.cli import _enrichers_page, _errors_page, _markdown, reference
from penstock.model.environment import VARIABLES

OUTCOMES = {"allow", "deny", "quarantine", "dropped", "denied", "quarantined", "dead"}
TELL_WHY = {"Deny", "Drop", "Quarantine", "Unreadable", "Aside", "Stub", "Decision"}


def test_the_pages_are_up_to_date() -> None:
    assert reference.stale() == [], "run `make docs`"


def test_check_fails_on_a_page_that_was_changed_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--folder", str(tmp_path)]
    assert reference.main([*folder, "--check"]) == 1
    assert reference.main(folder) == 0
    assert reference.main([*folder, "--check"]) == 0
    page = tmp_path / "METRICS.md"
    page.write_text(page.read_text() + "and more\n")
    capsys.readouterr()
    assert reference.main([*folder, "--check"]) == 1
    assert capsys.readouterr().out == f"{page}: not what the code says: run `make docs`\n"


def test_pages_are_the_same_each_time() -> None:
    assert reference.pages() == reference.pages()


def test_every_component_has_a_docstring_and_every_option_a_description() -> None:
    for name, text in reference.pages().items():
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        assert not [row for row in rows if row.endswith("|  |") and row != "|  |  |"], name


def test_every_reason_in_the_code_is_listed(root: Path) -> None:
    listed = {code for code, _, _ in _errors_page.reasons()}
    for folder in ("agents", "connectors"):
        for path in sorted((root / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TELL_WHY:
                    values = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                    codes = {value for value in values if isinstance(value, str) and value.isidentifier()} - OUTCOMES
                    assert codes <= listed, f"{path}:{node.lineno}"


def test_every_enricher_has_a_section_and_a_figure_or_a_reason() -> None:
    page = reference.pages()["reference/enrichers.md"]
    names = [name for name in STAGES.modules if ".agents.enrich." in STAGES.load(name).__name__]
    assert len(names) > 5
    for name in names:
        _, found, section = page.partition(f"\n## {name}\n")
        assert found, name
        section = section.partition("\n## ")[0]
        assert "µs of CPU a record" in section or "Not measured: " in section, name
        for option in STAGES.load(name).Config.model_fields.keys() - {"enabled"}:
            assert f"| `{option}` |" in section, (name, option)


def test_an_enricher_without_a_figure_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_enrichers_page.orjson, "loads", lambda text: {"enrichers": {}, "machine": defaultdict(str)})
    rows = [line for line in _enrichers_page.page() if line.startswith("| enricher")]
    assert "| not measured | not measured |" in rows[0]
    assert "µs of CPU a record" not in rows[0]


def test_defaults_that_are_models_are_shown_as_a_pipeline_file_has_them() -> None:
    rule = risk.Rule(name="r", points=5, when=(Condition(field="a", operator="gt", value=1),))
    assert _markdown.code([rule]) == (
        '`[{"name": "r", "when": [{"field": "a", "operator": "gt", "value": 1}], "points": 5.0}]`'
    )
    assert "Condition(" not in Path(reference.__file__).parents[1].joinpath("docs", "STAGES.md").read_text()


def test_every_variable_is_on_the_page_once() -> None:
    page = reference.pages()["ENVIRONMENT.md"]
    for name in VARIABLES:
        assert page.count(f"\n| `{name}`") == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("``a`` and *b* and c*d and <e>", "`a` and *b* and c\\*d and \\<e>"),
        ("some text::", "some text:"),
        ("    sinks: [graph]\n\nmore", "```yaml fragment\nsinks: [graph]\n```\n\nmore"),
        (">>> 1\n1\n\nmore", "```pycon\n>>> 1\n1\n```\n\nmore"),
        ("===  ===\na    b\n     c\n===  ===", "|  |  |\n| --- | --- |\n| a | b c |"),
        ("===  ===\nh    i\n===  ===\na    b|c\n===  ===", "| h | i |\n| --- | --- |\n| a | b\\|c |"),
        ("===  ===\nabcde  b\n===  ===", "|  |  |\n| --- | --- |\n| abcde | b |"),
    ],
)
def test_docstrings_become_markdown(text: str, shown: str) -> None:
    assert _markdown.docstring(text) == shown
