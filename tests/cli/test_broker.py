"""penstock broker: what it says; and, on a real Kafka, that it starts, is found and stops."""

import json
from pathlib import Path

import pytest

from penstock.broker import embedded
from penstock.broker.probe import cluster_at
from penstock.model.home import home as usual_home


def test_nothing_runs(call):
    result = call("broker", "status")
    assert (result.exit_code, result.stdout) == (3, "no broker is running; `penstock broker start` starts one\n")
    assert json.loads(call("broker", "status", "--json").stdout) == {"running": False}
    result = call("broker", "stop")
    assert (result.exit_code, result.stdout) == (0, "no broker was running\n")


@pytest.mark.parametrize("port", ["-1", "70000", "x"])
def test_what_is_no_port_is_2(port, call):
    assert call("broker", "start", "--port", port).exit_code == 2


@pytest.mark.integration
def test_a_broker_is_started_found_and_stopped(call, alone: Path, monkeypatch: pytest.MonkeyPatch):
    _share_jars(alone, monkeypatch)
    try:
        result = call("broker", "start", "--json")
        assert result.exit_code == 0, result.output
        info = json.loads(result.stdout)
        assert "starting Apache Kafka" in result.stderr
        assert cluster_at(info["port"]) is not None
        assert json.loads(call("broker", "status", "--json").stdout) == info
        assert info["bootstrap"] in call("broker", "status").stdout
        checks = {check["name"]: check for check in json.loads(call("doctor", "--json").stdout)}
        assert (checks["broker"]["state"], checks["kafka"]["state"]) == ("ok", "ok")
        assert call("broker", "start").exit_code == 0
        assert call("broker", "start", "--port", "1").exit_code == 3
    finally:
        stopped = call("broker", "stop", "--json")
    assert json.loads(stopped.stdout) == {"stopped": True}
    assert embedded.status() is None
    assert cluster_at(info["port"]) is None


def _share_jars(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the jars that were downloaded before: each test has a home of its own, and they are 44 MB."""
    with monkeypatch.context() as usual:
        usual.delenv("PENSTOCK_HOME")
        there = usual_home()
    if (there / "maven").exists():
        (alone / "maven").symlink_to(there / "maven")
