"""Frames topics: what is appended, what is read of their ends, and what former owners leave on its way."""

from collections.abc import Iterator

from hop_protocol import frames
from hop_protocol.bounds import Bounds, Bug
from hop_protocol.state import Broken, Chapter, Frames, Ghost, Log, State

SHORT_TAIL = 1


def appended(state: State, index: int, known: int, bounds: Bounds) -> State | Broken:
    """The state after the broker appended the frame to that topic. What stands in the first one is the truth."""
    log = state.logs[index]
    if log.end >= 2 * bounds.records * (bounds.faults + 1):  # each time that its writer begins again, and two topics
        return Broken("the same is sent again and again")
    logs = (*state.logs[:index], Log(log.start, (*log.frames, known)), *state.logs[index + 1 :])
    if index:
        return state._replace(logs=logs)
    frame = frames.frame_of(known)
    story = state.story
    if frame.epoch >= len(story):
        if not frame.genesis or frame.epoch > len(story):
            return Broken(f"{frames.show(known)} begins an epoch and does not say so")
        story = (*story, Chapter(int(frame.topic_id), frame.first, frame.last + 1))
    elif frame.epoch == len(story) - 1:
        chapter = story[-1]
        if frame.first > chapter.next:
            return Broken(f"{frames.show(known)} leaves a hole in the first frames topic")
        story = (*story[:-1], chapter._replace(next=max(chapter.next, frame.last + 1)))
    return state._replace(logs=logs, story=story)


def tail(log: Log, bounds: Bounds, bug: Bug | None) -> Frames:
    """The last frames of the topic, as many as are read for a position."""
    return log.frames[-(SHORT_TAIL if bug is Bug.TAIL_TOO_SHORT else bounds.tail) :]


def furthest(log: Log, bounds: Bounds, bug: Bug | None) -> int | None:
    """The frame of the tail that says where its writer stands."""
    known = tail(log, bounds, bug)
    if not known:
        return None
    return known[-1] if bug is Bug.LAST_NOT_MAXIMUM else max(known, key=frames.reach)


def purged(state: State, index: int, floor: int) -> State | None:
    """The state after what lies below `floor` was deleted; None if nothing does."""
    log = state.logs[index]
    floor = min(floor, log.end)
    if floor <= log.start:
        return None
    after = Log(floor, log.frames[floor - log.start :])
    return state._replace(logs=(*state.logs[:index], after, *state.logs[index + 1 :]))


def left_behind(ghosts: tuple[Ghost, ...], parts: Frames, bounds: Bounds) -> tuple[Ghost, ...]:
    """The ghosts after one more owner lost the partition, with these frames on their way."""
    return haunted(ghosts, Ghost(parts)) if len(ghosts) < bounds.ghosts else ghosts


def haunted(ghosts: tuple[Ghost, ...], ghost: Ghost) -> tuple[Ghost, ...]:
    """The ghosts and one more, if anything is left of it; their order means nothing."""
    left = ghost.parts or ghost.buffer[0] < ghost.buffer[1]
    return tuple(sorted((*ghosts, ghost), key=_order)) if left else ghosts


def landings(ghosts: tuple[Ghost, ...], bug: Bug | None) -> Iterator[tuple[int, tuple[Ghost, ...]]]:
    """Each frame that may arrive next from a former owner, and the ghosts after it did."""
    for index, ghost in enumerate(ghosts):
        if ghost.parts and ghost not in ghosts[:index]:
            others = (*ghosts[:index], *ghosts[index + 1 :])
            for skipped in range(len(ghost.parts) if bug is Bug.GAP_LET_THROUGH else 1):
                yield ghost.parts[skipped], haunted(others, ghost._replace(parts=ghost.parts[skipped + 1 :]))


def _order(ghost: Ghost) -> tuple[object, ...]:
    place = ghost.sent
    return ghost.parts, ghost.buffer, (place.epoch, place.next, place.input) if place else ()
