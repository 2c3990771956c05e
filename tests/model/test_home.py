import stat
from pathlib import Path

import pytest

from penstock.model.errors import ConfigurationError
from penstock.model.home import home


def test_the_variable_names_it(tmp_path: Path) -> None:
    folder = home({"PENSTOCK_HOME": str(tmp_path / "a" / "b"), "XDG_DATA_HOME": str(tmp_path / "xdg")})
    assert folder == tmp_path / "a" / "b"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "{tmp}/xdg"}, "{tmp}/xdg/penstock"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "{tmp}/user/.local/share/penstock"),
        ("linux", {}, "{tmp}/user/.local/share/penstock"),
        ("darwin", {}, "{tmp}/user/Library/Application Support/penstock"),
        ("win32", {"LOCALAPPDATA": "{tmp}/local"}, "{tmp}/local/penstock"),
    ],
)
def test_each_platform_has_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, environ: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    given = {name: value.format(tmp=tmp_path) for name, value in environ.items()}
    assert home(given) == Path(expected.format(tmp=tmp_path))


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"file/penstock: File exists \(set PENSTOCK_HOME"):
        home({"PENSTOCK_HOME": str(tmp_path / "file" / "penstock")})
