"""The catalogue of metrics: every name, unit and label, in one place (`docs/METRICS.md` is made from it).

Labels never hold values of records: pipeline, agent, partition, stage, reason codes and kinds of components only.
"""

from functools import cache
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

_AGENT = ("pipeline", "agent")


_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)


def _cached(metric: _Metric) -> _Metric:
    """The metric, with `labels` remembered: each look-up takes a lock and checks every value, many a frame."""
    metric.labels = cache(metric.labels)  # type: ignore[method-assign]
    return metric


def _counter(name: str, text: str, *labels: str) -> Counter:
    return _cached(Counter(name, text, labels, registry=REGISTRY))


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return _cached(Gauge(name, text, labels, registry=REGISTRY))


def _histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
    return _cached(Histogram(name, text, labels, buckets=buckets, registry=REGISTRY))


RECORDS_IN = _counter("penstock_records_in_total", "Records that reached an agent.", *_AGENT)
RECORDS_OUT = _counter("penstock_records_out_total", "Records that an agent passed on.", *_AGENT)
BYTES_IN = _counter("penstock_bytes_in_total", "Bytes of frames or messages read by an agent.", *_AGENT)
BYTES_OUT = _counter("penstock_bytes_out_total", "Bytes of frames or messages written by an agent.", *_AGENT)
VERDICTS = _counter(
    "penstock_verdicts_total",
    "Records by what a stage said of them.",
    "pipeline",
    "agent",
    "stage",
    "verdict",
    "reason",
)
PII = _counter("penstock_pii_total", "Fields in which PII was found, by category.", "pipeline", "category")
STAGE_SECONDS = _counter("penstock_stage_seconds_total", "Time spent in a stage.", "pipeline", "agent", "stage")
FRAME_RECORDS = _histogram(
    "penstock_frame_records", "Records a frame.", *_AGENT, buckets=(1, 10, 50, 100, 250, 500, 1000, 2500, 5000)
)
FRAME_SECONDS = _histogram(
    "penstock_frame_seconds",
    "From taking a frame to its acknowledged result.",
    *_AGENT,
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LAG = _gauge("penstock_lag_messages", "Messages between an agent and the end of its input.", *_AGENT, "partition")
NEXT = _gauge("penstock_next_offset", "Raw offset that an agent owes next.", *_AGENT, "partition")
PARTITIONS = _gauge("penstock_partitions", "Partitions that an agent owns in this worker.", *_AGENT)
UNPLANNED = _gauge(
    "penstock_unplanned_partitions", "Partitions that were added to a topic, which nobody reads yet.", *_AGENT
)
REBALANCES = _counter("penstock_rebalances_total", "Times that partitions were assigned to an agent.", *_AGENT)
HOLES = _counter("penstock_holes_total", "Holes seen and healed by reading again.", *_AGENT)
RESTARTS = _counter("penstock_restarts_total", "Times that an agent was started anew.", *_AGENT, "reason")
RETRIES = _counter("penstock_retries_total", "Attempts repeated because a server did not answer.", *_AGENT)
BREAKER = _gauge("penstock_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open.", "service")
DEAD_LETTERS = _counter("penstock_dead_letters_total", "Records set aside.", "pipeline", "stage", "reason")
EVENTS = _counter("penstock_events_total", "What stages reported to operators, by code.", "pipeline", "event")
LOST = _counter("penstock_lost_offsets_total", "Raw offsets that retention deleted unread.", "pipeline")
