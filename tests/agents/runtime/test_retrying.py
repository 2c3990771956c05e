"""Records that died are tried again, alone, and no more often than the file says."""

from collections import Counter

import pytest

from penstock.agents.chain import Aside, Result, StageCount
from penstock.agents.runtime import retrying
from penstock.agents.runtime.retrying import run_with_retries
from penstock.model.record import Kept, Stub
from penstock.topology.spec import ErrorHandling

ENTRIES = [Kept(offset, 0, b"{}", {}) for offset in range(4)]


class Chain:
    """Fails on offset 2 for the first `failures` runs, and remembers what it was given."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.seen: list[list[int]] = []

    async def __call__(self, entries):
        self.seen.append([entry.offset for entry in entries])
        fails = len(self.seen) <= self.failures
        out = [Stub(2, 0, "dead", "s", "stage") if entry.offset == 2 and fails else entry for entry in entries]
        aside = [Aside(2, "t/0/2", "s", "stage", "dead")] if fails else []
        outcomes = Counter({"kept": len(out) - len(aside)} | ({"dead:stage": 1} if fails else {}))
        return Result(out, aside, {"s": StageCount(len(entries), 0.1, outcomes)})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(retrying, "FIRST_WAIT_SECONDS", 0.0)


async def test_a_record_that_works_the_second_time_is_kept():
    chain = Chain(failures=1)
    result, attempts = await run_with_retries(chain, ENTRIES, ErrorHandling(on_error="retry"))
    assert chain.seen == [[0, 1, 2, 3], [2]]
    assert result.entries == ENTRIES
    assert (result.aside, attempts) == ([], 2)
    assert +result.counts["s"].outcomes == Counter(kept=4)


async def test_a_record_that_never_works_dies_once_with_all_its_attempts():
    chain = Chain(failures=99)
    result, attempts = await run_with_retries(chain, ENTRIES, ErrorHandling(on_error="retry", retries=2))
    assert chain.seen == [[0, 1, 2, 3], [2], [2]]
    assert [aside.offset for aside in result.aside] == [2]
    assert attempts == 3
    assert isinstance(result.entries[2], Stub)
    assert result.counts["s"].outcomes["dead:stage"] == 1


@pytest.mark.parametrize("policy", ["skip", "fail"])
async def test_without_retry_it_is_tried_once(policy):
    chain = Chain(failures=99)
    result, attempts = await run_with_retries(chain, ENTRIES, ErrorHandling(on_error=policy))
    assert (len(chain.seen), attempts, len(result.aside)) == (1, 1, 1)
