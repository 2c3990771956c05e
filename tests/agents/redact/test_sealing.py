import asyncio
import base64
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.agents.redact._sealing import REMEMBERED_SECONDS, SubjectKey, Subjects, body, plain
from penstock.agents.redact._subject import names_of, subject_of, tenant_of
from penstock.agents.redact.redact import Config, build
from penstock.agents.redact.strategies import encrypt, tokenize
from penstock.model.component import Resources
from penstock.model.errors import UnreachableError
from penstock.model.keyring import Held, Key, Keyring, Wanted
from penstock.model.record import Headers, Kept, Record
from penstock.model.verdict import KEEP, Keep
from penstock.stores.vault import Vault

KEY = "0123456789abcdef0123456789abcdef"
EVERYTHING = ("email", "phone", "ssn", "credit_card", "iban", "ip")
NOW = 1_700_000_000.0


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PENSTOCK_HASH_KEY": KEY, "VAULT_URL": f"sqlite:///{tmp_path / 'vault.db'}"}


def stage(environ: dict[str, str], strategy: str, tenant: str = "acme", **options: Any) -> Any:
    config = Config(policy=dict.fromkeys(EVERYTHING, strategy), **options)
    return build(config, Resources(tenant=tenant, environ=environ, clock=lambda: NOW))


def record(data: Any, number: int = 0, notes: dict[str, bytes] | None = None, **more: Any) -> Record:
    timestamp = more.pop("timestamp", int(NOW * 1000))
    return Record(Kept(number, timestamp, orjson.dumps(data), notes or {}, **more), f"t/0/{number}")


def done(stage: Any, *records: Record) -> list[Keep]:
    return cast(list[Keep], asyncio.run(stage(records)))


def data(keep: Keep) -> dict[str, Any]:
    assert isinstance(keep.data, dict)
    return keep.data


def reveal(environ: dict[str, str], word: str) -> str:
    kind, id, sealed = word.split("_")
    vault = Vault(environ["VAULT_URL"], Keyring((_key(),)))
    held = vault.find([id])[id]
    module = {"tok": tokenize, "enc": encrypt}[kind]
    return module.reveal(body(sealed), SubjectKey(held.id, held.secret))


def _key() -> Key:
    from penstock.model.keyring import load

    return load({"PENSTOCK_HASH_KEY": KEY}).current


class Memory:
    """A vault in memory, which counts."""

    def __init__(self) -> None:
        self.calls: list[Sequence[Wanted]] = []
        self.threads: set[int] = set()

    def open(self, wanted: Sequence[Wanted]) -> list[Held]:
        self.calls.append(wanted)
        self.threads.add(threading.get_ident())
        secrets = [bytes.fromhex(each.subjects[0]) for each in wanted]
        return [Held(base64.b32encode(secret[:10]).decode().lower(), secret) for secret in secrets]


# what stands there


@pytest.mark.parametrize("strategy", ["tokenize", "encrypt"])
def test_what_is_sealed_can_be_revealed(environ: dict[str, str], strategy: str) -> None:
    (keep,) = done(stage(environ, strategy), record({"a": "to Ann@Example.com, please", "n": 4111111111111111}))
    first, word, last = data(keep)["a"].replace(",", " ,").split(" ", 2)
    assert (first, last, reveal(environ, word)) == ("to", ", please", "Ann@Example.com")
    assert reveal(environ, data(keep)["n"]) == "4111111111111111"
    assert orjson.loads(cast(bytes, keep.notes["pii"]))[0] == {
        "category": "email", "field": "a", "strategy": strategy, "count": 1,
    }  # fmt: skip


def test_a_replay_gives_the_same_bytes_whoever_works(environ: dict[str, str]) -> None:
    values = [
        {"a": f"user{n}@example.com", "b": ["+1 415 555 2671", {"ann@example.com": "192.0.2.7"}]} for n in range(9)
    ]
    for strategy in ("tokenize", "encrypt"):
        once = done(stage(environ, strategy), *(record(value, n) for n, value in enumerate(values)))
        again = [done(stage(environ, strategy), record(value, n))[0] for n, value in enumerate(values)]
        assert [data(keep) for keep in once] == [data(keep) for keep in again]


def test_a_token_joins_records_and_a_ciphertext_does_not(environ: dict[str, str]) -> None:
    same = [record({"a": "ann@example.com", "b": "ann@example.com"}, n) for n in range(2)]
    one, two = (data(keep) for keep in done(stage(environ, "tokenize"), *same))
    assert one["a"] == one["b"] == two["a"]
    one, two = (data(keep) for keep in done(stage(environ, "encrypt"), *same))
    assert len({one["a"], one["b"], two["a"], two["b"]}) == 4


def test_ways_to_write_one_value_have_one_key(environ: dict[str, str]) -> None:
    values = ["Ann@example.com", "ann@example.com", "ann@EXAMPLE.com"]
    ids = {
        data(keep)["a"].split("_")[1] for keep in done(stage(environ, "tokenize"), *(record({"a": v}) for v in values))
    }
    assert len(ids) == 1


