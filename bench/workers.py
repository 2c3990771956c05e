"""Two workers on disjoint partitions, each on a core of its own, against one on one core.

    make bench-workers
    python bench/workers.py --records 100000

Partitions are given out by the consumer groups of the pipeline, so that each worker has half of them in every group. A
worker's core is its own as far as the workers go: the broker, the producer and whatever else runs on the machine use
the same cores, which the throughput shows and the CPU time hardly.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import asdict
from typing import Any

from confluent_kafka.admin import AdminClient
from feed import Feeder, Stretch, supply, trial_of
from report import notes, run, show_table, whole
from topics import TIMEOUT, Broker
from trial import JobError, Trial

JOBS = ("penstock-fused", "penstock-topics")
JOINED_WITHIN = 60.0  # seconds


def main() -> int:
    """Measure; see `report.run` for what is returned."""
    parser = argparse.ArgumentParser(description="Two pinned workers against one.")
    parser.add_argument("--records", type=whole, default=100_000, help="records each (default: %(default)s)")
    parser.add_argument("--jobs", default=JOBS[0], help=f"of {', '.join(JOBS)} (default: %(default)s)")
    options = parser.parse_args()
    return run("workers", lambda broker: work(broker, options.jobs.split(","), options.records), show)


def work(broker: Broker, jobs: list[str], count: int) -> dict[str, Any]:
    """Return what a record costs with one worker and with two."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise JobError("there is one core only")
    rows = []
    for job in jobs:
        one, two = _measure(broker, job, cores[:1], count), _measure(broker, job, cores, count)
        rows.append({
            "job": job, "one": asdict(one), "two": asdict(two),
            "cpu_percent": (two.cpu_us_per_record / one.cpu_us_per_record - 1) * 100,
            "throughput": two.records_per_second / one.records_per_second,
        })  # fmt: skip
    return {"cores": cores, "rows": rows}


def _measure(broker: Broker, job: str, cores: list[int], count: int) -> Stretch:
    notes.print(f"{job}: {len(cores)} pinned")
    with trial_of(broker, job) as trial:
        feeder = Feeder(trial, supply())
        for core in cores:
            trial.start(core)
        feeder.feed(1_000)
        feeder.drain()
        _wait_for_members(trial, len(cores))
        feeder.feed(1_000)  # and now with all of them
        feeder.drain()
        return feeder.stretch(count)


def _wait_for_members(trial: Trial, wanted: int) -> None:
    """Wait until every group of the pipeline is at rest with as many members as there are workers."""
    admin = AdminClient({"bootstrap.servers": trial.broker.bootstrap, "log_level": 0})
    deadline = time.monotonic() + JOINED_WITHIN
    while time.monotonic() < deadline:
        listed = admin.list_consumer_groups().result(TIMEOUT).valid
        names = [group.group_id for group in listed if group.group_id.startswith(f"{trial.group}.")]
        described = (
            [future.result(TIMEOUT) for future in admin.describe_consumer_groups(names).values()] if names else []
        )
        if described and all(len(g.members) == wanted and g.state.name == "STABLE" for g in described):
            return
        trial.check()
        time.sleep(0.2)
    raise JobError(f"the workers did not join their groups in {JOINED_WITHIN:.0f} s, see {trial.log}")


def show(figures: dict[str, Any]) -> None:
    cells = [
        (
            row["job"],
            f"{row['one']['cpu_us_per_record']:.1f}",
            f"{row['two']['cpu_us_per_record']:.1f}",
            f"{row['cpu_percent']:+.1f}%",
            f"{row['one']['records_per_second']:,.0f}",
            f"{row['two']['records_per_second']:,.0f}",
            f"{row['throughput']:.2f}",
        )
        for row in figures["rows"]
    ]
    columns = ("job", "CPU µs with 1", "with 2", "more", "records/s with 1", "with 2", "times")
    remarks = ["CPU µs: a record, of all workers together; at most 10% more.",
               f"Cores {figures['cores']}; the broker and the producer use them too."]  # fmt: skip
    show_table("Two workers, each pinned to a core, against one", columns, cells, remarks)


if __name__ == "__main__":
    sys.exit(main())
