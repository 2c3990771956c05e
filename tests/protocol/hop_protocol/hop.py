"""A hop, as in `agents/runtime/hop.py` and `lane.py`; the numbers in what it does are those of the steps there."""

from collections.abc import Iterator

from hop_protocol import frames
from hop_protocol.bounds import Bounds, Bug
from hop_protocol.logs import appended, furthest, haunted, landings, left_behind, purged
from hop_protocol.state import Ghost, Hop, Lane, Log, Opening, Sent, State, Step

from penstock.agents.continuity import Place, Refusal


def steps(state: State, index: int, bounds: Bounds, bug: Bug | None) -> Iterator[Step]:
    """What the hop may do next, if nothing goes wrong."""
    who, hop = f"hop {index + 1}", state.hops[index]
    lane = hop.lane
    if lane is None:
        for place in _places(state, index, bounds, bug):
            yield (who, "1: reads the tail:", place), _with(state, index, Opening(place))
        return
    if isinstance(lane, Opening):
        begun = _begin(state, index, lane, bug)
        yield (who, "2: stands at", begun.place, "reads from", begun.position), _with(state, index, begun)
        return
    yield from _settled(state, index, lane, who, bug)
    for number, (reached, parts) in enumerate(lane.under_way):
        if parts:
            rest = (*lane.under_way[:number], Sent(reached, parts[1:]), *lane.under_way[number + 1 :])
            after = _with(state, index, lane._replace(under_way=rest))
            yield (who, "6: the broker has", frames.show(parts[0])), appended(after, index + 1, parts[0], bounds)
            break
    yield from _read(state, index, lane, who, bounds, bug)


def chances(state: State, index: int, bounds: Bounds, bug: Bug | None) -> Iterator[Step]:
    """What former owners sent arrives, and the input is purged."""
    who, hop = f"hop {index + 1}", state.hops[index]
    for part, ghosts in landings(hop.ghosts, bug):
        after = _replaced(state, index, hop._replace(ghosts=ghosts))
        yield (who, "what a former owner sent arrives:", frames.show(part)), appended(after, index + 1, part, bounds)
    if bug is Bug.NO_LEASE:
        yield from _unfenced(state, index, who, bounds)
    if bounds.purge and isinstance(hop.lane, Lane) and hop.lane.place is not None:
        durable = hop.lane.place.input - bounds.tail
        after_purge = purged(state, index, hop.lane.position if bug is Bug.PURGE_NOT_DURABLE else durable)
        if after_purge is not None:
            yield (who, "purges its input up to", after_purge.logs[index].start), after_purge


def faults(state: State, index: int, bounds: Bounds, bug: Bug | None) -> Iterator[Step]:
    """What may go wrong; the caller counts it."""
    who, hop = f"hop {index + 1}", state.hops[index]
    if "hop" in bounds.kinds and hop.lane is not None:
        yield (who, "is killed, revoked or frozen"), _lost(state, index, bounds, bug)
    if "drop" in bounds.kinds and isinstance(hop.lane, Lane) and hop.lane.position < state.logs[index].end:
        after = hop.lane._replace(position=hop.lane.position + 1)
        yield (who, "Faust drops the frame at", hop.lane.position), _with(state, index, after)


def _with(state: State, index: int, lane: Lane | Opening | None) -> State:
    return _replaced(state, index, state.hops[index]._replace(lane=lane))


def _replaced(state: State, index: int, hop: Hop) -> State:
    return state._replace(hops=(*state.hops[:index], hop, *state.hops[index + 1 :]))


def _noted(state: State, index: int, hop: Hop, reached: Place, bug: Bug | None) -> Hop:
    """The hop with that in its table, unless nobody will ever ask it: a tail that holds frames never gets empty."""
    asked = bug is Bug.STALE_TABLE or not state.logs[index + 1].frames
    return hop._replace(table=(*hop.table, reached) if asked else ())


# steps 1 and 2 -------------------------------------------------------------------------------------------------------


