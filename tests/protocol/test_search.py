"""The hop protocol, searched exhaustively within bounds: nothing lost, nothing twice, no state without a way on.

docs/PROTOCOL.md says what the scopes are and what the numbers were.
"""

from pathlib import Path

import pytest
from hop_protocol.bounds import Bug
from hop_protocol.machine import Machine
from hop_protocol.scopes import HASTY, LARGE, ONE_NET, PLANTED, SCOPES
from hop_protocol.search import Search

pytestmark = pytest.mark.timeout(180)  # all of it takes long: begun early

PAGE = (Path(__file__).parents[2] / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "scope", [pytest.param(name, marks=[pytest.mark.chaos] if name in LARGE else []) for name in SCOPES]
)
def test_the_protocol_keeps_its_promises(scope: str) -> None:
    found = Search(Machine(SCOPES[scope])).run()
    print(f"{scope}: {found}")
    assert found.wrong is None, str(found)
    assert f"| {scope} | {found.states:,} | {found.depth} |" in PAGE


@pytest.mark.parametrize("bug", Bug, ids=lambda bug: bug.slug)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    found = Search(Machine(SCOPES[PLANTED[bug]], bug)).run()
    print(f"{bug.slug}, {bug.value}: {found}")
    assert found.wrong is not None, "it makes no difference to the search"
    assert found.trace
    assert f"| `{bug.slug}` | {bug.value} | {PLANTED[bug]} | {found.length} |" in PAGE


def test_raw_offsets_alone_tell_a_hole_where_nothing_is_repeated() -> None:
    """A gap in the input's offsets and a hole in the raw ones are two nets: this is the second without the first."""
    found = Search(Machine(ONE_NET, Bug.GAP_NOT_SEEN)).run()
    print(found)
    assert found.wrong is None, str(found)


@pytest.mark.parametrize("case", HASTY)
def test_what_is_not_promised_is_known(case: str) -> None:
    """The start of an epoch is not fenced: who is hasty about the raw topic at that moment may lose records."""
    found = Search(Machine(HASTY[case])).run()
    print(f"{case}: {found}")
    assert found.wrong is not None
    assert f"| {case} | {found.length} |" in PAGE
