import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from penstock.model.errors import ConfigurationError, UnreachableError
from penstock.model.keyring import Held, Key, Keyring, Wanted
from penstock.stores.vault import Vault, vault_url

OLD, NEW = Key(b"o" * 32, "kold"), Key(b"n" * 32, "knew")
RING = Keyring((OLD,))
ANN, BOB = ("a" * 64,), ("b" * 64,)

OPEN_IN_A_PROCESS = """
import sys
from penstock.model.keyring import Key, Keyring, Wanted
from penstock.stores.vault import Vault
vault = Vault(sys.argv[1], Keyring((Key(b"o" * 32, "kold"),)))
held = vault.open([Wanted((f"{number:064}",), 1) for number in range(300)])
print(*(f"{one.id}:{one.secret.hex()}" for one in held))
"""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'vault.db'}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(url: str, clock: Clock) -> Vault:
    return Vault(url, RING, clock)


def one(vault: Vault, subjects: tuple[str, ...], newest: int = 2_000_000) -> Held:
    (held,) = vault.open([Wanted(subjects, newest)])
    return held


def stored(tmp_path: Path) -> bytes:
    """Every byte that the database has in files."""
    return b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_subject_has_one_key_for_good(vault: Vault, url: str) -> None:
    held = one(vault, ANN)
    assert len(held.id) == 16 and len(held.secret) == 32 and held.erased_at is None
    assert one(vault, ANN) == held == one(Vault(url, RING), ANN)
    assert one(vault, BOB) != held


def test_many_are_answered_in_order(vault: Vault) -> None:
    wanted = [Wanted((f"{number % 700:064}",), 1) for number in range(1000)]
    held = vault.open(wanted)
    assert held[700:] == held[:300]
    assert len({each.id for each in held}) == 700
    assert vault.find([each.id for each in held]) == {each.id: each for each in held}


def test_nothing_is_kept_as_it_is(vault: Vault, tmp_path: Path) -> None:
    held = one(vault, ANN)
    assert held.secret not in stored(tmp_path)
    assert repr(held.secret) not in repr(held)
    assert repr(OLD.secret) not in repr(RING)


def test_workers_that_ask_at_once_get_the_same_keys(url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN_IN_A_PROCESS, url], stdout=subprocess.PIPE) for _ in range(4)
    ]
    answers = {process.communicate(timeout=60)[0] for process in processes}
    assert len(answers) == 1 and len(answers.pop().split()) == 300


def test_threads_that_ask_at_once_get_the_same_keys(vault: Vault) -> None:
    wanted = [Wanted((f"{number:064}",), 1) for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: vault.open(wanted), range(16)))
    assert all(answer == answers[0] for answer in answers)


def test_an_erased_subject_has_no_key_for_what_was_before(vault: Vault, clock: Clock) -> None:
    held = one(vault, ANN)
    assert vault.erase([ANN]) == 1
    assert one(vault, ANN, newest=1_000_000) == Held("", b"", 1_000_000)
    assert vault.find([held.id]) == {held.id: Held(held.id, b"", 1_000_000)}
    later = one(vault, ANN, newest=1_000_001)
    assert later.secret and later.id != held.id and later.erased_at == 1_000_000
    clock.now = 3000.0
    assert vault.erase([ANN]) == 1
    assert one(vault, ANN, newest=3_000_000) == Held("", b"", 3_000_000)


def test_erasing_who_is_not_known_holds_for_what_is_on_its_way(vault: Vault) -> None:
    assert vault.erase([ANN, BOB]) == 0
    assert one(vault, ANN, newest=999_999) == Held("", b"", 1_000_000)
    assert vault.erase([ANN]) == 0


def test_nothing_of_an_erased_key_is_left_in_any_file(vault: Vault, tmp_path: Path) -> None:
    many = [(f"{number:064}",) for number in range(50)]
    held = [one(vault, subjects) for subjects in many]
    with closing(sqlite3.connect(tmp_path / "vault.db")) as beside:  # so that the log outlives each connection
        rows = dict(beside.execute("SELECT subject, wrapped FROM vault_keys").fetchall())
        assert all(rows[subject] in stored(tmp_path) for (subject,) in many)
        assert vault.erase(many[:20]) == 20
        left = stored(tmp_path)
        assert [subject for (subject,) in many if rows[subject][12:28] in left] == [subject for (subject,) in many[20:]]
    assert [one(vault, subjects) for subjects in many[20:]] == held[20:]


