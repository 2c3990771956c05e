"""Ingest, as in `agents/runtime/ingest.py`; the numbers in what it does are those of the rules there.

It finds its start from the tail of the first frames topic, then cuts frames where it likes: how much has come when it
looks is chance, so after a crash the same records are cut at other boundaries.
"""

from collections.abc import Iterator

from hop_protocol import frames
from hop_protocol.bounds import Bounds, Bug
from hop_protocol.logs import appended, furthest, landings, left_behind
from hop_protocol.state import Ingest, IngestLane, State, Step

WHO = "ingest"


def raw_end(bounds: Bounds, topic: int) -> int:
    """Where the raw topic ends: one that was made anew holds one record less."""
    return bounds.records - topic


def steps(state: State, bounds: Bounds, bug: Bug | None) -> Iterator[Step]:
    """What ingest may do next, if nothing goes wrong."""
    lane = state.ingest.lane
    if lane is None:
        yield (WHO, "opens"), _with(state, _open(state, bounds, bug))
        return
    if lane.parts:
        after = state._replace(ingest=state.ingest._replace(lane=lane._replace(parts=lane.parts[1:])))
        yield (WHO, "the broker has", frames.show(lane.parts[0])), appended(after, 0, lane.parts[0], bounds)
    if lane.topic != state.topic and bug is not Bug.TOPIC_ID_UNCHECKED:  # rule 4
        yield (WHO, "4: sees that the raw topic was made anew, and starts anew"), _lost(state, bounds)
    elif len(lane.parts) < bounds.under_way:
        end = raw_end(bounds, state.topic)
        for last in range(min(end, lane.next + bounds.cut) - 1, lane.next - 1, -1):
            sent = frames.cut(lane.topic, state.topic, lane.epoch, lane.next, last, lane.genesis)
            ahead = IngestLane(lane.topic, lane.epoch, last + 1, False, (*lane.parts, sent))
            yield (WHO, "sends", frames.show(sent)), _with(state, ahead)


def through(state: State, bounds: Bounds) -> bool:
    """Whether it has read everything, and nothing is on its way."""
    lane = state.ingest.lane
    return (
        lane is not None
        and lane.topic == state.topic
        and lane.next == raw_end(bounds, state.topic)
        and not lane.parts
        and not state.ingest.ghosts
    )


def vanished(state: State) -> Step:
    """What has not arrived never does."""
    after = state._replace(ingest=state.ingest._replace(ghosts=()))
    return (WHO, "what former owners sent is lost"), after


def chances(state: State, bounds: Bounds, bug: Bug | None) -> Iterator[Step]:
    """What former owners sent arrives; what was deleted before it was read is missed."""
    lane = state.ingest.lane
    if lane is not None and lane.topic == state.topic and lane.next < state.begin:
        yield (WHO, "reads what is deleted, and starts anew"), _lost(state, bounds)
    for ghost, ghosts in landings(state.ingest.ghosts, bug):
        after = state._replace(ingest=state.ingest._replace(ghosts=ghosts))
        yield (WHO, "what a former owner sent arrives:", frames.show(ghost)), appended(after, 0, ghost, bounds)


def faults(state: State, bounds: Bounds) -> Iterator[Step]:
    """What may go wrong; the caller counts it."""
    if "ingest" in bounds.kinds and state.ingest.lane is not None:
        yield (WHO, "is killed, revoked or frozen"), _lost(state, bounds)
    if _beginning(state) and not bounds.hasty:
        return
    if "anew" in bounds.kinds and state.topic == 0:
        yield ("raw topic", "is deleted and made anew"), state._replace(topic=1, begin=0)
    if "delete" in bounds.kinds:
        for begin in range(state.begin + 1, raw_end(bounds, state.topic)):
            yield ("raw topic", "retention deletes everything below", begin), state._replace(begin=begin)


def _beginning(state: State) -> bool:
    """Whether the first frame of an epoch is on its way: whoever opens now may begin the same epoch elsewhere."""
    lane, opened = state.ingest.lane, len(state.story)
    return (lane is not None and lane.epoch >= opened) or any(
        frames.reach(part)[0] >= opened for ghost in state.ingest.ghosts for part in ghost.parts
    )


def _with(state: State, lane: IngestLane) -> State:
    return state._replace(ingest=Ingest(lane, state.ingest.ghosts))


def _lost(state: State, bounds: Bounds) -> State:
    ingest = state.ingest
    assert ingest.lane is not None
    return state._replace(ingest=Ingest(None, left_behind(ingest.ghosts, ingest.lane.parts, bounds)))


def _open(state: State, bounds: Bounds, bug: Bug | None) -> IngestLane:
    known = furthest(state.logs[0], bounds, bug)
    if known is None:  # rule 3
        return IngestLane(state.topic, 0, state.begin, True, ())
    head = frames.frame_of(known)
    if head.topic_id != str(state.topic):  # rule 2
        return IngestLane(state.topic, head.epoch + 1, state.begin, True, ())
    owed = head.last + 1  # rule 1
    if owed >= state.begin or bug is Bug.LOSS_UNMARKED:
        return IngestLane(state.topic, head.epoch, max(owed, state.begin), False, ())
    lost = frames.loss(state.topic, head.epoch, owed, state.begin - 1)
    return IngestLane(state.topic, head.epoch, state.begin, False, (lost,))
