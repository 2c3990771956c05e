from pathlib import Path

import pytest

from penstock.model import keyring
from penstock.model.errors import ConfigurationError
from penstock.model.keyring import Key, Keyring, key_id, load

KEY = "0123456789abcdef0123456789abcdef"
OLD, NEW = "o" * 32, "n" * 32


@pytest.fixture
def listed(tmp_path: Path) -> dict[str, str]:
    """An environment that names a file of two keys."""
    file = tmp_path / "keys.yml"
    file.write_text(f"current: knew\nkeys:\n  kold: {OLD}\n  knew: {NEW}\n")
    return {"PENSTOCK_KEYS_FILE": str(file)}


def test_the_key_is_in_the_variable_or_in_the_file_it_names(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    ring = load({"MY_KEY": KEY}, "MY_KEY")
    assert ring == load({"MY_KEY_FILE": str(file)}, "MY_KEY")
    assert ring.current.secret == KEY.encode()


def test_the_id_tells_keys_apart_and_does_not_show_them() -> None:
    one, other = (load({"K": key}, "K").current for key in (KEY, KEY[::-1]))
    assert one.id != other.id and len(one.id) == 8
    assert KEY not in repr(one) and one.id not in KEY


def test_no_id_is_all_digits() -> None:
    numbers = [f"key number {number}".encode() for number in range(500)]
    assert not [number for number in numbers if key_id(number).isdecimal()]


def test_a_file_lists_the_current_key_and_older_ones(listed: dict[str, str]) -> None:
    assert load(listed).keys == (Key(NEW.encode(), "knew"), Key(OLD.encode(), "kold"))
    assert load(listed).get("kold") == Key(OLD.encode(), "kold")
    assert load(listed).get("gone") is None


def test_json_is_taken_as_well(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(f'{{"current": "a", "keys": {{"a": "{KEY}"}}}}')
    assert load({"PENSTOCK_KEYS_FILE": str(file)}).current == Key(KEY.encode(), "a")


def test_the_key_that_was_there_before_the_file_becomes_an_older_one(listed: dict[str, str]) -> None:
    ring = load({**listed, "PENSTOCK_HASH_KEY": KEY})
    assert [key.id for key in ring.keys] == ["knew", "kold", key_id(KEY.encode())]


def test_a_variable_of_its_own_is_current_whatever_else_there_is(listed: dict[str, str]) -> None:
    ring = load({**listed, "MY_KEY": KEY}, "MY_KEY")
    assert [key.id for key in ring.keys] == [key_id(KEY.encode()), "knew", "kold"]
    with pytest.raises(ConfigurationError, match="set MY_KEY"):
        load(listed, "MY_KEY")


def test_a_key_that_is_there_twice_counts_once() -> None:
    assert len(load({"MY_KEY": KEY, "PENSTOCK_HASH_KEY": KEY}, "MY_KEY").keys) == 1


def test_keys_for_purposes_are_others() -> None:
    key = Key(KEY.encode(), "a")
    assert len({key.derive("wrap"), key.derive("subject"), Key(NEW.encode(), "a").derive("wrap"), key.secret}) == 4
    assert key.derive("wrap") == key.derive("wrap")


def test_an_empty_keyring_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Keyring(())


@pytest.mark.parametrize(
    "environ, said",
    [
        ({}, "needs a key.*openssl rand -hex 32.*MY_KEY"),
        ({"MY_KEY": "  "}, "needs a key"),
        ({"MY_KEY": "short"}, "fewer than 16 bytes"),
        ({"MY_KEY_FILE": "/does/not/exist"}, "MY_KEY_FILE names cannot be read: FileNotFoundError"),
    ],
)
def test_what_is_no_key(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as error:
        load(environ, "MY_KEY")
    assert "short" not in error.value.message


@pytest.mark.parametrize(
    "text, said",
    [
        ("[", "not YAML: ParserError"),
        ("secretsecretsecret", "must have the keys `current` and `keys`"),
        ("current: a", "must have the keys"),
        (f"current: a\nkeys: {{a: {KEY}}}\nmore: 1", "nothing else"),
        (f"current: b\nkeys: {{a: {KEY}}}", "`current` is the id of none"),
        ("current: a\nkeys: {a: secret}", "the key a has fewer than 16 bytes"),
        ("current: a\nkeys: {a: 1234567890123456789}", "the key a is no text"),
        (f"current: 1a\nkeys: {{1a: {KEY}}}", "begins with a letter"),
        (f"current: A\nkeys: {{A: {KEY}}}", "lower-case"),
    ],
)
def test_what_is_no_file_of_keys(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "keys.yml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as error:
        load({keyring.FILE_VARIABLE: str(file)})
    assert "secret" not in str(error.value) and KEY not in str(error.value)
    assert error.value.hint
