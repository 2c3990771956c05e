"""Deliver, as in `agents/runtime/deliver.py`; the numbers in what it does are those of the list there.

A transaction is seen from outside: nothing of it is visible before the commit, and a producer of the same
transactional id that is initialised ends the transactions of all others. So an outcome that is not known needs no step
of its own: whoever asked for the commit and lost the partition knows no more of it than one who is asked later.
"""

from collections.abc import Iterator

from hop_protocol import frames
from hop_protocol.bounds import Bounds, Bug
from hop_protocol.logs import purged
from hop_protocol.state import Broken, Deliver, Deliverer, Run, State, Step

from penstock.agents.continuity import Place, Refusal

WHO = "deliver"
MANY = 99
_NEW = Deliverer("new", None, None, 0, (), False)


def steps(state: State, bounds: Bounds, bug: Bug | None) -> Iterator[Step]:
    """What may happen next, if nothing goes wrong."""
    lanes = state.deliver.lanes
    if not lanes:
        yield (WHO, "is assigned"), _with(state, (_NEW,))
    for index, lane in enumerate(lanes):
        if lane not in lanes[:index]:
            others = (*lanes[:index], *lanes[index + 1 :])
            yield from _next(state, lane, others, bounds, bug)


def chances(state: State, bounds: Bounds) -> Iterator[Step]:
    """The last frames topic is purged below what is committed."""
    progress = state.deliver.progress
    if bounds.purge and progress is not None:
        after = purged(state, len(state.logs) - 1, progress.input + 1 - 2 * bounds.tail)
        if after is not None:
            yield (WHO, "purges its input up to", after.logs[-1].start), after


def faults(state: State, bounds: Bounds) -> Iterator[Step]:
    """What may go wrong; the caller counts it."""
    lanes = state.deliver.lanes
    if "deliver" in bounds.kinds and lanes and _NEW not in lanes:
        if len(lanes) <= bounds.ghosts:
            yield (WHO, "is frozen, the other worker is assigned"), _with(state, (*lanes, _NEW))
        yield (WHO, "is killed"), _with(state, ())


def _with(state: State, lanes: tuple[Deliverer, ...]) -> State:
    return state._replace(deliver=Deliver(tuple(sorted(lanes, key=_order)), state.deliver.progress))


def _order(lane: Deliverer) -> tuple[object, ...]:
    return lane.phase, lane.position, lane.fenced, lane.runs, _plain(lane.done), _plain(lane.place)


def _plain(place: Place | None) -> tuple[int, ...]:
    return (place.epoch, place.next, place.input) if place else ()


def _next(
    state: State, lane: Deliverer, others: tuple[Deliverer, ...], bounds: Bounds, bug: Bug | None
) -> Iterator[Step]:
    if lane.phase in ("new", "fencing", "looked", "again"):
        yield _opened(state, lane, others, bug)
    elif lane.phase == "half":
        yield _progressed(state, lane, others)
    elif lane.phase == "sent":
        yield _committed(state, lane, others, bug)
    else:
        if lane.runs:
            yield _sent(state, lane, others, bounds, bug)
        if not lane.fenced and (not lane.runs or lane.runs[-1].frames < bounds.run):
            yield from _taken(state, lane, others, bounds, bug)


# opening --------------------------------------------------------------------------------------------------------------


def _opened(state: State, lane: Deliverer, others: tuple[Deliverer, ...], bug: Bug | None) -> Step:
    """First the producer is initialised, which fences all others, then the progress is read."""
    if lane.phase == "again":
        if _plain(state.deliver.progress) != _plain(lane.done):
            return (WHO, "sees that another one delivered, and ends"), _with(state, others)
        return (WHO, "sees that nobody else delivered"), _with(state, (*others, lane._replace(phase="ready")))
    early = bug is Bug.LOOK_BEFORE_FENCE
    if lane.phase == ("looked" if early else "new"):
        after = lane._replace(phase="ready" if early else "fencing", fenced=False)
        return (WHO, "initialises its producer"), _with(state, (after, *_fenced(others, bug)))
    known, start = state.deliver.progress, state.logs[-1].start
    position = max(known.input + (bug is Bug.RESUME_BEHIND_INPUT), start) if known else start
    place = Place(known.epoch, known.next, position) if known else None
    after = Deliverer("looked" if early else "ready", known, place, position, (), lane.fenced)
    return (WHO, "reads its progress:", place), _with(state, (after, *others))


def _fenced(lanes: tuple[Deliverer, ...], bug: Bug | None) -> tuple[Deliverer, ...]:
    if bug is Bug.NO_TRANSACTIONAL_ID:
        return lanes
    return tuple(lane._replace(fenced=True) for lane in lanes)


# taking frames --------------------------------------------------------------------------------------------------------


