"""What a measurement leaves behind: a table on standard output, and JSON with date, machine and versions.

Every program here is run by `run`: it finds or starts the broker, measures, writes `bench/out/<name>.json` and prints.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import peers
import psutil
from confluent_kafka import KafkaException
from rich.console import Console
from rich.table import Table
from topics import Broker
from trial import OUT, JobError
from verify import WrongError

from penstock.model.errors import PenstockError

OURS = ("penstock", "faust-streaming", "aiokafka", "cramjam", "msgspec", "orjson", "hyperscan", "maxminddb", "pycld2")
WIDTH = 132  # characters, where the table goes to a file or a pipe

notes = Console(stderr=True)  # progress and reasons: standard output is for the result


def run(name: str, work: Callable[[Broker], dict[str, Any]], show: Callable[[dict[str, Any]], None]) -> int:
    """Measure, save and show.

    Parameters
    ----------
    name
        Of the file in `bench/out`, without ending.
    work
        Gets the broker and returns the figures.
    show
        Prints them.

    Returns
    -------
    int
        0, or 1 when a job gave no result, 3 without a broker, 130 when interrupted.
    """
    OUT.mkdir(exist_ok=True)
    load = os.getloadavg()[0]
    try:
        broker = Broker(bootstrap())
        broker.check()
        notes.print(f"Broker at {broker.bootstrap}, load average {load:.1f}.")
        figures = work(broker)
    except (JobError, WrongError, KafkaException) as error:
        notes.print(f"No result: {error}", markup=False)
        return 1
    except PenstockError as error:  # no broker: nothing can be run at all
        notes.print(str(error), markup=False)
        return error.exit_status
    except KeyboardInterrupt:
        notes.print("Stopped; the jobs and their topics are gone, the last result stays.")
        return 130
    save(name, figures, load)
    show(figures)
    return 0


def bootstrap() -> str:
    """Return the broker's address: the one the environment names, else penstock's own, started when needed."""
    if address := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return address
    from penstock.broker.embedded import find_or_start  # not needed, and not loaded, with a broker of one's own

    return str(find_or_start(on_progress=notes.print))


def save(name: str, figures: dict[str, Any], load: float) -> dict[str, Any]:
    """Write the figures with where they come from to `bench/out/<name>.json`; return what was written.

    Parameters
    ----------
    load
        The machine's load average of one minute before anything was started: what others were at.
    """
    result = {**figures, **facts(), "command": sys.argv, "load_before": round(load, 2)}
    (OUT / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result


def facts() -> dict[str, Any]:
    """Return date, machine and versions."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "processor": _processor(),
            "cores": psutil.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9),
        },
        "versions": {
            "python": platform.python_version(),
            "project": {name: _version(name) for name in OURS},
            "peers": peers.versions(),
        },
    }


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], remarks: Sequence[str] = ()) -> None:
    """Print a table, its first column left, the others right, and remarks below it."""
    table = Table(title=title)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)
    for remark in remarks:
        console.print(remark, markup=False)


def whole(text: str) -> int:
    """Return a whole number above 0; for argparse."""
    if not text.isdigit() or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
