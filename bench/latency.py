"""How long a record takes, from its raw append to the transaction that delivers it, at half of the greatest rate.

    make bench-latency
    python bench/latency.py --jobs penstock-fused --shares 0.5 --seconds 60 --linger-ms 50

First the job works through a backlog: that is its greatest rate. Then records come at a steady share of that rate,
whatever the job does (open loop). Each carries, as its Kafka timestamp, the moment at which it was due, which delivery
passes on. A read_committed consumer subtracts it from the moment at which it gets the record: so a producer that falls
behind makes the figures worse and never better. Kafka's timestamps are whole milliseconds. The first fifth of the time
is not counted.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from feed import Feeder, Supply, supply, trial_of
from report import notes, run, show_table, whole
from topics import Broker
from trial import Trial

TICK = 0.005  # seconds between two lots of records
SETTLE = 0.2  # the share of the time that is not counted
LATE = 30.0  # seconds that the last record is waited for
GOALS = {"penstock-fused": (60, 250), "penstock-topics": (100, 400)}  # ms, p50 and p99 at half of the greatest rate


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the moment a record was due to the moment a consumer had it.

    Attributes
    ----------
    early, late
        The median of the first and of the last fifth of what was counted: far apart, the load is not sustained.
    frames, transactions
        Made by ingest and by delivery, a second, in all partitions.
    missing
        Records that were not there half a minute after the last was produced.
    """

    job: str
    share: float
    rate: float
    p50: float
    p99: float
    worst: float
    early: float
    late: float
    cpu_us_per_record: float
    frames: float
    transactions: float
    missing: int


def main() -> int:
    """Measure; see `report.run` for what is returned."""
    parser = argparse.ArgumentParser(description="Latency from raw append to delivery at a steady rate.")
    parser.add_argument("--jobs", default=",".join(GOALS), help="which of them (default: %(default)s)")
    parser.add_argument("--shares", default="0.5,0.25", help="of the greatest rate (default: %(default)s)")
    parser.add_argument("--seconds", type=whole, default=30, help="each (default: %(default)s)")
    parser.add_argument("--backlog", type=whole, default=40_000, help="records for the greatest rate")
    parser.add_argument("--linger-ms", type=whole, help="how long ingest waits for more records (the product's own)")
    options = parser.parse_args()
    shares = [float(share) for share in options.shares.split(",")]
    return run("latency", lambda broker: work(broker, options.jobs.split(","), shares, options), show)


def work(broker: Broker, jobs: list[str], shares: list[float], options: argparse.Namespace) -> dict[str, Any]:
    """Return the greatest rate of each job, and the latencies at its shares."""
    rows, rates, records = [], {}, supply()
    batching = {"linger_ms": options.linger_ms} if options.linger_ms else {}
    for job in jobs:
        with trial_of(broker, job, batching=batching) as trial:
            feeder = Feeder(trial, records)
            feeder.warm_up()
            rates[job] = feeder.stretch(options.backlog).records_per_second
            for share in shares:
                notes.print(f"{job}: {rates[job] * share:,.0f} records/s for {options.seconds} s")
                rows.append(asdict(_measure(trial, records, job, share, rates[job] * share, options.seconds)))
    return {"batching": batching, "greatest_rate": rates, "rows": rows}


