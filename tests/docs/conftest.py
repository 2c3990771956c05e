"""What the tests of the documentation read: the pages, and the blocks of code in them."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "reference").glob("*.md")),
    ROOT / "deploy" / "README.md",
    ROOT / "bench" / "README.md",
]
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A block of code in a page."""

    page: Path
    line: int
    info: str
    text: str


def _blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text[: match.start()].count("\n") + 1, match["info"].strip(), match["text"])
        for match in _FENCE.finditer(text)
    ]


def _prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    """Each page in turn."""
    found: Path = request.param
    return found


@pytest.fixture
def blocks(page: Path) -> list[Block]:
    return _blocks(page)


@pytest.fixture
def prose(page: Path) -> str:
    return _prose(page)


@pytest.fixture
def spans(prose: str) -> list[str]:
    """What stands in single backticks."""
    return re.findall(r"`([^`\n]+)`", prose)


@pytest.fixture
def readme_blocks() -> list[Block]:
    return _blocks(ROOT / "README.md")