def _places(state: State, index: int, bounds: Bounds, bug: Bug | None) -> Iterator[Place | None]:
    """Where the tail says that it stands; if that is empty, what the table may say, which comes back stale or empty."""
    head = furthest(state.logs[index + 1], bounds, bug)
    known = None if head is None else frames.advance(head, frames.frame_of(head).input)
    if known is None or bug is Bug.STALE_TABLE:
        yield from dict.fromkeys(state.hops[index].table)
    yield known


def _begin(state: State, index: int, lane: Opening, bug: Bug | None) -> Lane:
    place, delivered = lane.place, state.deliver.progress
    if delivered is not None and (place is None or (place.epoch, place.next) < (delivered.epoch, delivered.next)):
        place = Place(delivered.epoch, delivered.next, 0)
    position = max(state.logs[index].start, place.input if place else 0)
    if bug is Bug.POSITION_FROM_COMMIT:
        place, position = None, max(state.logs[index].start, state.hops[index].committed)
    return Lane(place, place, position, position, -1, ())


# steps 3 and 4 -------------------------------------------------------------------------------------------------------


def _read(state: State, index: int, lane: Lane, who: str, bounds: Bounds, bug: Bug | None) -> Iterator[Step]:
    log = state.logs[index]
    lane = lane._replace(position=max(lane.position, log.start))  # as `auto_offset_reset` says
    if lane.position == log.end:
        if not lane.under_way and _quiet_hole(lane, log.end, bug):
            yield (who, "4: nothing more comes, reads again"), _healing(state, index, lane, bounds, bug)
        return
    known = log.frames[lane.position - log.start]
    admitted = _admit(lane, known, bug)
    if admitted is Refusal.DONE:
        yield (who, "3: skips", frames.show(known)), _with(state, index, _past(lane))
    elif isinstance(admitted, Refusal):
        yield (who, "4: sees a hole before", frames.show(known)), _healing(state, index, lane, bounds, bug)
    elif len(lane.under_way) < bounds.under_way:
        for taken in _together(lane, admitted, log, bounds, bug):
            yield _taken(state, index, lane, taken, who, bounds, bug)


def _together(lane: Lane, first: int, log: Log, bounds: Bounds, bug: Bug | None) -> Iterator[tuple[int, ...]]:
    """The frame alone, and with one, two … that wait behind it and follow it."""
    taken = (first,)
    yield taken
    for known in log.frames[lane.position - log.start + 1 :][: bounds.merge - 1]:
        if not frames.follows(taken[-1], known) and bug is not Bug.MERGED_UNLOOKED:
            return
        taken = (*taken, known)
        yield taken


def _taken(
    state: State, index: int, lane: Lane, taken: tuple[int, ...], who: str, bounds: Bounds, bug: Bug | None
) -> Step:
    """Frames that are done as one: what is made of them names the input of the first."""
    joined, hop = frames.join(taken), state.hops[index]
    offset = lane.position + len(taken) - 1 if bug is Bug.LAST_INPUT_OF_MERGED else lane.position
    parts, reached = frames.made_from(joined, offset, bounds.parts), frames.advance(joined, offset)
    after = _past(lane, len(taken))._replace(sent=reached, reach=-1, under_way=(*lane.under_way, Sent(reached, parts)))
    if bug is Bug.PROGRESS_BEFORE_ACK:
        hop = _noted(state, index, hop, reached, bug)
    return (who, "6: sends", *map(frames.show, parts)), _replaced(state, index, hop._replace(lane=after))


def _past(lane: Lane, count: int = 1) -> Lane:
    """The lane behind the frames that it was handed."""
    position = lane.position + count
    return lane._replace(position=position, owed=max(lane.owed, position) if lane.position <= lane.owed else lane.owed)


def _admit(lane: Lane, known: int, bug: Bug | None) -> int | Refusal:
    admitted = frames.admit(lane.sent, known)
    if lane.position > lane.owed and not _unaware(lane, known, bug):
        admitted = Refusal.HOLE  # what was not handed on may be what comes next
    if bug is Bug.OVER_A_HOLE and admitted is Refusal.HOLE:
        return known
    if bug is Bug.NO_TRIM and not isinstance(admitted, Refusal):
        return known
    if bug is Bug.POSITION_FROM_COMMIT and lane.sent is None:
        return known
    return admitted


