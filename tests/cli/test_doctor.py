"""penstock doctor: what it finds, with and without what it looks for."""

import json
import socket

import pytest

from penstock.cli import _health


def found(call) -> dict[str, dict[str, str]]:
    result = call("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    missing = any(check["state"] == "missing" for check in checks.values())
    assert result.exit_code == (3 if missing else 0)
    return checks


def test_on_a_machine_where_all_is_well_nothing_is_missing(call, alone):
    checks = found(call)
    assert not [name for name, check in checks.items() if check["state"] == "missing"]
    assert {"python", "packages", "java", "data folder", "disk", "kafka", "memory", "broker"} <= set(checks)
    assert checks["data folder"]["found"] == str(alone)
    assert checks["broker"]["state"] == checks["service graph"]["state"] == "optional"
    for check in checks.values():
        assert check["state"] == "ok" or check["advice"], check


def test_lines_for_people(call):
    result = call("doctor")
    assert all(line.startswith(("ok  ", "optional  ")) for line in result.stdout.splitlines())
    assert "penstock services start" in result.stdout


def test_a_broker_that_does_not_answer_is_missing(call, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", address)
    check = found(call)["broker"]
    assert (check["state"], check["found"]) == ("missing", f"{address} does not answer")
    assert "KAFKA_BOOTSTRAP_SERVERS" in check["advice"]


@pytest.mark.parametrize("address", ["nonsense", "host:port", ":", "127.0.0.1:99999999"])
def test_an_address_that_is_none_is_missing(address, call, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", address)
    assert found(call)["broker"]["state"] == "missing"


def test_a_service_that_is_named_must_answer_and_its_password_is_not_shown(call, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("GRAPH_API_URL", f"http://user:s3cret@127.0.0.1:{port}/graph")
        monkeypatch.setenv("PROV_LEDGER_URL", "http://user:s3cret@127.0.0.1:9")
        checks = found(call)
    assert (checks["service graph"]["state"], checks["service graph"]["found"]) == ("ok", f"127.0.0.1:{port}")
    assert checks["service ledger"]["state"] == "missing"
    assert "s3cret" not in str(checks)


def test_an_address_that_cannot_be_one_is_missing(call, monkeypatch):
    monkeypatch.setenv("GRAPH_API_URL", "http://here:port/[")
    assert found(call)["service graph"]["state"] == "missing"


def test_a_redis_that_is_named_must_take_its_password_and_that_is_not_shown(call, monkeypatch, redis_server):
    assert found(call)["redis"]["state"] == "optional"
    where = f"127.0.0.1:{redis_server.port}"
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    checks = found(call)
    assert (checks["redis"]["state"], checks["redis"]["found"]) == ("ok", where)
    for url in (f"redis://:s3cret@{where}", f"http://:s3cret@{where}"):
        monkeypatch.setenv("REDIS_URL", url)
        checks = found(call)
        assert checks["redis"]["state"] == "missing" and "REDIS_URL" in checks["redis"]["advice"]
        assert "s3cret" not in str(checks)


def test_packages_that_are_not_there_or_others_than_pinned(call, monkeypatch):
    wanted = ["nowhere-to-be-found>=1", "typer==0.0.1", "rich>=1", 'for-others>=1; platform_machine == "toaster"']
    monkeypatch.setattr(_health, "requires", lambda name: [*wanted, 'gone>=2; extra == "s3"', 'x>=1; extra == "dev"'])
    checks = found(call)
    assert checks["packages"]["state"] == "missing"
    assert checks["packages"]["found"].startswith("nowhere-to-be-found, typer ")
    assert checks["packages"]["found"].endswith(" instead of 0.0.1")
    assert checks["extra s3"]["state"] == "optional"
    assert checks["extra s3"]["advice"] == "pip install 'penstock[s3]'"
    assert "extra dev" not in checks


def test_python_must_be_one_of_ours(call, monkeypatch):
    monkeypatch.setattr(_health, "BELOW_PYTHON", (3, 11))
    assert found(call)["python"]["state"] == "missing"


def test_a_home_that_cannot_be_made_is_missing(call, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PENSTOCK_HOME", str(tmp_path / "file" / "home"))
    check = found(call)["data folder"]
    assert check["state"] == "missing"
    assert "PENSTOCK_HOME" in check["advice"]


def test_a_database_that_is_named_must_be_there(call, tmp_path, monkeypatch):
    monkeypatch.setenv("GEOIP_DATABASE", str(tmp_path / "city.mmdb"))
    assert found(call)["geoip database"]["state"] == "missing"
    (tmp_path / "city.mmdb").write_text("")
    assert found(call)["geoip database"]["state"] == "ok"


def test_the_key_of_hashes_is_never_shown(call, monkeypatch):
    monkeypatch.setenv("PENSTOCK_HASH_KEY", "s3cret-s3cret-s3cret")
    result = call("doctor")
    assert "s3cret" not in result.output
