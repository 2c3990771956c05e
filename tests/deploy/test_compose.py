"""docker-compose.yml: valid, and true to the code and the repository."""

import json
import re
import tomllib
from fnmatch import fnmatch
from importlib.metadata import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jsonschema
import pytest
import typer.main

from penstock.agents.runtime.compile import compile_plan, facts
from penstock.agents.runtime.http import create_app
from penstock.broker import jars, settings
from penstock.cli.main import app
from penstock.connectors.registry import SINKS, SOURCES
from penstock.model.environment import VARIABLES
from penstock.services import host
from penstock.topology.lint import lint
from penstock.topology.load import load
from penstock.topology.plan import LARGEST_MESSAGE

KAFKA = Path(__file__).with_name("kafka_settings.txt")
FOR_PEOPLE = {"worker", "prometheus", "grafana", "redis", "neo4j", "ai-engine"}
"""Services there for their own sake, or for stages and sinks of one's own; the others must be used by these."""
SCHEMA = "builtin_schemas/vendor/compose-spec.json"


def _ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose["services"].items() if "build" in service}


def _binds(compose: dict[str, Any]) -> list[tuple[str, str]]:
    """Source and target of each volume of each service."""
    volumes = [volume for service in compose["services"].values() for volume in service.get("volumes", [])]
    return [(volume.split(":")[0], volume.split(":")[1]) for volume in volumes]


def _needs(service: dict[str, Any]) -> dict[str, str]:
    """What the service waits for, and for what of it."""
    given = service.get("depends_on", {})
    return {name: given[name]["condition"] if isinstance(given, dict) else "service_started" for name in given}


def _properties() -> set[str]:
    return {line for line in KAFKA.read_text().splitlines() if not line.startswith("#")}


