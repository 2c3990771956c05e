"""What Kafka's compression of frames and of enriched records costs, in CPU time and in bytes.

    make bench-packing
    python bench/packing.py --records 40000

First each codec alone, over what really travels: frames of 500 records in front of and behind the six stages, and
batches of enriched records as delivery builds them. Then the fused job with the same codec for both.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import generate
import geo
from aiokafka import codec
from contenders import JOBS
from feed import Feeder, supply, trial_of
from report import notes, run, show_table, whole
from topics import Broker
from trial import OUT

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.runtime.messages import BATCH_BYTES
from penstock.codecs.enriched import ENRICHMENT_VERSION, MetadataWriter
from penstock.codecs.enriched import encode as encode_enriched
from penstock.codecs.frame import Frame, encode
from penstock.codecs.json import canonical
from penstock.model.component import Resources
from penstock.model.record import Entry, Kept, record_id

sys.path.append(str(JOBS))
from six_stages import six  # jobs are scripts, not a package

CODECS = ("none", "lz4-1", "lz4-9", "zstd-1", "zstd-3", "zstd-6")
IN_WHOLE = ("none", "lz4-1", "zstd-1", "zstd-3")  # with these the job is run
FRAME_RECORDS = 500
SAMPLE = 10_000  # records
ROUNDS = 5  # of which the cheapest counts


def main() -> int:
    """Measure; see `report.run` for what is returned."""
    parser = argparse.ArgumentParser(description="CPU time and bytes of Kafka's compression.")
    parser.add_argument("--records", type=whole, default=40_000, help="of each run of the job (default: %(default)s)")
    options = parser.parse_args()
    return run("packing", lambda broker: work(broker, options.records), show)


def work(broker: Broker, count: int) -> dict[str, Any]:
    """Return each codec's costs by what it packs, and the job's with it."""
    payloads = _payloads()
    rows = [
        {"what": what, "codec": name, **_packed(values, name)} for what, values in payloads.items() for name in CODECS
    ]
    jobs = []
    for name in IN_WHOLE:
        notes.print(f"penstock-fused, {name}")
        with trial_of(broker, "penstock-fused", compression=name) as trial:
            feeder = Feeder(trial, supply())
            feeder.warm_up()
            stretch = feeder.stretch(count)
            jobs.append({"codec": name, "cpu_us": stretch.cpu_us_per_record, "per_second": stretch.records_per_second})
    return {"rows": rows, "jobs": jobs}


def _payloads() -> dict[str, list[bytes]]:
    """Return what is compressed at a time, by what it is."""
    config = {"allow": list(generate.ALLOWED_LICENSES), "mmdb": str(geo.write(OUT / "geo.mmdb"))}
    named = [next(iter(stage.items())) for stage in six(config)]
    chain = Chain([(name, registry.configure(name, options)) for name, options in named], Resources(environ=os.environ))
    metadata, now = MetadataWriter("dev", ENRICHMENT_VERSION), time.time()
    raw: list[bytes] = []
    done: list[bytes] = []
    batches = [bytearray()]
    entries = [
        Kept(index, int(now * 1000), canonical(value), {}) for index, value in enumerate(generate.encoded(SAMPLE))
    ]
    for start in range(0, SAMPLE, FRAME_RECORDS):
        some: list[Entry] = list(entries[start : start + FRAME_RECORDS])
        raw.append(_frame(start, some))
        result = asyncio.run(chain.run("raw", 0, some))
        done.append(_frame(start, result.entries))
        for entry in result.entries:
            if isinstance(entry, Kept):
                if len(batches[-1]) > BATCH_BYTES:
                    batches.append(bytearray())
                id = record_id("raw", 0, entry)
                batches[-1] += encode_enriched(entry, id=id, metadata=metadata.write(entry, now)) + id.encode()
    return {"frames of raw records": raw, "frames behind the stages": done, "enriched": list(map(bytes, batches))}


def _frame(first: int, entries: list[Entry]) -> bytes:
    return encode(Frame("0" * 22, 0, first, first + len(entries) - 1, first, False, entries))


def _packed(values: list[bytes], name: str) -> dict[str, float]:
    """Return bytes, and microseconds to pack and to unpack, a raw record."""
    pack, unpack = _functions(name)
    packed = [pack(value) for value in values]
    return {
        "bytes": sum(map(len, packed)) / SAMPLE,
        "pack_us": min(_seconds(pack, values) for _ in range(ROUNDS)) / SAMPLE * 1e6,
        "unpack_us": min(_seconds(unpack, packed) for _ in range(ROUNDS)) / SAMPLE * 1e6,
    }


def _functions(name: str) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    kind, _, level = name.partition("-")
    if kind == "none":
        return bytes, bytes
    if kind == "lz4":
        return lambda value: codec.lz4_encode(value, level=int(level)), codec.lz4_decode
    return lambda value: codec.zstd_encode(value, level=int(level)), codec.zstd_decode


def _seconds(function: Callable[[bytes], bytes], values: list[bytes]) -> float:
    began = time.process_time()
    for value in values:
        function(value)
    return time.process_time() - began


def show(figures: dict[str, Any]) -> None:
    cells = [
        (row["what"], row["codec"], f"{row['bytes']:.0f}", f"{row['pack_us']:.2f}", f"{row['unpack_us']:.2f}")
        for row in figures["rows"]
    ]
    columns = ("what", "codec and level", "bytes a record", "µs to pack", "µs to unpack")
    show_table("Compression alone", columns, cells)
    whole_job = [(row["codec"], f"{row['cpu_us']:.1f}", f"{row['per_second']:,.0f}") for row in figures["jobs"]]
    show_table("The fused job, frames and enriched records packed alike", ("codec", "CPU µs", "records/s"), whole_job)


if __name__ == "__main__":
    sys.exit(main())
