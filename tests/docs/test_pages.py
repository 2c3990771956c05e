"""What pages show and name is there: pipelines, Python, links, paths, metrics, variables, limits."""

import ast
import importlib
import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from penstock.agents.runtime import deliver, hop, purge, tail, worker
from penstock.agents.runtime.compile import compile_plan, facts
from penstock.cli.reference import metrics
from penstock.codecs.frame import MAX_FRAME_BYTES
from penstock.codecs.json import MAX_DEPTH
from penstock.connectors.registry import SINKS, SOURCES
from penstock.model.environment import VARIABLES
from penstock.topology.lint import lint
from penstock.topology.load import loads
from penstock.topology.plan import LARGEST_MESSAGE
from penstock.topology.spec import Batching, Pipeline, Raw

ROOTS = "model|codecs|topology|agents|connectors|stores|broker|services|api|cli|tests|deploy|docs"
ENVIRON = dict.fromkeys(VARIABLES, "value") | {"DEMO_NAME": "demo"}


def test_pipelines_compile(blocks: list[Any]) -> None:
    for block in blocks:
        if block.info == "yaml":
            plan = compile_plan(
                loads(block.text, ENVIRON, file=f"{block.page.name}:{block.line}"), None, sources=SOURCES, sinks=SINKS
            )
            assert [finding.code for finding in lint(plan, facts(plan)) if finding.level == "error"] == []
        elif block.info.startswith("yaml"):
            assert block.info == "yaml fragment"
            yaml.safe_load(block.text.partition("  ")[0])


def test_python_compiles_and_its_imports_exist(blocks: list[Any]) -> None:
    for block in blocks:
        if block.info != "python":
            continue
        where = f"{block.page.name}:{block.line}"
        tree = ast.parse(block.text, where)
        compile(tree, where, "exec")
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                assert [name.name for name in node.names if not hasattr(module, name.name)] == [], where
            elif isinstance(node, ast.Import):
                assert all(importlib.util.find_spec(name.name) for name in node.names), where


def test_links_lead_somewhere(page: Path, prose: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            assert anchor in _anchors(path), target


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_paths_exist(root: Path, spans: list[str]) -> None:
    ignored = [line for line in (root / "deploy/.gitignore").read_text().splitlines() if line and line[0] not in "#!"]
    for span in spans:
        if re.fullmatch(rf"({ROOTS})/[\w./-]*", span):
            local = span.startswith("deploy/") and any(fnmatch(span[7:], pattern) for pattern in ignored)
            assert local or (root / span).exists(), span
        if re.fullmatch(r"[\w-]+\.(?:yml|toml|lock)|Dockerfile|Makefile", span) and span != "orders.yml":
            assert (root / span).exists(), span


def test_modules_exist(spans: list[str]) -> None:
    for span in spans:
        if not re.fullmatch(r"penstock(\.\w+)+", span) or span.count(".") < 2:
            continue  # entry points are called penstock.<kind>
        parent, _, name = span.rpartition(".")
        assert importlib.util.find_spec(parent) is not None, span
        assert importlib.util.find_spec(span) or hasattr(importlib.import_module(parent), name), span


def test_metrics_exist(prose: str) -> None:
    known = {name for name, _, _, _ in metrics()}
    assert set(re.findall(r"`(penstock_[a-z_]+)", prose)) <= known


def test_variables_exist(root: Path, spans: list[str]) -> None:
    elsewhere = "".join((root / name).read_text() for name in ("docker-compose.yml", "model/component.py"))
    protocols = {"SASL_SSL", "SASL_PLAINTEXT"}
    for span in spans:
        name = span.partition("=")[0]
        if re.fullmatch(r"[A-Z][A-Z0-9]+(_[A-Z0-9]+)+", name) and name not in protocols:
            assert name in VARIABLES or name in elsewhere, span


def test_every_page_can_be_reached_from_the_readme(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    for page in (root / "docs").glob("*.md"):
        assert f"](docs/{page.name})" in readme, page.name


def test_limits_are_the_codes(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    fields = Raw.model_fields["partitions"].metadata
    least, most = (getattr(fields[i], name) for i, name in enumerate(("ge", "le")))
    longest = next(m.max_length for m in Pipeline.model_fields["name"].metadata if hasattr(m, "max_length"))
    for text in (
        f"raw and enriched topics | {LARGEST_MESSAGE >> 20} MiB |",
        f"before compression | {MAX_FRAME_BYTES >> 10} KiB |",
        f"(claim check) | above {Batching().claim_bytes >> 10} KiB |",
        f"a JSON record | {MAX_DEPTH} levels |",
        f"partitions of a pipeline | {least} to {most},",
        f"name of a pipeline | {longest} characters |",
    ):
        assert text in readme
    assert Batching().frame_bytes == MAX_FRAME_BYTES


def test_numbers_of_operations_are_the_codes(root: Path) -> None:
    text = " ".join((root / "docs/OPERATIONS.md").read_text(encoding="utf-8").split())
    assert f"({worker.MOST_RESTARTS} restarts in {worker.RESTART_WINDOW_SECONDS / 60:.0f} minutes)" in text
    assert hop.PURGE_EVERY_SECONDS == 30
    assert "every half minute" in text
    assert f"keeps the last {tail.TAIL_FRAMES} for" in text
    assert purge.PURGE_EVERY_SECONDS == hop.PURGE_EVERY_SECONDS
    assert deliver.DELIVER == "deliver"
