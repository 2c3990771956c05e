"""What one more stage costs that does nothing: a hop through Kafka, and a stage in the same agent.

    make bench-hop
    python bench/hops.py --records 60000 --hops 6

Two chains of agents that leave every byte as it is, one with `--hops` agents more than the other, over the same
records; the difference of their CPU time is what the hops cost. `idle` stages are switched off (``enabled: false``),
`look` stages are run and find nothing: the chain makes a record of each entry for them.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import Any

from feed import Feeder, Stretch, supply, trial_of
from report import notes, run, show_table, whole
from topics import Broker

KINDS: dict[str, dict[str, Any]] = {
    "idle": {"enabled": False},
    "look": {"hash_all_content": False, "hash_fields": ["no_such_field"]},
}


def main() -> int:
    """Measure; see `report.run` for what is returned."""
    parser = argparse.ArgumentParser(description="The cost of one more stage that does nothing.")
    parser.add_argument("--records", type=whole, default=60_000, help="records a chain (default: %(default)s)")
    parser.add_argument("--hops", type=whole, default=6, help="agents that one chain has more (default: %(default)s)")
    options = parser.parse_args()
    return run("hops", lambda broker: work(broker, options.records, options.hops), show)


def work(broker: Broker, count: int, hops: int) -> dict[str, Any]:
    """Return the stretch of each chain, and what one more stage cost."""
    rows = []
    for kind in KINDS:
        one = _measure(broker, "penstock-topics", kind, 1, count)
        for job, where in (("penstock-topics", "an agent each"), ("penstock-fused", "in one agent")):
            more = _measure(broker, job, kind, hops + 1, count)
            cost = (more.cpu_us_per_record - one.cpu_us_per_record) / hops
            rows.append(
                {"kind": kind, "where": where, "stages": hops + 1, "one": asdict(one), "more": asdict(more),
                 "us_per_stage": cost}
            )  # fmt: skip
    return {"rows": rows}


def _measure(broker: Broker, job: str, kind: str, stages: int, count: int) -> Stretch:
    notes.print(f"{kind}: {stages} stages, {job}")
    with trial_of(broker, job, stages=nothing(kind, stages)) as trial:
        feeder = Feeder(trial, supply(all_kept=True))
        feeder.warm_up()
        return feeder.stretch(count)


def nothing(kind: str, stages: int) -> list[dict[str, Any]]:
    """Return entries of ``stages`` that do nothing."""
    return [{"use": "hash", "as": f"nothing-{number}", "options": KINDS[kind]} for number in range(stages)]


def show(figures: dict[str, Any]) -> None:
    cells = [
        (
            f"{row['kind']}, {row['where']}",
            f"{row['one']['cpu_us_per_record']:.1f}",
            f"{row['more']['cpu_us_per_record']:.1f}",
            str(row["stages"]),
            f"{row['us_per_stage']:.2f}",
        )
        for row in figures["rows"]
    ]
    columns = ("stages that do nothing", "CPU µs with 1", "with all", "stages", "µs a stage more")
    show_table("What one more stage costs that leaves every byte as it is", columns, cells)


if __name__ == "__main__":
    sys.exit(main())
