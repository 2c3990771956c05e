"""How long a worker takes from its start to its first record, where the seconds go, and how long a large table takes.

    make bench-start
    python bench/starting.py --starts 5 --keys 1000000

A record waits in the raw topic, the group has no members. The clock runs from before the process is started until the
enriched topic's end moves for a read_committed reader. The worker notes when its interpreter ran, when its imports were
done, its topics looked at and each of its services had joined its group. Each start is with the state folder of the one
before, but for the first; the last two are without it, so that the table comes back from its changelog: once with the
four keys it has, once with as many more as `--keys` says.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from typing import Any

from confluent_kafka.admin import AdminClient
from feed import Supply, supply, trial_of
from report import notes, run, show_table, whole
from topics import Broker
from trial import JobError, Trial, ticks

MODULE = "penstock.agents.runtime.worker"
LOOK_EVERY = 0.01  # seconds
LATEST = 180.0  # seconds after which a start has failed
MOMENTS = ("interpreter", "imports", "topics", "joined: ingest", "joined: deliver", "joined: agent")
GOAL, GOAL_RESTORE = 4.0, 20.0  # seconds


def main() -> int:
    """Measure; see `report.run` for what is returned."""
    parser = argparse.ArgumentParser(description="Seconds from the start of a worker to its first record.")
    parser.add_argument("--starts", type=whole, default=5, help="starts on an idle group (default: %(default)s)")
    parser.add_argument("--keys", type=whole, default=1_000_000, help="keys of the table (default: %(default)s)")
    options = parser.parse_args()
    return run("start", lambda broker: work(broker, options.starts, options.keys), show)


def work(broker: Broker, starts: int, keys: int) -> dict[str, Any]:
    """Return each start by its phases, and the time that imports take."""
    records = supply(100, all_kept=True)
    with trial_of(broker, "penstock-fused", stages=[{"use": "hash"}]) as trial:
        names = ["topics made", *["idle group"] * starts]
        rows = [_start(trial, records, name, "home") for name in names]
        rows.append(_start(trial, records, "no state folder", "fresh"))
        _fill_table(trial, keys)
        rows.append(_start(trial, records, f"{keys:,} keys to restore", "restored"))
    restore = rows[-1]["seconds"] - rows[-2]["seconds"]
    return {"rows": rows, "restore_seconds": restore, "imports_ms": imports()}


def _start(trial: Trial, records: Supply, name: str, home: str) -> dict[str, Any]:
    """Start a worker, wait for its first record, stop it; return the seconds of each phase."""
    notes.print(name)
    trial.config["home"] = str(trial.work / home)
    before = trial.sample().end
    trial.feed(records.values(0, 1))
    began = time.time()
    job = trial.start(script="penstock_start.py")
    for at in ticks(LOOK_EVERY):
        if trial.sample().end > before:
            break
        trial.check()
        if time.time() - began > LATEST:
            raise JobError(f"{name}: no record after {LATEST:.0f} s, see {trial.log} ({at:.0f})")
    first, cpu = time.time(), job.weigh()
    report = trial.work / str(trial.started) / "report.json"
    while not report.exists():
        trial.check()
        time.sleep(LOOK_EVERY)
    trial.stop()
    moments = json.loads(report.read_text(encoding="utf-8"))
    return {
        "name": name,
        "seconds": first - began,
        "cpu_seconds": cpu,
        "moments": {moment: at - began for moment, at in moments.items()},
    }


def _fill_table(trial: Trial, keys: int) -> None:
    """Write keys to the changelog of the agent's table, as Faust writes them; no partition has such a number."""
    admin = AdminClient({"bootstrap.servers": trial.broker.bootstrap, "log_level": 0})
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(trial.group)]
    (changelog,) = [name for name in names if name.endswith("-changelog")]
    notes.print(f"writing {keys:,} keys")
    pairs = [(b"%d" % (1_000_000 + number), b"[0,%d,%d]" % (number, number)) for number in range(keys)]
    trial.broker.fill_keyed(changelog, pairs, trial.partitions)


def imports() -> dict[str, float]:
    """Return the milliseconds that importing a worker takes, by package, the most expensive first."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {MODULE}"], capture_output=True, text=True, check=True
    )
    spent: defaultdict[str, float] = defaultdict(float)
    for line in done.stderr.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            spent[name.strip().split(".")[0]] += int(own) / 1000
    return {"all": sum(spent.values()), **dict(sorted(spent.items(), key=lambda item: -item[1])[:12])}


def show(figures: dict[str, Any]) -> None:
    columns = ("start", "to first record", "CPU s", "interpreter", "imports", "topics", "ingest", "deliver", "agent")
    cells = [
        (
            row["name"],
            f"{row['seconds']:.2f}",
            f"{row['cpu_seconds']:.2f}",
            *(f"{row['moments'][moment]:.2f}" for moment in MOMENTS),
        )
        for row in figures["rows"]
    ]
    spent = ", ".join(f"{name} {ms:.0f}" for name, ms in figures["imports_ms"].items())
    remarks = [
        "Seconds from the start of the process until the first record was out, imports were done, groups were joined.",
        f"Goals: {GOAL:g} s on an idle group, {GOAL_RESTORE:g} s for the table.",
        f"The table alone: {figures['restore_seconds']:.1f} s.",
        f"Imports, ms by package (with -X importtime, which is slower): {spent}",
    ]
    show_table("From the start of a worker to its first record", columns, cells, remarks)


if __name__ == "__main__":
    sys.exit(main())
