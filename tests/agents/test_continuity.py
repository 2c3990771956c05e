"""The rules of continuity: whatever arrives, each offset is taken exactly once and in order."""

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.agents.continuity import Place, Refusal, admit, advance
from penstock.codecs.frame import Frame
from penstock.model.record import Entry, Kept, Lost, Stub

SETTINGS = settings(derandomize=True, deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


def entry(offset: int) -> Entry:
    return Stub(offset, 0, "dropped", "s", "c") if offset % 5 == 0 else Kept(offset, 0, b"{}", {})


def frame(first: int, last: int, *, epoch: int = 0, gaps: frozenset[int] = frozenset(), genesis: bool = False) -> Frame:
    entries = [entry(offset) for offset in range(first, last + 1) if offset not in gaps]
    return Frame("t", epoch, first, last, 0, genesis, entries)


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[Frame], int, frozenset[int]]:
    """A stream as its writers left it: cut contiguously, with old ranges, cut anyhow, thrown in by zombies."""
    end = draw(st.integers(1, 60))
    gaps = frozenset(draw(st.sets(st.integers(0, end - 1), max_size=6)))  # what Kafka itself skipped
    cuts = sorted({0, end, *draw(st.sets(st.integers(1, end), max_size=12))})
    log: list[Frame] = []
    for first, following in pairwise(cuts):
        log.append(frame(first, following - 1, gaps=gaps, genesis=first == 0))
        for _ in range(draw(st.integers(0, 2))):
            a, b = sorted(draw(st.tuples(st.integers(0, following - 1), st.integers(0, following - 1))))
            log.append(frame(a, b, gaps=gaps, genesis=a == 0))
    return log, end, gaps


@given(logs(), st.data())
@SETTINGS
def test_each_offset_once_and_in_order(log: tuple[list[Frame], int, frozenset[int]], data: st.DataObject) -> None:
    frames, end, gaps = log
    place: Place | None = None
    taken: list[int] = []
    at, losses, reach = 0, 8, 0
    for _ in range(2000):
        if place is not None and place.next == end:
            break
        if at == len(frames):  # the end of a quiet partition: the timer reads again
            at, reach = max(0, (place.input if place else 0) - reach), max(1, 2 * reach)
            continue
        if losses and data.draw(st.booleans()):  # the client drops what it fetched, as Faust does at a rebalance
            at, losses = at + 1, losses - 1
            continue
        admitted = admit(place, frames[at])
        if admitted is Refusal.HOLE:
            at, reach = max(0, (place.input if place else 0) - reach), max(1, 2 * reach)
            continue
        if isinstance(admitted, Frame):
            assert admitted.first == (place.next if place else 0)
            taken += [each.offset for each in admitted.entries]
            place, reach = advance(admitted, at), 0
        at += 1
    assert place is not None and place.next == end
    assert taken == [offset for offset in range(end) if offset not in gaps]


def test_without_a_place_only_the_start_of_the_stream_is_taken() -> None:
    assert admit(None, frame(5, 9)) is Refusal.HOLE
    assert admit(None, frame(5, 9, genesis=True)) == frame(5, 9, genesis=True)


def test_what_was_done_is_refused_as_done() -> None:
    assert admit(Place(0, 10, 0), frame(0, 9)) is Refusal.DONE
    assert admit(Place(1, 0, 0), frame(5, 9, epoch=0, genesis=True)) is Refusal.DONE


def test_an_overlap_is_trimmed() -> None:
    admitted = admit(Place(0, 7, 3), frame(4, 9))
    assert isinstance(admitted, Frame)
    assert (admitted.first, admitted.last, [each.offset for each in admitted.entries]) == (7, 9, [7, 8, 9])


def test_a_lost_range_is_trimmed_and_not_forgotten() -> None:
    admitted = admit(Place(0, 7, 3), Frame("t", 0, 4, 9, 0, False, [Lost(4, 9)]))
    assert isinstance(admitted, Frame) and (admitted.first, admitted.last) == (7, 9)
    assert len(admitted.entries) == 1


def test_a_hole_is_refused() -> None:
    assert admit(Place(0, 3, 0), frame(4, 9)) is Refusal.HOLE


def test_a_new_epoch_starts_with_its_first_frame_only() -> None:
    assert admit(Place(0, 30, 8), frame(2, 9, epoch=1)) is Refusal.HOLE
    start = frame(2, 9, epoch=1, genesis=True)
    assert admit(Place(0, 30, 8), start) == start
    assert advance(start, 9) == Place(1, 10, 9)