def test_an_erasure_waits_for_who_reads(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.model.database.BUSY_SECONDS", 0.2)
    one(vault, ANN)
    with closing(sqlite3.connect(tmp_path / "vault.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM vault_keys").fetchall()
        with pytest.raises(UnreachableError, match="others keep its log in use"):
            vault.erase([ANN])
        reader.execute("COMMIT")
        assert vault.erase([ANN]) == 0
    assert one(vault, ANN, newest=0).secret == b""


def test_the_key_that_is_current_now_finds_what_an_older_one_made(vault: Vault, url: str) -> None:
    held = one(vault, ANN)
    rotated = Vault(url, Keyring((NEW, OLD)))
    assert one(rotated, ("c" * 64, *ANN)) == held
    fresh = one(rotated, ("d" * 64, "e" * 64))
    assert one(rotated, ("d" * 64, "e" * 64)) == fresh
    assert rotated.erase([("c" * 64, *ANN)]) == 1
    assert one(rotated, ("c" * 64, *ANN), newest=1) == Held("", b"", one(rotated, ("c" * 64,), newest=1).erased_at)


def test_a_key_that_is_gone_from_the_keyring_stops_all(vault: Vault, url: str) -> None:
    one(vault, ANN)
    with pytest.raises(UnreachableError, match="the key kold, which wraps its entries, is not in the keyring"):
        one(Vault(url, Keyring((NEW,))), ANN)
    with pytest.raises(UnreachableError, match="another key is called kold here"):
        one(Vault(url, Keyring((Key(b"x" * 32, "kold"),))), ANN)


def test_rewrapping_lets_an_old_key_go(vault: Vault, url: str, tmp_path: Path) -> None:
    held = one(vault, ANN)
    rotated = Vault(url, Keyring((NEW, OLD)))
    assert (rotated.rewrap(), rotated.rewrap()) == (1, 0)
    assert one(Vault(url, Keyring((NEW,))), ANN) == held
    with pytest.raises(UnreachableError):
        one(vault, ANN)


def test_rows_cannot_be_exchanged(vault: Vault, tmp_path: Path) -> None:
    one(vault, ANN)
    one(vault, BOB)
    with sqlite3.connect(tmp_path / "vault.db") as connection:
        connection.execute(
            "UPDATE vault_keys SET wrapped = (SELECT wrapped FROM vault_keys WHERE subject = ?) WHERE subject = ?",
            (BOB[0], ANN[0]),
        )
    connection.close()
    with pytest.raises(UnreachableError, match="damaged"):
        one(vault, ANN)


def test_a_vault_that_is_away_says_where_and_what_to_set(unused_tcp_port: int, tmp_path: Path) -> None:
    away = Vault(f"postgresql://user:hunter2@127.0.0.1:{unused_tcp_port}/vault", RING)
    with pytest.raises(
        UnreachableError, match=rf"the vault at 127.0.0.1:{unused_tcp_port}/vault.*set VAULT_URL"
    ) as caught:
        one(away, ANN)
    assert "hunter2" not in str(caught.value)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnreachableError):
        one(Vault(f"sqlite:///{tmp_path / 'file' / 'vault.db'}", RING), ANN)


@pytest.mark.parametrize("url", ["", "mysql://x/y", "sqlite://", "no url"])
def test_what_is_no_vault_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="VAULT_URL"):
        Vault(url, RING)


def test_where_the_vault_is(tmp_path: Path) -> None:
    home = {"PENSTOCK_HOME": str(tmp_path)}
    assert vault_url(home) == f"sqlite:///{tmp_path / 'vault.db'}"
    assert vault_url({**home, "DATABASE_URL": "postgresql://a/b"}) == "postgresql://a/b"
    assert vault_url({**home, "DATABASE_URL": "postgresql://a/b", "VAULT_URL": "sqlite:///x"}) == "sqlite:///x"
