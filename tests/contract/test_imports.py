"""Who may import whom: dependencies run one way, Kafka's clients stay in the shell, nobody imports a bare root name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

BELOW_RUNTIME = {"model", "codecs", "stores", "topology", "connectors", "agents"}
ALLOWED: dict[str, set[str]] = {
    "model": set(),
    "codecs": {"model"},
    "stores": {"model"},
    "topology": {"model"},
    "connectors": {"model", "codecs"},
    "agents": {"model", "codecs"},
    "agents.runtime": BELOW_RUNTIME,
    "broker": {"model"},
    "services": {"model"},
    "api": {*BELOW_RUNTIME, "agents.runtime"},
    "cli": {*BELOW_RUNTIME, "agents.runtime", "api", "broker", "services"},
}
"""What each layer may import beside itself."""
ROOTS = {layer for layer in ALLOWED if "." not in layer}
KAFKA_CLIENTS = {"faust", "mode", "aiokafka"}
THEIR_LAYER = "agents.runtime"

STATED: dict[tuple[str, str], str] = {
    ("penstock.agents.enrich._lookups.asking", "stores"): "answers and the day's budget are shared through the cache",
    ("penstock.agents.enrich._lookups.references", "stores"): "what Redis said of a key is kept for a while",
    ("penstock.agents.enrich.http_api", "stores"): "answers are shared through the cache",
    ("penstock.agents.license._registry", "stores"): "what the registry says is shared through the cache",
    ("penstock.agents.redact.redact", "stores"): "the keys that values are sealed with are in the vault",
    ("penstock.agents.enrich._media.ai_engine", "stores"): "what the engine said is kept as a cache keeps it",
}
"""Exceptions, (module, layer) -> why."""


def layer(module: str) -> str | None:
    """The layer that a dotted name in the namespace belongs to."""
    parts = module.split(".")
    if parts[0] != "penstock" or len(parts) < 2:
        return None
    return "agents.runtime" if parts[1:3] == ["agents", "runtime"] else parts[1]


def imports(path: Path, module: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that the file imports, wherever in it."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            # what is imported may be a module itself
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def violations(repository: Path) -> list[str]:
    """Every import below the roots of `repository` that the table does not allow."""
    found = []
    for root in sorted(ROOTS):
        for path in sorted((repository / root).rglob("*.py")):
            parts = ("penstock", *path.relative_to(repository).with_suffix("").parts)
            module = ".".join(parts).removesuffix(".__init__")
            own = layer(module) or ""
            for line, name in imports(path, module):
                if reason := _refused(module, own, name):
                    found.append(f"{path.relative_to(repository)}:{line} imports {name}: {reason}")
    return found


def _refused(module: str, own: str, name: str) -> str:
    top, target = name.split(".")[0], layer(name)
    if top in ROOTS:
        return "a bare root name"
    if top in KAFKA_CLIENTS and own != THEIR_LAYER:
        return f"only {THEIR_LAYER} may"
    if target is None or target == own or target in ALLOWED.get(own, set()) or (module, target) in STATED:
        return ""
    return f"{own} may import {', '.join(sorted(ALLOWED[own])) or 'nothing of ours'}"


def test_dependencies_run_one_way() -> None:
    found = violations(REPOSITORY)
    assert not found, "\n".join(found)


def test_every_root_is_looked_at() -> None:
    packaged = ast.parse((REPOSITORY / "setup.py").read_text())
    (roots,) = [
        ast.literal_eval(node.value)
        for node in packaged.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOTS"
    ]
    assert set(roots) == ROOTS
    assert all(list((REPOSITORY / root).rglob("*.py")) for root in roots)


def test_nothing_beside_the_roots_imports_a_bare_root_name() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for folder in ("tests", "bench")
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if not {".venv", "out"} & set(path.relative_to(REPOSITORY).parts)
        for line, name in imports(path, "")
        if name.split(".")[0] in ROOTS
    ]
    assert found == []


def test_stated_exceptions_are_needed() -> None:
    for module, target in STATED:
        path = REPOSITORY / Path(*module.split(".")[1:]).with_suffix(".py")
        assert target in {layer(name) for _, name in imports(path, module)}, module


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("model/a.py", "import penstock.codecs.frame"),
        ("model/a.py", "from penstock import codecs"),
        ("model/a.py", "from penstock.agents.runtime import hop"),
        ("codecs/a.py", "from penstock.agents.chain import Chain"),
        ("stores/a.py", "from penstock.codecs import frame"),
        ("topology/a.py", "from ..codecs import frame"),
        ("connectors/sinks/a.py", "from penstock.agents.fields import Finder"),
        ("agents/enrich/a.py", "from penstock.agents import runtime"),
        ("agents/enrich/a.py", "from ..runtime.hop import Hop"),
        ("agents/enrich/a.py", "from penstock.stores.claims import Claims"),
        ("agents/chain.py", "def f():\n    import aiokafka"),
        ("agents/__init__.py", "from .runtime import hop"),
        ("agents/runtime/a.py", "from penstock.broker import embedded"),
        ("agents/runtime/a.py", "import penstock.cli.main"),
        ("broker/a.py", "import penstock.codecs"),
        ("services/a.py", "import penstock.broker"),
        ("api/a.py", "from penstock.services import graph"),
        ("api/a.py", "from penstock.cli.main import main"),
        ("cli/a.py", "if True:\n    from faust import App"),
        ("cli/a.py", "from mode import Worker"),
        ("cli/a.py", "import aiokafka.admin"),
        ("cli/a.py", "import codecs"),
        ("cli/a.py", "from model.errors import PenstockError"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (found,) = violations(tmp_path)
    assert found.startswith(f"{file}:{len(text.splitlines())} imports ")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("model/a.py", "import json\nfrom penstock.model.errors import PenstockError"),
        ("codecs/a.py", "from penstock.model import record\nfrom . import frame"),
        ("agents/enrich/a.py", "from penstock.codecs.frame import Frame\nfrom ..chain import Chain"),
        ("agents/runtime/a.py", "import faust, mode, aiokafka\nfrom penstock.topology.plan import Plan"),
        ("cli/a.py", "from penstock.broker import embedded\nfrom penstock.api import app\nimport modes, faust_like"),
    ],
)
def test_an_allowed_import_is_not(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert violations(tmp_path) == []
