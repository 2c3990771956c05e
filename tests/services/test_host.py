import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil
import pytest

from penstock.model.errors import ConfigurationError, ServiceUnreachableError
from penstock.services import ai_engine, host


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv(host.DATABASE, raising=False)
    yield tmp_path
    host.stop(tmp_path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_service_is_started_found_and_stopped(home: Path) -> None:
    info = host.start(["ledger"], home=home, ports={"ledger": (port := free_port())})
    assert info.urls == {"ledger": f"http://127.0.0.1:{port}"}
    assert info.env() == {"PROV_LEDGER_URL": info.urls["ledger"], "PENSTOCK_API_TOKEN": info.token}
    assert httpx.get(f"{info.urls['ledger']}/health").json() == {"status": "ok"}
    chains = f"{info.urls['ledger']}/api/v1/chains"
    assert httpx.get(chains).status_code == 401
    assert httpx.get(chains, headers={"Authorization": f"Bearer {info.token}"}).json() == {"chains": []}
    assert host.status(home) == info
    assert host.start(["ledger"], home=home) == info
    assert host.stop(home)
    until(lambda: gone(info.pid))
    assert host.status(home) is None
    assert not host.stop(home)


def test_secrets_stay_out_of_the_command_line_and_out_of_others_reach(home: Path) -> None:
    info = host.start(["ledger"], home=home, database_url=f"sqlite:///{home / 'elsewhere.db'}", ports={"ledger": 0})
    command = Path(f"/proc/{info.pid}/cmdline").read_text()
    assert info.token not in command
    assert "elsewhere" not in command
    assert stat.S_IMODE((home / "services" / "host.json").stat().st_mode) == 0o600
    assert info.token not in (home / "services" / "host.log").read_text()
    with sqlite3.connect(home / "elsewhere.db") as database:
        assert ("ledger_chains",) in database.execute("SELECT name FROM sqlite_master").fetchall()
    database.close()


def test_data_outlives_the_process(home: Path) -> None:
    first = host.start(["ledger"], home=home, ports={"ledger": 0})
    assert (home / "services" / "ledger.db").exists()
    host.stop(home)
    second = host.start(["ledger"], home=home, ports={"ledger": 0})
    assert second.pid != first.pid
    assert second.token != first.token


def test_a_default_port_that_is_taken_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as somebody:
        # If somebody else has the port already, so much the better.
        try:
            somebody.bind(("127.0.0.1", host.PORTS["ledger"]))
            somebody.listen()
        except OSError:
            pass
        info = host.start(["ledger"], home=home)
    assert not info.urls["ledger"].endswith(f":{host.PORTS['ledger']}")


def test_a_port_asked_for_that_is_taken_is_an_error(home: Path) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        with pytest.raises(ServiceUnreachableError, match=rf"127\.0\.0\.1:{port}.*cannot listen.*host\.log"):
            host.start(["ledger"], home=home, ports={"ledger": port})
    assert host.status(home) is None


def test_an_unreachable_database_is_told_at_once_without_its_password(home: Path) -> None:
    with pytest.raises(ServiceUnreachableError, match="DATABASE_URL") as caught:
        host.start(["ledger"], home=home, database_url=f"postgresql://me:s3cret-pw@127.0.0.1:{free_port()}/x")
    assert "s3cret-pw" not in str(caught.value) + (home / "services" / "host.log").read_text()


def test_unknown_and_missing_services_are_refused(home: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no service nothing"):
        host.start(["nothing"], home=home)
    host.start(["ledger"], home=home, ports={"ledger": 0})
    with pytest.raises(ConfigurationError, match="run without graph"):
        host.start(["ledger", "graph"], home=home)


def test_a_service_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setitem(host.PORTS, "absent", 1)
    with pytest.raises(ConfigurationError, match="the service absent is not part of this installation"):
        host._app("absent", home, None)


def test_started_twice_at_once_there_is_one(home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: host.start(["ledger"], home=home, ports={"ledger": 0}), range(4)))
    assert len({info.pid for info in found}) == 1


def test_after_a_crash_the_old_state_is_seen_as_old(home: Path) -> None:
    info = host.start(["ledger"], home=home, ports={"ledger": 0})
    os.kill(info.pid, signal.SIGKILL)
    until(lambda: gone(info.pid))
    assert host.status(home) is None
    assert host.start(["ledger"], home=home, ports={"ledger": 0}).pid != info.pid


def test_a_process_that_is_not_ours_is_never_signalled(home: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    (home / "services").mkdir()
    state = {"pid": stranger.pid, "token": "t", "urls": {"ledger": "http://127.0.0.1:1"}}
    (home / "services" / "host.json").write_text(json.dumps(state))
    assert not host.stop(home)  # nobody holds the lock
    with host._exclusive(home / "services" / "host.lock"):
        assert not host.stop(home)  # the lock is held, and yet the pid is a stranger's
    assert stranger.poll() is None
    stranger.communicate()


def test_in_the_foreground_it_serves_until_it_is_told_to_end(home: Path) -> None:
    port = free_port()
    environment = dict(os.environ) | {"DATABASE_URL": f"sqlite:///{home / 'a.db'}", "PENSTOCK_API_TOKEN": "given"}
    command = [sys.executable, "-m", "penstock.services.host", "--foreground", "--name", "ledger"]
    process = subprocess.Popen([*command, "--host", "0.0.0.0", "--port", str(port)], env=environment)

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
        except httpx.TransportError:
            return False

    until(answers)
    given = {"Authorization": "Bearer given"}
    assert httpx.get(f"http://127.0.0.1:{port}/api/v1/chains", headers=given).status_code == 200
    process.terminate()
    assert process.wait(20) == 0
    assert not (home / "services").exists()


def test_wrong_use_exits_with_2(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(host.DATABASE, raising=False)
    for arguments in (["--foreground"], ["--home", "x", "--name", "ledger", "--port", "1", "--port", "2"]):
        with pytest.raises(SystemExit) as caught:
            host.main(arguments)
        assert caught.value.code == 2
    assert "DATABASE_URL" in capsys.readouterr().err


def test_a_service_whose_extra_is_missing_is_left_out_and_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.missing() == {}
    assert host.installed() == host.ALL
    monkeypatch.setattr(ai_engine, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    assert list(host.missing()) == ["ai_engine"]
    assert "penstock[ai]" in host.missing()["ai_engine"]
    assert host.installed() == tuple(name for name in host.ALL if name != "ai_engine")
    info = host.start(home=home)
    assert set(info.urls) == set(host.installed())


def test_the_ai_engine_is_started_beside_the_others_and_ends_its_children(home: Path) -> None:
    info = host.start(["ai_engine", "ledger"], home=home, ports={"ai_engine": 0, "ledger": 0})
    assert info.env()["AI_ENGINE_URL"] == info.urls["ai_engine"]
    headers = {"Authorization": f"Bearer {info.token}"}
    url = f"{info.urls['ai_engine']}/stt/transcribe"
    assert httpx.post(url, json={}).status_code == 401
    answer = httpx.post(url, json={"content_base64": "bm8gc291bmQ="}, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    children = [child.pid for child in psutil.Process(info.pid).children()]
    assert children
    assert host.stop(home)
    until(lambda: all(gone(child) for child in children))
