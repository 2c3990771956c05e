"""Every environment variable that the code reads is in the table, and the table lists nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.model.environment import VARIABLES

ROOTS = ("model", "codecs", "topology", "agents", "connectors", "stores", "broker", "services", "api", "cli")
TABLE = Path("model/environment.py")
NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
IN_YAML = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")
# Upper-case texts in the code that are no variables of ours, and why.
OTHERS = {
    "SASL_PLAINTEXT": "a security protocol",
    "SASL_SSL": "a security protocol",
    "LC_ALL": "passed on to Java",
    "LD_LIBRARY_PATH": "passed on to Java and to child processes",
    "DYLD_LIBRARY_PATH": "passed on to Java",
    "INVALID_RECORD": "an error of Kafka's",
    "OMP_NUM_THREADS": "set for child processes",
    "OPENBLAS_NUM_THREADS": "set for child processes",
    "MKL_NUM_THREADS": "set for child processes",
    "SC_PAGE_SIZE": "asked of the system",
    "SC_PHYS_PAGES": "asked of the system",
}


def _docstrings(tree: ast.AST) -> set[ast.Constant]:
    return {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _attributes(tree: ast.AST) -> set[ast.expr]:
    """Names of attributes that are asked for by `getattr` and `hasattr`."""
    return {
        argument
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr")
        for argument in node.args
    }


def _read_from(tree: ast.AST) -> Iterator[ast.expr]:
    """What is looked up in something called `environ`, whatever its form."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            yield node.slice
        if isinstance(node, ast.Call) and re.search(r"environ\.get$|getenv$", ast.unparse(node.func)):
            yield node.args[0]


def _in_python(path: Path) -> tuple[set[str], set[str]]:
    """Names in a file, and patterns of names that are put together there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out = _docstrings(tree) | _attributes(tree)
    names, patterns = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in left_out:
            names |= {node.value} if NAME.fullmatch(node.value) else set()
    for node in _read_from(tree):
        if isinstance(node, ast.Constant):
            names.add(str(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = [re.escape(str(p.value)) if isinstance(p, ast.Constant) else "[A-Z_]+" for p in node.values]
            patterns.add("".join(parts))
    return names, patterns


@pytest.fixture
def found(root: Path) -> tuple[dict[str, Path], set[str]]:
    """Where each name stands, and the patterns."""
    names: dict[str, Path] = {}
    patterns: set[str] = set()
    for folder in ROOTS:
        for path in sorted((root / folder).rglob("*.py")):
            if path != root / TABLE:
                here, more = _in_python(path)
                names |= dict.fromkeys(here, path)
                patterns |= more
        for path in sorted((root / folder).rglob("*.yml")):
            names |= dict.fromkeys(IN_YAML.findall(path.read_text(encoding="utf-8")), path)
    return names, patterns


def test_what_is_read_is_listed(found: tuple[dict[str, Path], set[str]]) -> None:
    missing = {name: path for name, path in found[0].items() if name not in VARIABLES and name not in OTHERS}
    assert missing == {}, f"add them to {TABLE}, or, where they are no variables, to OTHERS in this file"


def test_what_is_listed_is_read(found: tuple[dict[str, Path], set[str]]) -> None:
    names, patterns = found
    unread = {
        name
        for name in VARIABLES
        if name not in names
        and not any(re.fullmatch(pattern, name) for pattern in patterns if pattern != "[A-Z_]+_FILE")
    }
    by_file = {name for name in unread if name.endswith("_FILE") and name.removesuffix("_FILE") in names}
    assert unread - by_file == set(), f"take them out of {TABLE}"
    assert not by_file or "[A-Z_]+_FILE" in patterns


def test_what_is_no_variable_stands_in_the_code(found: tuple[dict[str, Path], set[str]]) -> None:
    assert set(OTHERS) <= set(found[0])


def test_a_secret_has_no_default() -> None:
    for name, variable in VARIABLES.items():
        assert not (variable.secret and "`" in variable.default), name
        assert variable.text.endswith("."), name
        assert "\n" not in variable.text + variable.default, name


@pytest.mark.parametrize(
    ("module", "constant", "name"),
    [
        ("penstock.codecs.schema_registry", "DEFAULT_URL", "SCHEMA_REGISTRY_URL"),
        ("penstock.connectors.sinks.graph", "DEFAULT_URL", "GRAPH_API_URL"),
        ("penstock.connectors.ledger_client", "DEFAULT_URL", "PROV_LEDGER_URL"),
        ("penstock.agents.license._registry", "DEFAULT_URL", "LICENSE_REGISTRY_URL"),
        ("penstock.agents.license._registry", "DEFAULT_AUTHORITY", "AUTHORITY_ID"),
        ("penstock.broker.settings", "DEFAULT_HEAP", "PENSTOCK_BROKER_HEAP"),
    ],
)
def test_defaults_are_the_codes(module: str, constant: str, name: str) -> None:
    value = getattr(__import__(module, fromlist=[constant]), constant)
    assert f"`{value}`" in VARIABLES[name].default