def test_the_key_header_and_notes_are_sealed_as_well(environ: dict[str, str]) -> None:
    headers: Headers = [("from", b"ann@example.com"), ("x", b"1")]
    notes = {"enrichments.text": orjson.dumps({"said": "ann@example.com"})}
    (keep,) = done(stage(environ, "tokenize"), record({"a": 1}, notes=notes, key=b"ann@example.com", headers=headers))
    assert isinstance(keep.key, bytes) and isinstance(keep.headers, list)
    words = {keep.key.decode(), cast(bytes, keep.headers[0][1]).decode(), keep.notes["enrichments.text"]["said"]}
    assert len(words) == 1 and reveal(environ, words.pop()) == "ann@example.com"


def test_a_whole_field_is_sealed_leaf_by_leaf(environ: dict[str, str]) -> None:
    options = {"fields": {"notes": "tokenize", "deep.er": "encrypt"}}
    (keep,) = done(
        stage(environ, "mask", **options), record({"notes": ["any text", 7, None], "deep": {"er": {"x": True}}})
    )
    text, number, null = data(keep)["notes"]
    assert (reveal(environ, text), reveal(environ, number), null) == ("any text", "7", None)
    assert reveal(environ, data(keep)["deep"]["er"]["x"]) == "true"


def test_a_second_pass_changes_nothing(environ: dict[str, str]) -> None:
    first = {"a": "ann@example.com and 192.0.2.7", "ssn": "123-45-6789", "bob@example.com": "x", "notes": "free text"}
    for one in ("tokenize", "encrypt", "hash", "pseudonymise"):
        rule = {"fields": {"notes": one}}
        (keep,) = done(stage(environ, one, **rule), record(first))
        for other in ("tokenize", "mask", "hash", "remove", "pseudonymise"):
            (second,) = done(stage(environ, other, fields={"notes": "mask"}), record(data(keep)))
            assert second is KEEP, (one, other, second)


# whose it is


def test_the_record_says_whose_its_values_are(environ: dict[str, str]) -> None:
    values = [
        {"id": 7, "a": "ann@example.com", "b": "192.0.2.7"},
        {"id": "7", "a": "bob@example.com"},
        {"id": 8, "a": "ann@example.com"},
        {"a": "ann@example.com"},
    ]
    keeps = done(stage(environ, "tokenize", subject=("none.at.all", "id")), *(record(value) for value in values))
    ids = [data(keep)["a"].split("_")[1] for keep in keeps]
    assert ids[0] == ids[1] == data(keeps[0])["b"].split("_")[1]
    assert len(set(ids)) == 3


def test_tenants_share_no_keys(environ: dict[str, str]) -> None:
    value = {"a": "ann@example.com"}
    run = stage(environ, "tokenize")
    noted = record(value, notes={"tenant": b'"other"'})
    sourced = record(value, headers=[("penstock-tenant", b"third")])
    words = [data(keep)["a"] for keep in done(run, record(value), noted, sourced)]
    assert len(set(words)) == 3
    (theirs,) = done(stage(environ, "tokenize", tenant="other"), record(value))
    assert data(theirs)["a"] == words[1]


def test_names_of_a_subject() -> None:
    assert subject_of(("a.b",))(record({"a": {"b": " X@Y.org "}})) == "x@y.org"
    assert [subject_of(("a",))(record({"a": value})) for value in (None, "", True, 1.5, [], " ")] == [None] * 6
    assert tenant_of("d")(record({}, notes={"tenant": b"7"})) == "d"
    assert plain("ＡＮＮ  Lee") == plain("ann lee")
    assert names_of("  ", []) == set()


# the vault


def subjects(vault: Any, clock: Any = lambda: NOW) -> Subjects:
    return Subjects(vault, Keyring((_key(),)), subject_of(()), tenant_of("acme"), clock)


