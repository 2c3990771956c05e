"""Reading sources to their end."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from penstock.connectors.registry import build_source, configure_source
from penstock.model.component import Page, Resources, SourceRecord, Unreadable


class Reading:
    """A source, its cursor and everything it gave so far."""

    def __init__(self, runner: asyncio.Runner, kind: str, options: dict[str, object]) -> None:
        self.runner, self.kind, self.options = runner, kind, options
        self.cursor = None
        self.found: list[SourceRecord | Unreadable] = []

    def page(self) -> Page:
        """One page, read by a new source each time, as after a restart."""
        source = build_source(self.kind, configure_source(self.kind, self.options), Resources())
        page = self.runner.run(source.fetch(self.cursor))
        self.cursor = page.cursor
        self.found += page.records
        return page

    def all(self) -> list[SourceRecord | Unreadable]:
        """What is there now and was not given before."""
        before = len(self.found)
        while not self.page().done:
            pass
        return self.found[before:]

    def values(self) -> list[bytes]:
        return [record.value for record in self.all()]


@pytest.fixture(scope="session")
def reading() -> Iterator[Callable[..., Reading]]:
    # With a factory the runner leaves the loop that pytest-asyncio has set alone.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield lambda kind, path, **options: Reading(runner, kind, {"path": str(path), **options})
