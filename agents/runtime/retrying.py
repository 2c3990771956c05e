"""Trying failed records again: ``on_error: retry`` of a pipeline file.

Only the records that died are run again, from the entries that the frame came with; the others keep what they got. A
record that still fails after the last attempt dies for good, and its dead letter says how often it was tried.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from penstock.agents.chain import Result
from penstock.model.record import Entry
from penstock.topology.spec import ErrorHandling

FIRST_WAIT_SECONDS = 0.1

RunChain = Callable[[Sequence[Entry]], Awaitable[Result]]


async def run_with_retries(run: RunChain, entries: Sequence[Entry], handling: ErrorHandling) -> tuple[Result, int]:
    """What became of the entries, and how often those that died were tried.

    Parameters
    ----------
    run
        The chain, with everything but the entries given.
    """
    result = await run(entries)
    attempts = 1
    while handling.on_error == "retry" and attempts <= handling.retries:
        dead = {aside.offset for aside in result.aside if aside.outcome == "dead"}
        if not dead:
            break
        wait = FIRST_WAIT_SECONDS * handling.backoff_multiplier ** (attempts - 1)
        await asyncio.sleep(min(wait, handling.max_backoff_seconds))
        again = await run([entry for entry in entries if entry.offset in dead])
        attempts += 1
        _merge(result, again, dead)
    return result, attempts


def _merge(result: Result, again: Result, dead: set[int]) -> None:
    """Put what came of another attempt in the place of what came of the one before."""
    for aside in result.aside:
        if aside.offset in dead:  # it did not die after all, or dies again below
            result.counts[aside.stage].outcomes[f"dead:{aside.code}"] -= 1
    better = {entry.offset: entry for entry in again.entries}
    result.entries = [better.get(entry.offset, entry) for entry in result.entries]
    result.aside = [aside for aside in result.aside if aside.offset not in dead] + again.aside
    for stage, count in again.counts.items():
        if stage in result.counts:
            result.counts[stage].seconds += count.seconds
            result.counts[stage].outcomes.update(count.outcomes)
        else:
            result.counts[stage] = count
