"""Components by the names of their files, wherever the package is."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from penstock.model import registry
from penstock.model.errors import ConfigurationError
from penstock.model.registry import Registry

FILES = {
    "one.py": "ALIASES = ('uno', 'eins')",
    "two.py": "",
    "_part.py": "raise AssertionError('a part is not a component')",
    "skipped.py": "raise AssertionError('skipped')",
    "family/three.py": "",
    "family/_part.py": "raise AssertionError('a part is not a component')",
    "family/deep/four.py": "",
    "shell/five.py": "raise AssertionError('skipped')",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], Registry]]:
    """A registry over a package of these files."""

    def make(files: dict[str, str]) -> Registry:
        for name, text in files.items():
            path = tmp_path / "shop" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            for folder in path.relative_to(tmp_path).parents[:-1]:
                (tmp_path / folder / "__init__.py").touch()
        return Registry("shop", "shop.parts", "part", skip=frozenset({"skipped", "shell"}))

    monkeypatch.syspath_prepend(tmp_path)
    yield make
    for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
        del sys.modules[name]


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Entry points as an installed package would have them."""

    def install(**points: str) -> None:
        found = EntryPoints([EntryPoint(name, value, "shop.parts") for name, value in points.items()])
        monkeypatch.setattr(registry, "entry_points", lambda group: found.select(group=group))

    return install


def test_files_are_found_at_any_depth_and_nothing_is_imported(package: Any) -> None:
    assert package(FILES).modules == {
        "one": "shop.one",
        "two": "shop.two",
        "three": "shop.family.three",
        "four": "shop.family.deep.four",
    }
    assert not {"shop.one", "shop.family.three"} & set(sys.modules)


def test_load_by_name_and_alias(package: Any) -> None:
    parts = package(FILES)
    assert parts.load("three").__name__ == "shop.family.three"
    assert parts.load("uno") is parts.load("eins") is parts.load("one")
    assert (parts.name("uno"), parts.name("two")) == ("one", "two")


def test_an_unknown_name_gives_the_nearest_or_all(package: Any) -> None:
    parts = package(FILES)
    with pytest.raises(ConfigurationError, match=r"no part is called thre \(did you mean three\?\)"):
        parts.load("thre")
    with pytest.raises(ConfigurationError, match=r"there are: four, one, three, two"):
        parts.name("zzz")


def test_two_files_of_one_name_are_refused(package: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"two parts are called one: shop\.\S+one and shop\.\S*one"):
        _ = package(FILES | {"family/one.py": ""}).modules


def test_entry_points_add_components_and_may_not_take_names(package: Any, foreign: Any) -> None:
    foreign(own="email.message", other="email.header")
    parts = package(FILES)
    assert parts.modules["own"] == "email.message"
    assert parts.load("other").__name__ == "email.header"
    foreign(one="email.message")
    with pytest.raises(ConfigurationError, match=r"two parts are called one: shop\.one and email\.message"):
        _ = package(FILES).modules


def test_an_entry_point_s_name_is_its_own_not_its_module_s(package: Any, foreign: Any) -> None:
    foreign(own="email.message")
    assert package(FILES).name("own") == "own"