def test_it_is_valid(written: dict[str, Any]) -> None:
    # the package itself cannot be imported with every version of click, and need not be for its data
    (file,) = [file for file in files("check-jsonschema") or () if str(file).endswith(SCHEMA)]
    schema = json.loads(file.read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    assert [error.message for error in validator(schema).iter_errors(written)] == []


def test_our_variables_exist_in_the_code(compose: dict[str, Any]) -> None:
    for name, service in _ours(compose).items():
        assert set(service["environment"]) <= set(VARIABLES), name


def test_what_must_be_set_is_documented(variables: dict[str, re.Match[str]], readme: str) -> None:
    for name, match in variables.items():
        row = next((line for line in readme.splitlines() if line.startswith(f"| `{name}`")), "")
        told = "refused" if match["default"] is None else f"`{match['default']}`"
        assert row.rstrip("| ").endswith(told), name
    generated = re.search(r"for name in ([A-Z0-9_ ]+);", readme)
    assert generated is not None
    assert set(generated[1].split()) == {name for name, match in variables.items() if match["default"] is None}


def test_secrets_have_no_default(variables: dict[str, re.Match[str]]) -> None:
    for name in variables:
        if re.search("PASSWORD|TOKEN|KEY$", name):
            assert variables[name]["refusal"], name


def test_the_brokers_settings_are_kafkas(compose: dict[str, Any]) -> None:
    known = _properties()
    for name in compose["services"]["kafka"]["environment"]:
        assert name.startswith("KAFKA_")
        # as the image does it: _ is a dot, __ an underscore, ___ a dash
        words = re.split("(_+)", name.removeprefix("KAFKA_").lower())
        assert "".join({"_": ".", "__": "_", "___": "-"}.get(word, word) for word in words) in known, name


def test_the_embedded_brokers_settings_are_kafkas() -> None:
    text = settings.properties(9092, 9093)
    assert {line.partition("=")[0] for line in text.splitlines()} <= _properties()


def test_the_broker_is_the_embedded_ones_version_and_takes_its_messages(compose: dict[str, Any]) -> None:
    kafka = compose["services"]["kafka"]
    assert kafka["image"] == f"apache/kafka:{jars.VERSION}"
    assert f"Apache Kafka {jars.VERSION}," in KAFKA.read_text()
    assert int(kafka["environment"]["KAFKA_MESSAGE_MAX_BYTES"]) >= LARGEST_MESSAGE
    assert kafka["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_listeners_and_addresses_agree(compose: dict[str, Any]) -> None:
    environment = compose["services"]["kafka"]["environment"]
    listeners = dict(re.findall(r"(\w+)://:(\d+)", environment["KAFKA_LISTENERS"]))
    advertised = {
        name: (at, port)
        for name, at, port in re.findall(r"(\w+)://([\w.]+):(\d+)", environment["KAFKA_ADVERTISED_LISTENERS"])
    }
    assert {name: port for name, (_, port) in advertised.items()} == {
        n: p for n, p in listeners.items() if n != "CONTROLLER"
    }
    assert ":".join(advertised["PLAINTEXT"]) == _ours(compose)["worker"]["environment"]["KAFKA_BOOTSTRAP_SERVERS"]
    assert f"{advertised['HOST'][1]}:{advertised['HOST'][1]}" in compose["services"]["kafka"]["ports"]
    assert (
        environment["KAFKA_CONTROLLER_QUORUM_VOTERS"]
        == f"{environment['KAFKA_NODE_ID']}@kafka:{listeners['CONTROLLER']}"
    )


@pytest.mark.parametrize("name", [name for name in host.ALL if name not in host.OPTIONAL])
async def test_reference_services(
    name: str, compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service, port = compose["services"][name], host.PORTS[name]
    monkeypatch.setenv(host.DATABASE, service["environment"][host.DATABASE])
    assert service["command"][:3] == ["python", "-m", host.__name__]
    options = host._options(service["command"][3:])
    assert (options.name, options.port, options.host, options.foreground) == ([name], [port], "0.0.0.0", True)
    assert service["ports"] == [f"{port}:{port}"]
    assert _ours(compose)["worker"]["environment"][host.VARIABLES[name]] == f"http://{name}:{port}"
    address = urlsplit(re.search(r"'(http://[^']+)'", service["healthcheck"]["test"][-1])[1])  # type: ignore[index]
    assert address.port == port
    compile(service["healthcheck"]["test"][-1], name, "exec")
    monkeypatch.setenv(host.DATABASE, f"sqlite:///{tmp_path / 'service.db'}")
    served = httpx.ASGITransport(host._app(name, None, "token"))
    async with httpx.AsyncClient(transport=served, base_url="http://service") as client:
        assert (await client.get(address.path)).status_code == 200


def test_the_ai_engine(compose: dict[str, Any], root: Path) -> None:
    service, port = compose["services"]["ai-engine"], host.PORTS["ai_engine"]
    assert service["command"][:3] == ["python", "-m", host.__name__]
    options = host._options(service["command"][3:])
    assert (options.name, options.port, options.host, options.foreground) == (["ai_engine"], [port], "0.0.0.0", True)
    assert service["ports"] == [f"{port}:{port}"]
    assert _ours(compose)["worker"]["environment"][host.VARIABLES["ai_engine"]] == f"http://ai-engine:{port}"
    # it needs packages that the image of the others lacks, and so has one of its own
    assert service["image"] != compose["services"]["worker"]["image"]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert service["build"]["args"]["EXTRAS"] in extras
    assert "ARG EXTRAS" in (root / "Dockerfile").read_text()
    assert compose["services"]["worker"]["build"] == "."


def test_the_database(compose: dict[str, Any]) -> None:
    environment = compose["services"]["timescale"]["environment"]
    url = urlsplit(compose["services"]["graph"]["environment"]["DATABASE_URL"])
    assert (url.hostname, url.username, url.path) == (
        "timescale",
        environment["POSTGRES_USER"],
        f"/{environment['POSTGRES_DB']}",
    )
    assert url.password == environment["POSTGRES_PASSWORD"]


def test_the_workers_command_can_be_parsed(compose: dict[str, Any]) -> None:
    program, *words = compose["services"]["worker"]["command"]
    assert program == "penstock"
    commands: Any = typer.main.get_command(app)
    command = commands.commands[words[0]]
    context = command.make_context(words[0], words[1:])
    assert str(context.params["file"]) in [target for _, target in _binds(compose)]


def test_the_default_pipeline_can_be_planned_with_the_workers_environment(compose: dict[str, Any], root: Path) -> None:
    worker = compose["services"]["worker"]
    file = next(source for source, target in _binds(compose) if target == worker["command"][-1])
    plan = compile_plan(load(root / file, worker["environment"]), None, sources=SOURCES, sinks=SINKS)
    assert not [finding for finding in lint(plan, facts(plan)) if finding.level == "error"]


def test_the_worker_finds_its_files(compose: dict[str, Any]) -> None:
    worker = compose["services"]["worker"]
    environment = worker["environment"]
    targets = [target for _, target in _binds({"services": {"worker": worker}})]
    assert Path(environment["PENSTOCK_SIGNING_KEY_FILE"]).name in worker["secrets"]
    assert str(Path(environment["GEOIP_DATABASE"]).parent) in targets
    # all replicas share it: what one puts into the claim store another must find
    assert environment["PENSTOCK_HOME"] in targets
    assert "container_name" not in worker
    assert "ports" not in worker  # a published port cannot be had twice


def test_mounted_paths_exist_or_are_documented(compose: dict[str, Any], root: Path, readme: str) -> None:
    sources = [source for source, _ in _binds(compose)] + [secret["file"] for secret in compose["secrets"].values()]
    ignored = [line for line in (root / "deploy/.gitignore").read_text().splitlines() if line and line[0] not in "#!"]
    for source in sources:
        if not source.startswith("."):
            assert source in compose["volumes"], source
        elif not (root / source).exists():
            assert f"`{source}`" in readme, source
            assert any(fnmatch(source.removeprefix("./deploy/"), pattern) for pattern in ignored), source
    used = {source for source in sources if not source.startswith(".")}
    assert used == set(compose["volumes"])


def test_services_wait_for_what_says_that_it_is_healthy(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for other, condition in _needs(service).items():
            assert other in compose["services"], name
            assert condition != "service_healthy" or "healthcheck" in compose["services"][other], f"{name}: {other}"


def test_no_service_looks_after_itself_with_the_workers_check(compose: dict[str, Any]) -> None:
    """The image's health check asks a worker's port: whatever else runs from the image needs its own."""
    assert [name for name, service in _ours(compose).items() if name != "worker" and "healthcheck" not in service] == []


def test_every_service_is_used(compose: dict[str, Any]) -> None:
    used, waiting = set(), set(FOR_PEOPLE)
    while waiting:
        name = waiting.pop()
        used.add(name)
        waiting |= set(_needs(compose["services"][name])) - used
    assert set(compose["services"]) == used


def test_the_workers_health_check_asks_what_it_serves() -> None:
    dockerfile = (Path(__file__).parents[2] / "Dockerfile").read_text()
    path = re.search(r"\]\}(/\w+)'", dockerfile)
    assert path is not None
    assert path[1] in {route.path for route in create_app(None).routes}  # type: ignore[arg-type, attr-defined]