def _unaware(lane: Lane, known: int, bug: Bug | None) -> bool:
    """Whether a bug hides that something was not handed on."""
    if bug is Bug.EPOCH_OVER_A_GAP:
        return lane.sent is not None and frames.frame_of(known).epoch > lane.sent.epoch
    return bug is Bug.GAP_NOT_SEEN


def _quiet_hole(lane: Lane, end: int, bug: Bug | None) -> bool:
    """Whether the timer of a quiet partition misses something."""
    if bug is Bug.REPEAT_TAKEN_FOR_HOLE:
        return (lane.place.input + 1 if lane.place else 0) < end
    return lane.owed < end and bug is not Bug.NO_HEALING


def _healing(state: State, index: int, lane: Lane, bounds: Bounds, bug: Bug | None) -> State:
    """Read again, from further and further back; the agent ends when all was read in vain."""
    start = state.logs[index].start
    if bug is Bug.NO_HEALING:
        return _with(state, index, _past(lane))
    if lane.owed < lane.position and bug is not Bug.GAP_NOT_SEEN:
        return _with(state, index, lane._replace(position=lane.owed))
    stood, reach = lane.place.input if lane.place else 0, max(lane.reach, 0)
    if lane.reach > 0 and stood - lane.reach // 2 <= start:  # the last time it was read from the start
        return _lost(state, index, bounds, bug)
    position = max(start, stood - reach)
    return _with(state, index, lane._replace(position=position, owed=position, reach=max(1, 2 * reach)))


# steps 5 and 6 -------------------------------------------------------------------------------------------------------


def _settled(state: State, index: int, lane: Lane, who: str, bug: Bug | None) -> Iterator[Step]:
    if not lane.under_way or lane.under_way[0].parts:
        return
    reached, hop = lane.under_way[0].reached, state.hops[index]
    after = lane._replace(place=reached, under_way=lane.under_way[1:])
    hop = _noted(state, index, hop, reached, bug)._replace(lane=after)
    yield (who, "6: writes its table, acknowledges:", reached), _replaced(state, index, hop)


def _lost(state: State, index: int, bounds: Bounds, bug: Bug | None) -> State:
    """Step 5: the lane ends. Faust commits what it had handed on."""
    hop = state.hops[index]
    lane = hop.lane
    if not isinstance(lane, Lane):
        return _with(state, index, None)
    parts = tuple(part for sent in lane.under_way for part in sent.parts)
    ghosts = left_behind(hop.ghosts, parts, bounds)
    if bug is Bug.NO_LEASE and len(hop.ghosts) < bounds.ghosts:
        ghosts = haunted(hop.ghosts, Ghost(parts, lane.sent, (lane.position, state.logs[index].end)))
    committed = lane.position if bug is Bug.POSITION_FROM_COMMIT else 0
    return _replaced(state, index, Hop(None, ghosts, hop.table, committed))


def _unfenced(state: State, index: int, who: str, bounds: Bounds) -> Iterator[Step]:
    """Without a lease: who lost the partition sends on what it had fetched, as if nothing had happened."""
    hop, log = state.hops[index], state.logs[index]
    for number, ghost in enumerate(hop.ghosts):
        at, until = ghost.buffer
        known = log.frames[at - log.start] if log.start <= at < until else None
        others = (*hop.ghosts[:number], *hop.ghosts[number + 1 :])
        if known is None or len(ghost.parts) >= bounds.under_way:
            continue
        admitted = frames.admit(ghost.sent, known)
        if isinstance(admitted, Refusal):
            rest = ghost._replace(buffer=(at + 1, until))
        else:
            parts = (*ghost.parts, *frames.made_from(admitted, at, bounds.parts))
            rest = Ghost(parts, frames.advance(admitted, at), (at + 1, until))
        after = hop._replace(ghosts=haunted(others, rest))
        yield (
            (who, "a former owner goes on with", frames.show(log.frames[at - log.start])),
            _replaced(state, index, after),
        )