def _taken(
    state: State, lane: Deliverer, others: tuple[Deliverer, ...], bounds: Bounds, bug: Bug | None
) -> Iterator[Step]:
    log = state.logs[-1]
    if not log.start <= lane.position < log.end:
        return
    known, position = log.frames[lane.position - log.start], lane.position
    admitted = frames.admit(lane.place, known)
    if admitted is Refusal.HOLE:
        yield (WHO, "reads", frames.show(known)), Broken("deliver, which reads all in order, sees a hole, now and ever")
        return
    onward = lane._replace(position=position + 1)
    if isinstance(admitted, Refusal):
        yield (WHO, "skips", frames.show(known)), _with(state, (*others, onward))
        return
    place, whole = frames.advance(admitted, position), known if bug is Bug.NO_TRIM else admitted
    contents, runs = frames.contents(whole), lane.runs
    last = runs[-1] if runs else None
    if last is not None and last.place.epoch != place.epoch:
        return  # delivered first
    run = Run(1, position, contents, place)
    if last is not None:
        run = Run(last.frames + 1, last.begin, last.contents + contents, place)
    yield (
        (WHO, "takes", frames.show(admitted)),
        _with(state, (*others, onward._replace(place=place, runs=(*runs[:-1], run)))),
    )


# the transaction ------------------------------------------------------------------------------------------------------


def _sent(state: State, lane: Deliverer, others: tuple[Deliverer, ...], bounds: Bounds, bug: Bug | None) -> Step:
    run = lane.runs[0]
    refused = [content for content in run.contents if content.first == bounds.refused and not content.gone]
    if refused and bug is Bug.SENDS_NOT_LOOKED_AT:
        run = run._replace(contents=tuple(content for content in run.contents if content not in refused))
        lane = lane._replace(runs=(run, *lane.runs[1:]))
    elif refused:
        return _refused(state, lane, others, bug)
    if lane.fenced:
        return (WHO, "1: is fenced, and ends"), _with(state, others)
    return (WHO, "1, 2, 3: sends in a transaction", run.place), _with(state, (*others, lane._replace(phase="sent")))


def _refused(state: State, lane: Deliverer, others: tuple[Deliverer, ...], bug: Bug | None) -> Step:
    """The client itself refuses a record that is too large, so who is fenced does not learn of it here."""
    run = lane.runs[0]
    kept = [content for content in run.contents if not content.gone]
    if len(kept) == 1:  # set aside, with its letter acknowledged, and left out
        runs = [run._replace(contents=tuple(content._replace(gone=True) for content in run.contents))]
    else:
        middle = len(run.contents) // 2
        between = Place(run.place.epoch, run.contents[middle].first, run.begin)
        runs = [
            run._replace(frames=MANY, contents=run.contents[:middle], place=between),
            run._replace(frames=MANY, contents=run.contents[middle:]),
        ]
    phase = "ready" if bug is Bug.REFUSAL_WITHOUT_LOOK else "again"
    after = lane._replace(phase=phase, runs=(*runs, *lane.runs[1:]), fenced=False)
    return (WHO, "a record is refused, initialises its producer anew"), _with(state, (after, *_fenced(others, bug)))


def _committed(state: State, lane: Deliverer, others: tuple[Deliverer, ...], bug: Bug | None) -> Step:
    if lane.fenced:
        return (WHO, "is fenced at the commit, and ends"), _with(state, others)
    run = lane.runs[0]
    step = (WHO, "the transaction is committed:", *run.contents)
    visible = _read_by_others(state, run)
    if isinstance(visible, Broken):
        return step, visible
    state = state._replace(visible=visible)
    if bug is Bug.WATERMARK_OUTSIDE:
        return step, _with(state, (*others, lane._replace(phase="half")))
    return step, _progressed(state, lane, others)[1]


def _progressed(state: State, lane: Deliverer, others: tuple[Deliverer, ...]) -> Step:
    place = lane.runs[0].place
    state = state._replace(deliver=Deliver((), place))
    after = lane._replace(phase="ready", done=place, runs=lane.runs[1:])
    return (WHO, "writes its progress:", place), _with(state, (*others, after))


def _read_by_others(state: State, run: Run) -> tuple[int, int] | Broken:
    """What readers of the enriched topic have after this transaction, unless it is not the raw sequence."""
    epoch, visible = run.place.epoch, state.visible
    chapter = state.story[epoch]
    for content in run.contents:
        if visible is None or epoch > visible[0]:
            before = state.story[:epoch]
            if before and visible != (epoch - 1, before[-1].next):
                return Broken(f"epoch {epoch} is delivered, but readers have {visible} of what came before")
            owed = chapter.first
        else:
            owed = visible[1]
        if epoch < (visible or (0,))[0] or content.first < owed:
            return Broken(f"offset {content.first} of epoch {epoch} is delivered twice")
        if content.first > owed:
            return Broken(f"offset {content.first} of epoch {epoch} is delivered, but {owed} was not")
        if content.topic != chapter.topic:
            return Broken(f"offset {content.first} of epoch {epoch} is delivered with what another raw topic held")
        visible = epoch, content.last + 1
    return visible or (0, 0)
