"""Calling commands: in this process with typer's runner, or as the program that users start."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.topics import ensure
from penstock.cli._shared import load_plan
from penstock.cli.main import app

_OF_THE_WORLD = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "GRAPH_API_URL",
    "PROV_LEDGER_URL",
    "LICENSE_REGISTRY_URL",
    "SCHEMA_REGISTRY_URL",
    "REDIS_URL",
    "PENSTOCK_API_TOKEN",
    "PENSTOCK_HASH_KEY",
    "PENSTOCK_HASH_KEY_FILE",
    "PENSTOCK_KEYS_FILE",
    "VAULT_URL",
    "DATABASE_URL",
    "GEOIP_DATABASE",
)


@pytest.fixture
def alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and an environment that names nothing."""
    for name in _OF_THE_WORLD:
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def call(alone: Path) -> Callable[..., Result]:
    """Run a command in this process."""

    def run(*arguments: object, input: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=input)

    return run


@pytest.fixture
def program(alone: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run the command line as a process of its own."""

    def run(*arguments: object, input: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "penstock.cli.main", *map(str, arguments)],
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **environ},
            check=False,
        )

    return run


@pytest.fixture
def on_kafka(alone: Path, kafka: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment names the real Kafka of the tests; its address."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka)
    return kafka


@pytest.fixture
def pipeline(on_kafka: str, pipeline_name: str, tmp_path: Path) -> Callable[..., Path]:
    """Write a pipeline file and make its topics."""

    def make(text: str = "stages: [tag]\nungoverned: true\n") -> Path:
        file = tmp_path / "pipeline.yml"
        file.write_text(f"name: {pipeline_name}\nraw: {{partitions: 2}}\n{text}", encoding="utf-8")
        asyncio.run(ensure(Cluster(on_kafka), load_plan(file)))
        return file

    return make
