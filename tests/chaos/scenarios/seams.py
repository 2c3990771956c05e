"""The steps of DESIGN that a crash is injected at, and where in the product each is taken.

A seam is ``module:Class.method`` below `penstock` (or of a foreign module, written with a leading ``/``); with
``?text`` it counts only calls that have an argument which ends with the text. Where a step has moved, the first seam
that is there counts; where none is, the runner refuses to start, so that no step is left out unseen.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

SIDES = ("before", "after")
KILLED = 137
"""Exit status of an injected crash: that of a SIGKILL, as shells tell it."""


class Step(NamedTuple):
    """A step of a component.

    Attributes
    ----------
    seams : tuple of str
        Where it is taken, by preference.
    rare : bool
        It is not taken for every frame: the crash comes at its first call.
    """

    seams: tuple[str, ...]
    rare: bool = False


_WRITER = "agents.runtime.framing:FrameWriter"
_PRODUCER = "/aiokafka:AIOKafkaProducer"
_LETTERS = "agents.runtime.deadletter:DeadLetters.write"

STEPS: dict[str, dict[str, Step]] = {
    "source": {
        "init": Step(("agents.runtime.source:SourceTask._start_producer",), rare=True),
        "cursor read": Step(("agents.runtime.source:SourceTask._cursor",), rare=True),
        "fetch": Step(("agents.runtime.source:SourceTask._fetch",)),
        "begin": Step((f"{_PRODUCER}.begin_transaction",)),
        "records": Step((f"{_PRODUCER}.send_batch",)),
        "cursor sent": Step((f"{_PRODUCER}.send?.cursors",)),
        "commit": Step((f"{_PRODUCER}.commit_transaction",)),
    },
    "ingest": {
        "position": Step(("agents.runtime.ingest:find_start",), rare=True),
        "dead letter": Step((_LETTERS,)),
        "send": Step((f"{_WRITER}.send",)),
        "acknowledged": Step((f"{_WRITER}.flush",)),
        "offset": Step(("agents.runtime.owner:Owner._commit",)),
    },
    "graph": {
        "position": Step(("connectors.sinks.graph:_Graph.position",), rare=True),
        "write": Step(("connectors.sinks.graph:_Graph.write",)),
    },
    "hop": {
        "position": Step(("agents.runtime.hop:Hop.take_places",), rare=True),
        "mark": Step(("agents.runtime.attempts:Attempts.begin",)),
        "stages": Step(("agents.chain:Chain.run",)),
        "dead letter": Step((_LETTERS,)),
        "send": Step((f"{_WRITER}.send",)),
        "acknowledged": Step(("agents.runtime.lane:Lane._reach", f"{_WRITER}.flush")),
        "table": Step(("/faust.tables.table:Table.on_key_set",)),
        "unmark": Step(("agents.runtime.attempts:Attempts.end",)),
        "event": Step(("/faust.streams:Stream.ack",)),
    },
    "file": {
        "bytes": Step(("connectors.sinks.file:_Stream._append",)),
        "commit": Step(("connectors.sinks.file:_Stream._commit",)),
        "rename": Step(("connectors.sinks.file:_Stream._finish",)),
        "offset": Step(("agents.runtime.owner:Owner._commit",)),
    },
    "deliver": {
        "init": Step(("agents.runtime.deliver:Deliver._start_producer",), rare=True),
        "position": Step(("agents.runtime.deliver:read_progress",), rare=True),
        "begin": Step((f"{_PRODUCER}.begin_transaction",)),
        "records": Step((f"{_PRODUCER}.send_batch",)),
        "watermark": Step((f"{_PRODUCER}.send?.progress",)),
        "offsets": Step(("agents.runtime.owner:Owner._commit",)),
        "commit": Step((f"{_PRODUCER}.commit_transaction",)),
    },
    "ledger": {
        "position": Step(("connectors.sinks.ledger:_Ledger.position",), rare=True),
        "write": Step(("connectors.ledger_client:LedgerClient.append",)),
        "head": Step(("agents.runtime.sink:SinkHandler._publish",)),
    },
}
"""By component and name, in the order in which they are taken."""


def points() -> list[tuple[str, str, str]]:
    """Every (component, step, side)."""
    return [(component, step, side) for component, steps in STEPS.items() for step in steps for side in SIDES]


def find(component: str, step: str) -> tuple[Any, str, str]:
    """Where a step is taken: the class or module, the name in it, and what an argument must end with.

    Raises
    ------
    LookupError
        The product has none of the seams that the step is known by.
    """
    for seam in STEPS[component][step].seams:
        place, _, ending = seam.partition("?")
        module, _, path = place.partition(":")
        *classes, name = path.split(".")
        try:
            owner: Any = importlib.import_module(module[1:] if module.startswith("/") else f"penstock.{module}")
            for each in classes:
                owner = getattr(owner, each)
            getattr(owner, name)
        except (ImportError, AttributeError):
            continue
        return owner, name, ending
    raise LookupError(f"{component}, {step}: none of its seams is there; say in seams.py where the step is taken now")
