"""What grows with the number of records, of partitions, of bytes, and with time; start-up is never counted.

    make bench-growth
    python bench/growth.py --part records --short
    python bench/growth.py --part memory --minutes 10

`records`     CPU time a record of the first 100,000 and of all 2,000,000, produced in chunks while the job works
`partitions`  CPU time a record over 4, 16 and 64 partitions
`bytes`       CPU time of records of 100 bytes to 10 KB, and a + b·bytes through it (least squares)
`memory`      resident size of one worker while two million records wait, for some minutes
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from feed import CHUNK, Feeder, Stretch, supply, trial_of
from report import notes, run, show_table, whole
from topics import Broker
from trial import ticks

JOB = "penstock-fused"
SIZES = (100, 250, 420, 1_000, 2_500, 5_000, 10_000)  # bytes
LEAST, MOST_BYTES = 4_000, 25_000_000  # records, and bytes, of each size
SETTLE = 0.2  # the share of the time after which memory is compared


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    records: tuple[int, ...] = (100_000, 500_000, 1_000_000, 2_000_000)  # all in all
    partitions: tuple[int, ...] = (4, 16, 64)
    stretch: int = 100_000  # records, for partitions
    waiting: int = 2_000_000
    minutes: float = 10.0


SHORT = Sizes((20_000, 100_000, 300_000), (4, 64), 30_000, 200_000, 1.0)


def main() -> int:
    """Measure; see `report.run` for what is returned."""
    parser = argparse.ArgumentParser(description="What grows with records, partitions, bytes and time.")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this (may be repeated)")
    parser.add_argument("--short", action="store_true", help="small sizes")
    parser.add_argument("--minutes", type=float, help="of the part memory")
    parser.add_argument("--waiting", type=whole, help="records waiting, of the part memory")
    options = parser.parse_args()
    sizes = SHORT if options.short else Sizes()
    sizes = replace(sizes, minutes=options.minutes or sizes.minutes, waiting=options.waiting or sizes.waiting)
    parts = options.part or list(PARTS)
    name = "growth" if len(parts) == len(PARTS) else f"growth-{'-'.join(parts)}"
    return run(name, lambda broker: {part: PARTS[part](broker, sizes) for part in parts}, show)


def by_records(broker: Broker, sizes: Sizes) -> dict[str, Any]:
    """Return what all records up to each number cost on average, in one run."""
    rows: list[dict[str, Any]] = []
    with trial_of(broker, JOB) as trial:
        feeder = Feeder(trial, supply())
        feeder.warm_up()
        done, cpu, seconds = 0, 0.0, 0.0
        for total in sizes.records:
            stretch = feeder.stretch(total - done)
            notes.print(f"{total:,} records: {stretch.cpu_us_per_record:.1f} µs")
            cpu, seconds = cpu + stretch.cpu_us_per_record * stretch.records, seconds + stretch.seconds
            done = total
            resident = trial.jobs[0].resident_mb()
            rows.append({"total": total, "cpu_us": cpu / total, "last_us": stretch.cpu_us_per_record,
                         "records_per_second": total / seconds, "resident_mb": resident})  # fmt: skip
    return {"rows": rows, "growth_percent": (rows[-1]["cpu_us"] / rows[0]["cpu_us"] - 1) * 100}


def by_partitions(broker: Broker, sizes: Sizes) -> dict[str, Any]:
    """Return what a record costs over some numbers of partitions."""
    rows = []
    for partitions in sizes.partitions:
        notes.print(f"{partitions} partitions")
        with trial_of(broker, JOB, partitions=partitions) as trial:
            feeder = Feeder(trial, supply())
            feeder.warm_up()
            rows.append({"partitions": partitions, **asdict(feeder.stretch(sizes.stretch)), "peak_mb": trial.peak_mb()})
    return {"rows": rows, "growth_percent": (rows[-1]["cpu_us_per_record"] / rows[0]["cpu_us_per_record"] - 1) * 100}


def by_bytes(broker: Broker, sizes: Sizes) -> dict[str, Any]:
    """Return what records of each size cost, and the line through it."""
    stretches: list[Stretch] = []
    with trial_of(broker, JOB) as trial:
        feeder = Feeder(trial, supply(LEAST))
        feeder.warm_up()
        for size in SIZES:
            notes.print(f"{size:,} bytes")
            feeder.change(supply(LEAST, size))
            stretches.append(feeder.stretch(max(LEAST, min(sizes.stretch, MOST_BYTES // size))))
    slope, intercept = statistics.linear_regression(
        [stretch.bytes for stretch in stretches], [stretch.cpu_us_per_record for stretch in stretches]
    )
    rows = [{**asdict(stretch), "line": intercept + slope * stretch.bytes} for stretch in stretches]
    return {"rows": rows, "a_us": intercept, "b_us_per_kb": slope * 1000}


def memory(broker: Broker, sizes: Sizes) -> dict[str, Any]:
    """Return the resident size of one worker while records wait, as many again as it works off."""
    samples: list[tuple[float, float]] = []  # seconds, MB
    with trial_of(broker, JOB) as trial:
        feeder = Feeder(trial, supply())
        while feeder.fed < sizes.waiting:
            feeder.feed(CHUNK)
        job = trial.start()
        began = time.monotonic()
        for at in ticks(0.5):
            end = trial.sample().end
            while feeder.owed() - end < feeder.supply.kept(sizes.waiting):
                feeder.feed(CHUNK)
            trial.check()
            samples.append((at - began, job.resident_mb()))
            if at - began > sizes.minutes * 60:
                break
        worked = trial.readable()
    settled = [mb for at, mb in samples if at >= sizes.minutes * 60 * SETTLE]
    middle = statistics.median(settled)
    fifth = len(settled) // 5
    first, last = statistics.median(settled[:fifth]), statistics.median(settled[-fifth:])
    return {
        "waiting": sizes.waiting,
        "minutes": sizes.minutes,
        "delivered": worked,
        "peak_mb": max(mb for _, mb in samples),
        "median_mb": middle,
        "least_percent": (min(settled) / middle - 1) * 100,
        "most_percent": (max(settled) / middle - 1) * 100,
        "drift_percent": (last / first - 1) * 100,
        "samples": samples[:: max(1, len(samples) // 100)],
    }


PARTS = {"records": by_records, "partitions": by_partitions, "bytes": by_bytes, "memory": memory}


def show(figures: dict[str, Any]) -> None:
    for part, found in figures.items():
        SHOWS[part](found)


def _show_records(found: dict[str, Any]) -> None:
    cells = [
        (f"{r['total']:,}", f"{r['cpu_us']:.1f}", f"{r['last_us']:.1f}", f"{r['records_per_second']:,.0f}",
         f"{r['resident_mb']:.0f}")
        for r in found["rows"]
    ]  # fmt: skip
    columns = ("records", "CPU µs", "of the last of them", "records/s", "MB then")
    show_table("CPU time a record, by their number", columns, cells, [f"{found['growth_percent']:+.1f}% (at most 10)"])


def _show_partitions(found: dict[str, Any]) -> None:
    cells = [
        (
            str(r["partitions"]),
            f"{r['cpu_us_per_record']:.1f}",
            f"{r['records_per_second']:,.0f}",
            f"{r['peak_mb']:.0f}",
        )
        for r in found["rows"]
    ]
    columns = ("partitions", "CPU µs", "records/s", "peak MB")
    remarks = [f"{found['growth_percent']:+.1f}% (at most 25)"]
    show_table("CPU time a record, by partitions", columns, cells, remarks)


def _show_bytes(found: dict[str, Any]) -> None:
    cells = [
        (f"{r['bytes']:,.0f}", f"{r['records']:,}", f"{r['cpu_us_per_record']:.1f}", f"{r['line']:.1f}",
         f"{r['records_per_second']:,.0f}")
        for r in found["rows"]
    ]  # fmt: skip
    columns = ("bytes", "records", "CPU µs", "by the line", "records/s")
    line = f"CPU µs = {found['a_us']:.1f} + {found['b_us_per_kb']:.1f} a kilobyte (least squares)"
    show_table("CPU time a record, by its size", columns, cells, [line])


def _show_memory(found: dict[str, Any]) -> None:
    cells = [(
        f"{found['waiting']:,}", f"{found['minutes']:g}", f"{found['peak_mb']:.0f}", f"{found['median_mb']:.0f}",
        f"{found['least_percent']:+.1f}% … {found['most_percent']:+.1f}%", f"{found['drift_percent']:+.1f}%",
    )]  # fmt: skip
    columns = ("waiting", "minutes", "peak MB", "median MB", "least … most", "last fifth to first")
    remarks = ["The last four columns are of the time behind the first fifth."]
    show_table("Resident size of one worker", columns, cells, remarks)


SHOWS = {"records": _show_records, "partitions": _show_partitions, "bytes": _show_bytes, "memory": _show_memory}


if __name__ == "__main__":
    sys.exit(main())
