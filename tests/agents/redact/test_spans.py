from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.redact._spans import Span, in_order, settle

spans = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(0, 3)).map(lambda it: (it[0], it[0] + it[1], it[2])),
    min_size=1,
    max_size=12,
)


def by_character(found: list[Span]) -> list[Span]:
    """Each character goes to the longest span over it, then to the first recognizer, then to the leftmost span."""
    owner: list[Span | None] = [None] * 50
    for span in sorted(found, key=lambda span: (span[0] - span[1], span[2], span[0])):
        for at in range(span[0], span[1]):
            owner[at] = owner[at] or span
    pieces: list[Span] = []
    for at, span in enumerate(owner):
        if span is not None:
            if at and owner[at - 1] == span:
                pieces[-1] = (pieces[-1][0], at + 1, span[2])
            else:
                pieces.append((at, at + 1, span[2]))
    return pieces


@settings(max_examples=500, derandomize=True, deadline=None)
@given(found=spans)
def test_every_character_goes_to_the_longest_span_over_it(found: list[Span]) -> None:
    assert settle(sorted(found)) == by_character(found)


def test_a_chain_of_overlaps_takes_time_in_proportion() -> None:
    """Bounded by the timeout of the test: what compares each with each does not end."""
    chain = [(at, at + 15 + at % 3, at % 2) for at in range(0, 1_000_000, 10)]
    settled = settle(chain)
    assert all(before[1] == behind[0] for before, behind in pairwise(settled))


def test_categories_stand_in_order_of_precedence() -> None:
    assert in_order(["zeta", "phone", "alpha", "iban"]) == ["iban", "alpha", "zeta", "phone"]
