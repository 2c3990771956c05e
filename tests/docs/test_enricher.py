"""The README's enricher is a whole file: put into a package with an entry point, it runs like a built-in stage."""

import doctest
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.cli.reference import first_line
from penstock.model.component import Enrich, Resources
from penstock.model.errors import ConfigurationError
from penstock.model.record import Kept


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readme_blocks: list[Any]) -> ModuleType:
    """The module of the stage, found by the registry in an installed package."""
    (source,) = [block.text for block in readme_blocks if block.info == "python" and block.text.startswith('"""words')]
    (toml,) = [block.text for block in readme_blocks if block.info == "toml"]
    points = tomllib.loads(toml)["project"]["entry-points"]
    package = tmp_path / "acme"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "words.py").write_text(source)
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in named.items()) for group, named in points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(vars(registry.STAGES), "modules", raising=False)
    yield registry.STAGES.load("words")
    vars(registry.STAGES).pop("modules", None)
    for name in ("acme.words", "acme"):
        sys.modules.pop(name, None)


def test_its_doctest_holds(words: ModuleType) -> None:
    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        return registry.build(name, registry.configure(name, options), Resources())[1](data)  # type: ignore[arg-type]

    result = doctest.testmod(words, extraglobs={"run": run})
    assert result.attempted == 1
    assert result.failed == 0


async def test_it_runs_in_a_chain(words: ModuleType) -> None:
    chain = Chain([("words", registry.configure("words", {"min_words": 2}))], Resources())
    result = await chain.run("t", 0, [Kept(0, 0, b'{"message": "the train is late", "body": "no"}', {})])
    (kept,) = result.entries
    assert isinstance(kept, Kept)
    assert kept.notes["enrichments.words"] == b'{"message_words":{"count":4}}'


def test_it_is_an_enricher_with_checked_options(words: ModuleType) -> None:
    assert first_line(words.__doc__) == "how many words each text field has."
    assert registry.build("words", registry.configure("words", {}), Resources())[0] == Enrich
    with pytest.raises(ValueError, match="min_wrods"):
        registry.configure("words", {"min_wrods": 1})


def test_without_the_package_there_is_no_such_stage() -> None:
    with pytest.raises(ConfigurationError, match="no stage is called words"):
        registry.STAGES.load("words")
