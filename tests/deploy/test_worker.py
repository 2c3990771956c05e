"""The example of a worker's environment, and the unit of the README: what they name exists."""

import configparser
import re
from pathlib import Path
from typing import Any

import typer.main

from penstock.agents.runtime.cluster import MECHANISMS, PROTOCOLS
from penstock.cli.main import app
from penstock.model.environment import VARIABLES


def test_the_examples_variables_exist_and_hold_no_secret(root: Path) -> None:
    lines = (root / "deploy/worker.env.example").read_text(encoding="utf-8").splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(pairs) <= set(VARIABLES)
    assert {name for name, value in pairs.items() if VARIABLES[name].secret and value} == set()
    assert pairs["KAFKA_SECURITY_PROTOCOL"] in PROTOCOLS
    assert pairs["KAFKA_SASL_MECHANISM"] in MECHANISMS


def test_the_units_command_can_be_parsed(readme: str) -> None:
    text = re.search(r"```ini\n(.*?)```", readme, re.DOTALL)
    assert text is not None
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(text[1])
    program, name, *words = unit["Service"]["ExecStart"].split()
    assert Path(program).name == "penstock"
    commands: Any = typer.main.get_command(app)
    commands.commands[name].make_context(name, words)