def _measure(trial: Trial, records: Supply, job: str, share: float, rate: float, seconds: float) -> Latency:
    count = int(rate * seconds)
    wanted = records.kept(count)
    consumer = _Watcher(trial, wanted)
    before, framed = trial.sample(), _frames(trial)
    consumer.start()
    began = _produce(trial, records, count, rate)
    consumer.join(LATE)
    after = trial.sample()
    consumer.stop()
    settled = began + seconds * SETTLE
    taken = [(due, ms) for due, ms in consumer.found if due / 1000 >= settled]
    if not taken:
        raise RuntimeError(f"{job} delivered nothing in {seconds + LATE:.0f} s")
    ordered = sorted(ms for _, ms in taken)
    fifth = max(1, len(taken) // 5)
    by_time = [ms for _, ms in sorted(taken)]
    return Latency(
        job,
        share,
        rate,
        p50=_quantile(ordered, 0.5),
        p99=_quantile(ordered, 0.99),
        worst=ordered[-1],
        early=_quantile(sorted(by_time[:fifth]), 0.5),
        late=_quantile(sorted(by_time[-fifth:]), 0.5),
        cpu_us_per_record=(after.cpu - before.cpu) / count * 1e6,
        frames=(_frames(trial) - framed) / seconds,
        transactions=(after.end - before.end - len(consumer.found)) / seconds,  # each leaves a marker
        missing=wanted - len(consumer.found),
    )


def _frames(trial: Trial) -> int:
    return trial.broker.end(f"{trial.group}.ingest", trial.partitions)


def _produce(trial: Trial, records: Supply, count: int, rate: float) -> float:
    """Produce `count` records at `rate`, each stamped with the moment at which it is due; return the first moment."""
    producer = Producer({"bootstrap.servers": trial.broker.bootstrap, "linger.ms": 0, "log_level": 0})
    values, began, sent = records.values(0, count), time.time(), 0
    while sent < count:
        now = time.time()
        while sent < count and (due := began + sent / rate) <= now:
            producer.produce(trial.raw, values[sent], partition=sent % trial.partitions, timestamp=int(due * 1000))
            sent += 1
        producer.poll(0)
        trial.check()
        time.sleep(max(0.0, now + TICK - time.time()))
    producer.flush(LATE)
    return began


class _Watcher(threading.Thread):
    """Reads what is delivered from now on, and notes when each record was due and how late it came."""

    def __init__(self, trial: Trial, wanted: int) -> None:
        super().__init__(daemon=True)
        self.found: list[tuple[int, float]] = []  # due in ms since the epoch, ms late
        self._wanted, self._stopping = wanted, threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": trial.broker.bootstrap,
                "group.id": f"{trial.group}-watcher",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            }
        )
        starts = []
        for number in range(trial.partitions):
            _, end = self._consumer.get_watermark_offsets(TopicPartition(trial.enriched, number), timeout=LATE)
            starts.append(TopicPartition(trial.enriched, number, end))
        self._consumer.assign(starts)

    def run(self) -> None:
        while len(self.found) < self._wanted and not self._stopping.is_set():
            messages = self._consumer.consume(1_000, timeout=0.01)
            now = time.time() * 1000
            self.found += [(due, now - due) for m in messages if m.error() is None for due in (m.timestamp()[1],)]
        self._consumer.close()

    def stop(self) -> None:
        self._stopping.set()
        self.join()


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(figures: dict[str, Any]) -> None:
    cells = [
        (
            row["job"],
            f"{row['share']:.0%}",
            f"{row['rate']:,.0f}",
            f"{row['p50']:,.0f}",
            f"{row['p99']:,.0f}",
            f"{row['worst']:,.0f}",
            f"{row['early']:,.0f} → {row['late']:,.0f}",
            f"{row['cpu_us_per_record']:.0f}",
            f"{row['frames']:.0f}",
            f"{row['transactions']:.0f}",
            f"{row['missing']:,}",
        )
        for row in figures["rows"]
    ]
    columns = ("job", "load", "records/s", "p50 ms", "p99 ms", "max ms", "early → late", "CPU µs", "frames/s",
               "trans./s", "missing")  # fmt: skip
    remarks = [f"{job}: greatest rate {rate:,.0f} records/s" for job, rate in figures["greatest_rate"].items()]
    remarks += [f"{job}: goal at 50%: p50 {p50} ms, p99 {p99} ms" for job, (p50, p99) in GOALS.items()]
    show_table("From raw append to delivery, at a steady rate", columns, cells, remarks)


if __name__ == "__main__":
    sys.exit(main())
