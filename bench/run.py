"""Run one job over the same records and the same broker in penstock and its peers, side by side.

    make bench                     200,000 records
    make bench RECORDS=20000       the short one
    python bench/run.py --only quix,floor --records 20000

What is measured, and how, stands in bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import generate
import geo
import peers
from confluent_kafka import KafkaException
from contenders import CONTENDERS, Contender
from measure import WARM_UP, Row, measure
from report import bootstrap, notes, save, show_table, whole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from topics import Broker
from trial import OUT, JobError
from verify import WrongError

from penstock.model.errors import PenstockError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark.

    Returns
    -------
    int
        0 when every job that is there, and every one asked for by name, gave a result; 1 when one did not;
        3 without a broker; 130 when interrupted.
    """
    options = _options(arguments)
    asked = [CONTENDERS[name] for name in options.only] if options.only else list(CONTENDERS.values())
    OUT.mkdir(exist_ok=True)
    load = os.getloadavg()[0]
    missing = _absent(asked)
    present = [contender for contender in asked if contender.name not in missing]
    try:
        rows, failed = _run_all(present, options.records) if present else ([], {})
    except PenstockError as error:  # no broker: nothing can be run at all
        notes.print(str(error), markup=False)
        return error.exit_status
    except KeyboardInterrupt:
        notes.print("Stopped; the job and its topics are gone, the last result stays.")
        return 130
    result = save("latest", _result(rows, missing | failed), load)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _print(rows, missing | failed)
    return 1 if failed or (options.only and missing) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="One job over the same records, in penstock and its peers.")
    parser.add_argument("--records", type=whole, default=200_000, help="records a job (default: %(default)s)")
    parser.add_argument("--only", type=_names, metavar="NAME,NAME", help=f"of: {', '.join(CONTENDERS)}")
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of a table")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in CONTENDERS]:
        raise argparse.ArgumentTypeError(f"unknown job {unknown[0]!r}; the jobs are {', '.join(CONTENDERS)}")
    return names


def _absent(asked: list[Contender]) -> dict[str, str]:
    """Return why jobs cannot run, by name; make the peers' environment when one of them is asked for."""
    reasons = {}
    if any(contender.peer for contender in asked):
        try:
            peers.ensure(notes.print)
        except peers.PeersError as error:
            reasons = {contender.name: str(error) for contender in asked if contender.peer}
    for contender in asked:
        if contender.name not in reasons and (reason := contender.absent()):
            reasons[contender.name] = reason
    return reasons


def _run_all(contenders: list[Contender], count: int) -> tuple[list[Row], dict[str, str]]:
    broker = Broker(bootstrap())
    broker.check()
    notes.print(f"Broker at {broker.bootstrap}. Making {count:,} records.")
    records = list(generate.encoded(WARM_UP + count))
    mmdb = geo.write(OUT / "geo.mmdb")
    rows, failed = [], {}
    with Progress(TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn(), console=notes) as bars:
        for contender in contenders:
            bar = bars.add_task(contender.name, total=None)

            def advance(done: int, total: int, bar: Any = bar) -> None:
                bars.update(bar, completed=done, total=total)

            try:
                rows.append(measure(contender, broker, records, mmdb, advance))
            except (JobError, WrongError, KafkaException) as error:
                failed[contender.name] = str(error)
                bars.update(bar, description=f"{contender.name} failed")
    return rows, failed


@dataclass(frozen=True, slots=True)
class Best:
    """The best peer's figures: of the fastest one, and of the one that needs the least CPU time."""

    fastest: Row
    thriftiest: Row


def _best_peers(rows: list[Row]) -> Best | None:
    rivals = [row for row in rows if CONTENDERS[row.name].rival]
    if not rivals:
        return None
    return Best(
        max(rivals, key=lambda row: row.records_per_second),
        min(rivals, key=lambda row: row.cpu_us_per_record),
    )


def _ratios(rows: list[Row]) -> list[tuple[str, float, float]]:
    """Return what was asked of CPU time a record: a name, the ratio, the greatest that it may be."""
    cpu = {row.name: row.cpu_us_per_record for row in rows}
    peers = [cpu[name] for name in cpu if CONTENDERS[name].rival]
    borrowers = [cpu[name] for name in cpu if CONTENDERS[name].borrows]
    fused, topics, floor = (cpu.get(name) for name in ("penstock-fused", "penstock-topics", "floor"))
    found = []
    if fused:
        found += [("fused / the best peer", fused / min(peers), 0.5)] if peers else []
        found += [("fused / the best peer with penstock's stages", fused / min(borrowers), 0.9)] if borrowers else []
        found += [("fused / floor", fused / floor, 1.5)] if floor else []
        found += [("through topics / fused", topics / fused, 1.3)] if topics else []
    if topics and peers:
        found.append(("through topics / the best peer", topics / min(peers), 1.0))
    return found


def _result(rows: list[Row], missing: dict[str, str]) -> dict[str, Any]:
    best = _best_peers(rows)
    return {
        "rows": [asdict(row) for row in rows],
        "missing": [{"name": name, "reason": reason} for name, reason in missing.items()],
        "best_peer": {
            "records_per_second": best.fastest.name if best else None,
            "cpu_us_per_record": best.thriftiest.name if best else None,
        },
        "cpu_ratios": {name: round(ratio, 3) for name, ratio, _ in _ratios(rows)},
    }


def _print(rows: list[Row], missing: dict[str, str]) -> None:
    best = _best_peers(rows)
    columns = ("job", "records", "records/s", "× peer", "CPU µs", "× peer", "peak MB", "CPU s", "s")
    cells = [
        (
            row.name,
            f"{row.records:,}",
            f"{row.records_per_second:,.0f}",
            f"{row.records_per_second / best.fastest.records_per_second:.2f}" if best else "-",
            f"{row.cpu_us_per_record:,.1f}",
            f"{row.cpu_us_per_record / best.thriftiest.cpu_us_per_record:.2f}" if best else "-",
            f"{row.peak_mb:,.0f}",
            f"{row.cpu_seconds:,.1f}",
            f"{row.seconds:,.1f}",
        )
        for row in rows
    ]
    remarks = ["CPU µs: a record. CPU s and s: the whole run, start-up and warm-up included."]
    if best:
        names = f"{best.fastest.name} for records/s, {best.thriftiest.name} for CPU time"
        remarks.append(f"× peer: times the figure of the best peer with stages of its own, {names}.")
    remarks += [f"CPU time, {name}: {ratio:.2f} (at most {most})" for name, ratio, most in _ratios(rows)]
    remarks += [f"{name}: no result: {reason}" for name, reason in missing.items()]
    show_table("One job of six stages over the same records, one process each", columns, cells, remarks)


if __name__ == "__main__":
    sys.exit(main())
