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
from pathlib import Path
from typing import Any

import generate
import orjson
from confluent_kafka.admin import AdminClient
from contenders import JOBS
from feed import trial_of
from report import notes, run, show_table, whole
from topics import Broker
from trial import JobError, Trial, ticks

sys.path.append(str(JOBS))
from six_stages import declared  # jobs are scripts, not a package

RECORD = next(orjson.dumps(generate.record(index)) for index in range(100) if generate.planted(index).allowed)
MODULE = "penstock.agents.runtime.worker"
LOOK_EVERY = 0.01  # seconds
LATEST = 180.0  # seconds after which a start has failed
MOMENTS = ("imports", "topics", "joined: ingest", "joined: deliver", "joined: agent")
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
    with trial_of(broker, "penstock-fused") as trial:
        names = ["topics made", *["idle group"] * starts]
        rows = [_start(trial, name, "home") for name in names]
        rows += [_start_command(trial) for _ in range(starts)]
        rows.append(_start(trial, "no state folder", "fresh"))
        _fill_table(trial, keys)
        rows.append(_start(trial, f"{keys:,} keys to restore", "restored"))
    restore = rows[-1]["seconds"] - rows[-2]["seconds"]
    return {"rows": rows, "restore_seconds": restore, "imports_ms": imports()}


def _start(trial: Trial, name: str, home: str) -> dict[str, Any]:
    """Start a worker, wait for its first record, stop it; return the seconds of each phase."""
    trial.config["home"] = str(trial.work / home)
    began, seconds, cpu = _to_first_record(trial, name, [sys.executable, str(JOBS / "penstock_start.py")], {})
    report = trial.work / str(trial.started) / "report.json"
    while not report.exists():
        trial.check()
        time.sleep(LOOK_EVERY)
    trial.stop()
    moments = json.loads(report.read_text(encoding="utf-8"))
    since = {moment: at - began for moment, at in moments.items()}
    return {"name": name, "seconds": seconds, "cpu_seconds": cpu, "moments": since}


def _start_command(trial: Trial) -> dict[str, Any]:
    """The same with the command that people use; it tells no moments."""
    file = trial.work / "pipeline.yml"
    file.write_text(json.dumps(declared(trial.config, "fused")), encoding="utf-8")  # JSON is YAML
    variables = {"KAFKA_BOOTSTRAP_SERVERS": trial.broker.bootstrap, "PENSTOCK_HOME": str(trial.work / "home")}
    # the shell leaves the job's configuration, which comes last, aside
    command = ["sh", "-c", 'exec "$0" worker "$1"', str(Path(sys.executable).with_name("penstock")), str(file)]
    _, seconds, cpu = _to_first_record(trial, "command", command, variables)
    trial.stop()
    return {"name": "command", "seconds": seconds, "cpu_seconds": cpu, "moments": {}}


def _to_first_record(
    trial: Trial, name: str, command: list[str], variables: dict[str, str]
) -> tuple[float, float, float]:
    """Start a worker and wait for its first record: when it was started, and seconds and CPU seconds from then on."""
    notes.print(name)
    trial.feed([RECORD])
    before = trial.sample().end
    began = time.time()
    job = trial.start(command=command, variables=variables)
    for _ in ticks(LOOK_EVERY):
        if trial.sample().end > before:
            return began, time.time() - began, job.weigh()
        trial.check()
        if time.time() - began > LATEST:
            raise JobError(f"{name}: no record after {LATEST:.0f} s, see {trial.log}")
    raise AssertionError("the ticks never end")


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
    columns = ("start", "first record", "CPU s", "imports", "topics", "ingest", "deliver", "agent")
    cells = [
        (
            row["name"],
            f"{row['seconds']:.2f}",
            f"{row['cpu_seconds']:.2f}",
            *(f"{row['moments'][moment]:.2f}" if row["moments"] else "" for moment in MOMENTS),
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
