"""What is searched: the scopes, each with an eye on one thing, and where each planted bug is looked for."""

from dataclasses import replace
from typing import Final

from hop_protocol.bounds import Bounds, Bug

_STREAM: Final = frozenset({"ingest", "hop", "drop"})
_TOPICS: Final = _STREAM | {"anew", "delete"}
_DELIVERY: Final = frozenset({"ingest", "deliver"})

SCOPES: Final[dict[str, Bounds]] = {
    "whole": Bounds(records=3, faults=2),
    "pipelined": Bounds(records=3, faults=3, under_way=3, staged=True, kinds=_STREAM),
    "split": Bounds(records=3, faults=2, under_way=2, parts=True, staged=True, kinds=_STREAM),
    "merged": Bounds(
        records=4,
        cut=1,
        faults=1,
        merge=4,
        parts=True,
        tail=1,
        purge=True,
        staged=True,
        late=True,
        kinds=frozenset({"hop"}),
    ),
    "remerged": Bounds(records=3, faults=2, under_way=2, merge=2, staged=True, kinds=_STREAM),
    "chain": Bounds(records=3, faults=2, hops=2, staged=True, kinds=_STREAM),
    "topics": Bounds(records=3, faults=2, staged=True, kinds=_TOPICS),
    "purge": Bounds(
        records=6, cut=1, faults=2, tail=2, purge=True, staged=True, late=True, kinds=frozenset({"hop", "drop"})
    ),
    "delivery": Bounds(records=3, faults=2, hops=0, run=2, refused=1, kinds=_DELIVERY),
    "handover": Bounds(records=2, faults=3, hops=0, run=2, refused=1, kinds=_DELIVERY),
}
"""Searched whole by `make test`, and those of `LARGE` by `make chaos`."""

LARGE: Final = frozenset({"whole", "pipelined", "merged", "remerged"})
"""More than a hundred thousand states with many ways each, and a model seldom changes."""

DEEPER: Final[dict[str, Bounds]] = {
    "whole": replace(SCOPES["whole"], faults=3),
    "pipelined": replace(SCOPES["pipelined"], records=4),
    "split": replace(SCOPES["split"], faults=3),
    "merged": replace(SCOPES["merged"], faults=3),
    "remerged": replace(SCOPES["remerged"], faults=3),
    "chain": replace(SCOPES["chain"], faults=3),
    "topics": replace(SCOPES["topics"], faults=3),
    "purge": replace(SCOPES["purge"], faults=3, tail=3),
    "delivery": replace(SCOPES["delivery"], faults=3),
    "handover": replace(SCOPES["handover"], ghosts=2),
}
"""The same with more of everything, for who has minutes and gigabytes."""

ONE_NET: Final = Bounds(records=4, faults=2, kinds=frozenset({"hop", "drop"}))
"""Where nothing is repeated, raw offsets alone tell that something was not handed on."""

HASTY: Final[dict[str, Bounds]] = {
    "made anew": Bounds(records=2, faults=2, staged=True, hasty=True, kinds=frozenset({"ingest", "anew"})),
    "head deleted": Bounds(records=3, faults=2, staged=True, hasty=True, kinds=frozenset({"ingest", "delete"})),
}
"""What the protocol does not promise to bear, while the first frame of an epoch is on its way."""

ROOMY: Final = Bounds(
    records=12,
    cut=3,
    hops=2,
    under_way=3,
    ghosts=2,
    tail=8,
    faults=8,
    kinds=_TOPICS | _DELIVERY,
    purge=True,
    run=3,
    merge=3,
    refused=4,
)
"""Three workers and everything that can happen: too much to be searched whole, so it is walked through at random."""

PLANTED: Final[dict[Bug, str]] = {
    Bug.POSITION_FROM_COMMIT: "whole",
    Bug.LAST_NOT_MAXIMUM: "purge",
    Bug.NO_TRIM: "whole",
    Bug.NO_LEASE: "purge",
    Bug.PROGRESS_BEFORE_ACK: "whole",
    Bug.STALE_TABLE: "purge",
    Bug.OVER_A_HOLE: "whole",
    Bug.NO_HEALING: "whole",
    Bug.PURGE_NOT_DURABLE: "purge",
    Bug.TAIL_TOO_SHORT: "purge",
    Bug.GAP_LET_THROUGH: "pipelined",
    Bug.RESUME_BEHIND_INPUT: "delivery",
    Bug.WATERMARK_OUTSIDE: "delivery",
    Bug.NO_TRANSACTIONAL_ID: "delivery",
    Bug.LOOK_BEFORE_FENCE: "delivery",
    Bug.SENDS_NOT_LOOKED_AT: "delivery",
    Bug.REFUSAL_WITHOUT_LOOK: "delivery",
    Bug.TOPIC_ID_UNCHECKED: "topics",
    Bug.LOSS_UNMARKED: "topics",
    Bug.GAP_NOT_SEEN: "whole",
    Bug.EPOCH_OVER_A_GAP: "topics",
    Bug.LAST_INPUT_OF_MERGED: "merged",
    Bug.MERGED_UNLOOKED: "remerged",
    Bug.REPEAT_TAKEN_FOR_HOLE: "whole",
}
"""The scope that each bug is found in."""
