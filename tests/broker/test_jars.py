import gc
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from penstock.broker import jars
from penstock.model.errors import BrokerStartError

# jgo leaves it to the garbage collector to close the connection of a download that was refused
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

NAMES = ("org.example:one:1.0", "org.example:two:2.0")
CONTENT = {
    f"/org/example/{name}/{v}/{name}-{v}.jar": name.encode() * 99 for name, v in (("one", "1.0"), ("two", "2.0"))
}


class Repository(BaseHTTPRequestHandler):
    """A Maven repository with two jars."""

    content: dict[str, bytes]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        found = self.content.get(self.path)
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository() -> Iterator[tuple[type[Repository], str]]:
    handler = type("Handler", (Repository,), {"content": dict(CONTENT), "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def two_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """List two small jars instead of Kafka's, and an empty Maven cache of the user's."""
    listed = {name: hashlib.sha256(content).hexdigest() for name, content in zip(NAMES, CONTENT.values(), strict=True)}
    (tmp_path / "list.json").write_text(json.dumps(listed))
    monkeypatch.setattr(jars, "LIST", tmp_path / "list.json")
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    yield
    gc.collect()


def _get(tmp_path: Path, address: str, told: list[str] | None = None) -> list[Path]:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return jars.class_path(home, (told if told is not None else []).append, environ={jars.REPOSITORY_VARIABLE: address})


def test_downloaded_once(tmp_path: Path, repository: tuple[type[Repository], str]) -> None:
    handler, address = repository
    told: list[str] = []
    found = _get(tmp_path, address, told)
    assert [jar.read_bytes() for jar in found] == list(CONTENT.values())
    assert told[0].startswith(f"getting Apache Kafka {jars.VERSION} (2 files")
    handler.asked.clear()
    told.clear()
    assert _get(tmp_path, address, told) == found
    assert (handler.asked, told) == ([], [])


def test_a_download_that_was_cut_off_is_done_again(tmp_path: Path, repository: tuple[type[Repository], str]) -> None:
    found = _get(tmp_path, repository[1])
    found[0].write_bytes(b"one")
    assert _get(tmp_path, repository[1])[0].read_bytes() == b"one" * 99


def test_the_users_own_cache_is_used_and_never_changed(
    tmp_path: Path, repository: tuple[type[Repository], str]
) -> None:
    handler, address = repository
    good, bad = (tmp_path / "m2" / path.lstrip("/") for path in CONTENT)
    for file, content in ((good, b"one" * 99), (bad, b"cut off")):
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    found = _get(tmp_path, address)
    assert found[0] == good
    assert found[1].read_bytes() == b"two" * 99
    assert bad.read_bytes() == b"cut off"
    assert not any("one" in path for path in handler.asked)


def test_a_jar_that_is_not_the_published_one_is_refused(
    tmp_path: Path, repository: tuple[type[Repository], str]
) -> None:
    handler, address = repository
    handler.content[next(iter(CONTENT))] = b"something else"
    with pytest.raises(BrokerStartError, match=r"org\.example:one:1\.0 .* is not the file that was published"):
        _get(tmp_path, address)
    assert not any("one" in file.name for file in (tmp_path / "home").rglob("*.jar"))


def test_a_repository_without_it_is_told(tmp_path: Path, repository: tuple[type[Repository], str]) -> None:
    handler, address = repository
    handler.content.clear()
    with pytest.raises(BrokerStartError, match=r"cannot download org\.example:.*PENSTOCK_MAVEN_URL"):
        _get(tmp_path, address)


def test_no_network(tmp_path: Path, repository: tuple[type[Repository], str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Repository) as closed:
        address = f"http://127.0.0.1:{closed.server_port}"
    with pytest.raises(BrokerStartError) as raised:
        _get(tmp_path, address)
    text = str(raised.value)
    assert "org.example:" in text
    assert address in text
    assert "once" in text
    assert "KAFKA_BOOTSTRAP_SERVERS" in text


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_the_list_is_what_maven_resolves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    import jgo

    central = {"central": os.environ.get(jars.REPOSITORY_VARIABLE) or jars.central()}
    # "!": what the binding would have of other libraries does not count
    found = [jar.resolve() for jar in jgo.resolve(f"{jars.KAFKA}+{jars.LOGGING}!", repositories=central)]
    digests = {hashlib.sha256(jar.read_bytes()).hexdigest(): jar.name for jar in found}
    listed = {sha256: "{1}-{2}.jar".format(*name.split(":")) for name, sha256 in jars.listed().items()}
    assert digests == listed