def redactor(vault: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    monkeypatch.setattr("penstock.stores.vault.Vault", lambda *_: vault)
    return stage({"PENSTOCK_HASH_KEY": KEY, "PENSTOCK_HOME": "unused"}, "tokenize", **options)


def test_a_frame_asks_once_and_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Memory()
    run = redactor(vault, monkeypatch)
    frame = [record({"a": f"user{n % 50}@example.com", "b": f"192.0.2.{n % 50}"}, n) for n in range(500)]
    done(run, *frame)
    assert [len(wanted) for wanted in vault.calls] == [100]
    assert threading.get_ident() not in vault.threads
    done(run, *frame, record({"a": "new@example.com"}), record({"a": "nothing"}))
    assert [len(wanted) for wanted in vault.calls] == [100, 1]
    done(run, record({"a": "nothing"}))
    assert len(vault.calls) == 2


def test_what_is_known_is_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    vault, now = Memory(), [NOW]
    monkeypatch.setattr("penstock.stores.vault.Vault", lambda *_: vault)
    environ = {"PENSTOCK_HASH_KEY": KEY, "PENSTOCK_HOME": "unused"}
    run = build(Config(policy={"email": "tokenize"}), Resources(environ=environ, clock=lambda: now[0]))
    for later, calls in ((0.0, 1), (REMEMBERED_SECONDS - 1, 1), (REMEMBERED_SECONDS + 1, 2)):
        now[0] = NOW + later
        done(run, record({"a": "ann@example.com"}))
        assert len(vault.calls) == calls


def test_the_oldest_are_forgotten_and_never_what_a_frame_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.agents.redact._sealing._MOST_REMEMBERED", 10)
    vault = Memory()
    run = redactor(vault, monkeypatch)
    frame = [record({"a": f"user{n}@example.com"}, n) for n in range(8)]
    done(run, *frame)
    first = done(run, *frame, *(record({"a": f"other{n}@example.com"}, n) for n in range(30)))
    assert len(run._subjects._known) <= 30
    assert [data(keep) for keep in done(run, *frame)] == [data(keep) for keep in first[:8]]


def test_a_vault_that_is_away_holds_the_frame_up(unused_tcp_port: int) -> None:
    environ = {"PENSTOCK_HASH_KEY": KEY, "VAULT_URL": f"postgresql://127.0.0.1:{unused_tcp_port}/vault"}
    run = stage(environ, "tokenize")
    with pytest.raises(UnreachableError, match="set VAULT_URL"):
        done(run, record({"a": "ann@example.com"}))
    assert done(run, record({"a": "nothing personal"})) == [KEEP]


def test_no_vault_is_needed_where_nothing_is_sealed(tmp_path: Path) -> None:
    environ = {"PENSTOCK_HASH_KEY": KEY, "VAULT_URL": f"sqlite:///{tmp_path / 'vault.db'}"}
    done(stage(environ, "pseudonymise"), record({"a": "ann@example.com"}))
    assert not list(tmp_path.iterdir())


def test_what_was_before_an_erasure_is_never_sealed_again(environ: dict[str, str]) -> None:
    vault = Vault(environ["VAULT_URL"], Keyring((_key(),)), lambda: NOW)
    run = subjects(vault)
    old = record({"a": "ann@example.com"}, timestamp=int(NOW * 1000))
    (wanted,) = run._pending(old, [_match("ann@example.com")]).names
    done(stage(environ, "tokenize"), old)
    assert vault.erase([(wanted,)]) == 1
    later = record({"a": "ann@example.com"}, timestamp=int(NOW * 1000) + 1)
    for strategy, word in (("tokenize", "tok_erased"), ("encrypt", "enc_erased")):
        gone, back = done(stage(environ, strategy), old, later)
        assert data(gone)["a"] == word
        assert reveal(environ, data(back)["a"]) == "ann@example.com"


def _match(text: str) -> Any:
    from penstock.agents.redact._sealing import Match

    return Match(text, str)


# what holds for any record

PLANTED = st.sampled_from(
    ["ann@example.com", "to bob@example.org.", "+1 415 555 2671", "192.0.2.7", "4111 1111 1111 1111", "123-45-6789",
     "DE89 3704 0044 0532 0130 00", "ann@example.com,ann@example.com", 4111111111111111]
)  # fmt: skip
HARMLESS = st.text("abc XYZ-_é.,", max_size=12) | st.integers(-1000, 1000) | st.none() | st.booleans()
NAMES = st.sampled_from(["a", "b", "email", "phone", "notes", "id", "ann@example.com"])
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        PLANTED | HARMLESS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_size=4,
)
STRATEGIES = st.sampled_from(["mask", "hash", "tokenize", "encrypt", "pseudonymise", "remove", "generalise"])


@settings(
    derandomize=True, max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    TREES, st.sampled_from(["mask", "hash", "tokenize", "encrypt", "pseudonymise"]), st.sampled_from(["", "tokenize"])
)
def test_nothing_is_found_in_what_was_written(monkeypatch_vault: Any, tree: Any, strategy: str, whole: str) -> None:
    rules = {"fields": {"notes": whole}} if whole else {}
    run = monkeypatch_vault(strategy, **rules)
    (keep,) = done(run, record(tree))
    if keep is KEEP:
        return
    new = tree if not isinstance(keep.data, dict) else keep.data
    for again in ("remove", strategy):
        (second,) = done(monkeypatch_vault(again, **rules), record(new))
        assert second is KEEP


@settings(
    derandomize=True, max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), HARMLESS), STRATEGIES)
def test_what_is_not_personal_stays(monkeypatch_vault: Any, tree: Any, strategy: str) -> None:
    strategy = "mask" if strategy == "generalise" else strategy
    assert done(monkeypatch_vault(strategy), record(tree)) == [KEEP]


@pytest.fixture
def monkeypatch_vault(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes stages over a vault in memory, each once."""
    built: dict[str, Any] = {}
    monkeypatch.setattr("penstock.stores.vault.Vault", lambda *_: Memory())

    def make(strategy: str, **options: Any) -> Any:
        name = f"{strategy} {options}"
        if name not in built:
            built[name] = stage({"PENSTOCK_HASH_KEY": KEY, "PENSTOCK_HOME": "unused"}, strategy, **options)
        return built[name]

    return make
