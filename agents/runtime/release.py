"""Releasing what the stage `license` set aside, once an appeal or a changed license lets it go on.

A round, again and again:

1. read the quarantine topic; of what `license` set aside, what waits is what was not released yet and is settled (see
   `penstock.agents.runtime.replay`);
2. find how each record that is new names its license, once: its original bytes go through the stages in front of
   `license`, as in the stream; topics that they look things up in are read as a worker reads them;
3. ask once for each license (and tenant), not for each record: by the code of the stage, with the file's options. What
   did not change costs a conditional request;
4. what is allowed now, and was in all rounds of the last `cache_seconds`, is sent to the raw topic again, in the
   transaction that marks it as released. That long some worker may still hold the old answer, and would set it aside
   anew. A record that was set aside again waits twice as long each time.

What is denied by now goes on waiting: an appeal may yet be granted. All of this process's knowledge may be lost at any
time; who begins anew reads it from the topic. Two of them do no harm: the later transaction fences the earlier.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.license.license import Config, Named, Policy, asked_registry, naming
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.deliver import RELEASED_STAGE
from penstock.agents.runtime.license_names import Gate, Names, find_names
from penstock.agents.runtime.logs import logger
from penstock.agents.runtime.reference import References
from penstock.agents.runtime.replay import Letter, read_letters, read_originals, replay
from penstock.codecs.dead_letter import DeadLetter
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError, FencedError, RejectedError, UnreachableError
from penstock.model.verdict import Deny, Keep, Quarantine, Verdict
from penstock.topology.plan import Plan

_RECORDS: Final = 200
_MOST_DOUBLINGS: Final = 10
_PATIENCE_SECONDS: Final = 20.0  # that a round waits for topics which stages in front of `license` look things up in
_NO_TIME: Final = 1e-6  # seconds that an answer of the registry holds: for the round that asked

_Seen = tuple[bytes, bytes]
"""Key of a letter, and the place where its record stood."""


@dataclass(slots=True)
class Round:
    """What a round found and did.

    Attributes
    ----------
    waiting : int
        Records that are set aside, before this round.
    licenses : int
        Different licenses (and tenants) among them: what was asked for.
    allowed, denied : int
        Records that may go on now, and that must not.
    released : int
        Records that were sent again.
    """

    waiting: int = 0
    licenses: int = 0
    allowed: int = 0
    denied: int = 0
    released: int = 0


class Releaser:
    """Releases what the stage `license` of one pipeline set aside; made in a running event loop, and closed at the end.

    Parameters
    ----------
    environ
        As the workers have it: keys of stages in front of `license`, the registry's address.
    clock : callable
        Seconds since the epoch.

    Raises
    ------
    ConfigurationError
        The pipeline has no stage `license`, or a stage in front of it lacks what it needs.
    """

    def __init__(
        self, cluster: Cluster, plan: Plan, environ: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._environ = environ
        self._clock = clock
        self._gates: list[Gate] = []
        self._policies: list[Policy] = []
        self._hold = 0.0
        self._names: dict[_Seen, Names | None] = {}
        self._since: dict[Names, float] = {}
        self._references = References(cluster, plan.pipeline.name)
        self._build()

    async def round(self) -> Round:
        """One round; see the head of this module.

        Raises
        ------
        UnreachableError
            Kafka, the registry or what a stage needs does not answer.
        FencedError
            Somebody else released or replayed meanwhile.
        """
        now = self._clock()
        letters = await read_letters(self._cluster, self._plan, quarantine=True)
        waiting = {_seen(each.letter): each for each in letters if _waits(each)}  # 1
        self._names = {seen: names for seen, names in self._names.items() if seen in waiting}
        await self._look_at([each for seen, each in waiting.items() if seen not in self._names])  # 2
        verdicts = await self._verdicts({names for names in self._names.values() if names is not None})  # 3
        self._remember({names for names, found in verdicts.items() if _goes_on(found)})
        done = Round(waiting=len(waiting), licenses=len({name for names in verdicts for name in names}))
        ready: set[str] = set()
        for seen, names in self._names.items():
            if names is None:
                continue
            done.allowed += _goes_on(verdicts[names])
            done.denied += any(isinstance(verdict, Deny) for verdict in verdicts[names])
            if names in self._since and self._is_over(waiting[seen], self._since[names], now):
                ready.add(waiting[seen].letter.id)
        if ready:  # 4
            sent = await replay(
                self._cluster, self._plan, quarantine=True, ids=ready, stage=RELEASED_STAGE, settled=True
            )
            done.released = sent.sent
        return done

    async def watch(self, stop: asyncio.Event, every: float, told: Callable[[Round], None]) -> None:
        """A round every so many seconds until `stop` is set; what passes by itself is logged, and tried again."""
        while not stop.is_set():
            try:
                told(await self.round())
            except (UnreachableError, FencedError) as error:
                pipeline = self._plan.pipeline.name
                logger().warning("a round of releases failed", pipeline=pipeline, code=error.code, cause=str(error))
            try:
                await asyncio.wait_for(stop.wait(), every)
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Stop reading the topics that stages look things up in."""
        await self._references.close()

    def _build(self) -> None:
        pipeline = self._plan.pipeline
        resources = Resources(
            pipeline=pipeline.name,
            tenant=pipeline.tenant,
            environ=self._environ,
            clock=self._clock,
            options={"license": pipeline.license, "env": pipeline.env},
            table=self._references.table,
        )
        before = []
        for stage in pipeline.stages:
            config = registry.configure(stage.use, stage.options)
            if registry.has_state(stage.use):
                continue  # what it remembers is the stream's, and no letter here shall be another one's duplicate
            if stage.use != RELEASED_STAGE:
                before.append((stage.use, config))
            elif config.enabled:
                assert isinstance(config, Config)
                self._gates.append(Gate(Chain(before, resources), naming(config, resources)))
                asked = asked_registry(config.model_copy(update={"cache_seconds": _NO_TIME}), resources, shared=False)
                self._policies.append(Policy(config, asked))
                self._hold = max(self._hold, config.cache_seconds)
        if not self._gates:
            raise ConfigurationError(f"{pipeline.name} has no stage `license`, so nothing waits for one")

    async def _look_at(self, letters: list[Letter]) -> None:
        """Find how the records of these letters name their licenses."""
        if letters:
            await self._references.ready(_PATIENCE_SECONDS)
        some: list[DeadLetter] = []
        async for _, original in read_originals(self._cluster, letters):
            some.append(original)
            if len(some) == _RECORDS:
                await self._note(some)
                some = []
        await self._note(some)

    async def _note(self, letters: list[DeadLetter]) -> None:
        found = await find_names(self._gates, self._plan.pipeline, letters, self._environ)
        self._names.update(zip(map(_seen, letters), found, strict=True))

    async def _verdicts(self, wanted: set[Names]) -> dict[Names, tuple[Verdict, ...]]:
        """What each stage `license` says now; each is asked once for all licenses."""
        now = self._clock()
        found = [await _asked(policy, {names[at] for names in wanted}, now) for at, policy in enumerate(self._policies)]
        return {names: tuple(said[name] for said, name in zip(found, names, strict=True)) for names in wanted}

    def _remember(self, allowed: set[Names]) -> None:
        now = self._clock()
        self._since = {names: self._since.get(names, now) for names in allowed}

    def _is_over(self, letter: Letter, since: float, now: float) -> bool:
        """Whether every worker has forgotten what it knew before the license was first seen to be allowed."""
        began = max(since, letter.letter.failed_at / 1000 if letter.replays else since)
        longer: int = 2 ** min(len(letter.replays), _MOST_DOUBLINGS)
        return now - began >= self._hold * longer


async def _asked(policy: Policy, names: set[Named], now: float) -> dict[Named, Verdict]:
    """The verdicts; where the registry refuses the question, of each license alone, and the refused one waits."""
    try:
        return await policy.verdicts(names, now)
    except RejectedError as error:
        if len(names) == 1:
            return {name: Quarantine(error.code) for name in names}
    found: dict[Named, Verdict] = {}
    for name in names:
        found |= await _asked(policy, {name}, now)
    return found


def _waits(letter: Letter) -> bool:
    if letter.letter.stage != RELEASED_STAGE or letter.gone:
        return False
    return letter.settled and letter.replayed_at is None


def _seen(letter: DeadLetter) -> _Seen:
    return letter.message_key, letter.place


def _goes_on(verdicts: tuple[Verdict, ...]) -> bool:
    return all(isinstance(verdict, Keep) for verdict in verdicts)
