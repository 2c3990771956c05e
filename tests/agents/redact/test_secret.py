from pathlib import Path

import pytest

from penstock.agents.redact import _secret
from penstock.model.errors import ConfigurationError

KEY = "0123456789abcdef0123456789abcdef"


def test_the_key_is_in_the_variable_or_in_the_file_it_names(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    one = _secret.load("MY_KEY", {"MY_KEY": KEY})
    assert one == _secret.load("MY_KEY", {"MY_KEY_FILE": str(file)})
    assert one.key == KEY.encode()


def test_the_id_tells_keys_apart_and_does_not_show_them() -> None:
    one, other = (_secret.load("K", {"K": key}) for key in (KEY, KEY[::-1]))
    assert one.id != other.id and len(one.id) == 8
    assert KEY not in repr(one) and one.id not in KEY


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
        _secret.load("MY_KEY", environ)
    assert "short" not in error.value.message
