"""The Dockerfile: it copies what there is, all of it, and runs what exists."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from penstock.model.environment import VARIABLES


@pytest.fixture
def dockerfile(root: Path) -> str:
    return (root / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


@pytest.fixture
def environment(dockerfile: str) -> dict[str, str]:
    (line,) = re.findall(r"^ENV (.*)$", dockerfile, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in line.split())


def _copied(dockerfile: str) -> list[str]:
    return [word for line in re.findall(r"^COPY (.*)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]]


def test_what_is_copied_exists(dockerfile: str, root: Path) -> None:
    assert [name for name in _copied(dockerfile) if not (root / name).exists()] == []


def test_every_root_is_copied(dockerfile: str, root: Path) -> None:
    tree = ast.parse((root / "setup.py").read_text())
    (roots,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOTS"
    ]
    folders = [name for name in _copied(dockerfile) if (root / name).is_dir()]
    assert sorted(folders) == sorted(roots)
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert {project["readme"], *project["license-files"], "pyproject.toml", "setup.py"} <= set(_copied(dockerfile))


def test_python_is_one_that_the_project_takes(dockerfile: str, root: Path) -> None:
    version = re.search(r"^FROM python:3\.(\d+)-", dockerfile, re.MULTILINE)
    bounds = re.search(
        r">=3\.(\d+),<3\.(\d+)", tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    )
    assert version is not None
    assert bounds is not None
    assert int(bounds[1]) <= int(version[1]) < int(bounds[2])


def test_its_environment_is_ours_and_metrics_can_be_reached(dockerfile: str, environment: dict[str, str]) -> None:
    assert set(environment) <= set(VARIABLES)
    assert environment["METRICS_HOST"] == "0.0.0.0"
    assert f"EXPOSE {environment['METRICS_PORT']}" in dockerfile


def test_the_health_check_compiles(dockerfile: str) -> None:
    command = re.search(r"^HEALTHCHECK .*?CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert command is not None
    program, option, code = json.loads(command[1])
    assert (program, option) == ("python", "-c")
    compile(code, "healthcheck", "exec")


def test_the_user_is_the_documented_one(dockerfile: str, environment: dict[str, str], readme: str) -> None:
    user = re.search(r"useradd --uid (\d+) .*--home-dir (\S+) (\w+)", dockerfile)
    assert user is not None
    assert f"chown {user[1]} " in readme
    assert environment["PENSTOCK_HOME"] == user[2]
    assert f"USER {user[3]}" in dockerfile
