"""Where a worker's CPU time goes, by sampling (py-spy): a summary by part and the functions that cost most, as text.

    make profile
    python bench/sampled.py --job penstock-topics --records 60000 --hops 7

Start-up is left out: sampling begins when the job is warm and ends when the last record is out. Samples that find a
thread in its event loop's ``select`` are left out too: it waits there, or will in a moment. Time in C is counted to the
Python function that called it. A stage has everything that happens below it; what is below none of them belongs to
the innermost part that the table `PARTS` knows.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import peers
from feed import Feeder, supply, trial_of
from hops import nothing
from report import facts, notes, run, whole
from topics import Broker
from trial import OUT, PARTITIONS, JobError

HERE = Path(__file__).parent
VENV = OUT / "py-spy"
RATE = 250  # samples a second
MOST = 30  # functions listed
WAITING = ("EpollSelector.select", "KqueueSelector.select", "SelectSelector.select")
STOP_WITHIN = 30.0  # seconds

STAGE = re.compile(r"/agents/(?:(tag|redact|license)/|enrich/(?!_)(\w+)\.py)")
PARTS = (
    ("JSON in (codecs/json)", "/codecs/json.py"),
    ("frames (codecs/frame)", "/codecs/frame.py"),
    ("enriched records (codecs/enriched)", "/codecs/enriched.py"),
    ("chain (agents/chain, model)", "/agents/chain.py", "/agents/pipeline.py", "/model/"),
    ("ingest", "/runtime/ingest.py"),
    ("deliver", "/runtime/deliver.py"),
    (
        "reading (plain_records, owner, reading)",
        "/runtime/seams/plain_records.py",
        "/runtime/owner.py",
        "/runtime/reading.py",
    ),
    ("hop (hop, lane, processing, framing, app)", "/agents/runtime/"),
    ("compression (zstd)", "/aiokafka/codec.py"),
    ("Kafka batches (aiokafka/record)", "/aiokafka/record/", "_crecords"),
    ("aiokafka", "/aiokafka/"),
    ("Faust", "/faust/", "/mode/"),
    ("metrics", "/prometheus_client/"),
    ("event loop (asyncio)", "/asyncio/", "/selectors.py"),
)


def main() -> int:
    """Profile; see `report.run` for what is returned."""
    parser = argparse.ArgumentParser(description="Where a worker's CPU time goes.")
    parser.add_argument("--job", default="penstock-fused", help="which one (default: %(default)s)")
    parser.add_argument("--records", type=whole, default=60_000, help="how many (default: %(default)s)")
    parser.add_argument("--hops", type=whole, help="so many stages that do nothing instead of the six")
    parser.add_argument("--partitions", type=whole, default=PARTITIONS, help="how many (default: %(default)s)")
    parser.add_argument("--text", type=Path, default=OUT / "profile.txt", help="where it goes (default: %(default)s)")
    options = parser.parse_args()
    stages = nothing("idle", options.hops) if options.hops else None
    return run(
        "profile",
        lambda broker: work(broker, options.job, options.records, options.partitions, stages),
        lambda f: show(f, options.text),
    )


def work(broker: Broker, job: str, count: int, partitions: int, stages: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Return shares of the CPU time by part and by function, and what a record cost meanwhile."""
    try:
        peers.make(VENV, HERE / "requirements-profile.txt", lambda: notes.print("Installing py-spy (once)"))
    except peers.PeersError as error:
        raise JobError(str(error)) from None
    stacks = OUT / "stacks.txt"
    stacks.unlink(missing_ok=True)
    extra = {"stages": stages} if stages else {}
    with trial_of(broker, job, partitions=partitions, **extra) as trial:
        feeder = Feeder(trial, supply(all_kept=stages is not None))
        feeder.warm_up()
        command = [str(VENV / "bin" / "py-spy"), "record", "--pid", str(trial.jobs[0].pid), "--format", "raw"]
        command += ["--full-filenames", "--rate", str(RATE), "--duration", "3600", "--output", str(stacks)]
        with (OUT / "py-spy.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as sampler:
            try:
                stretch = feeder.stretch(count)
            finally:
                sampler.send_signal(signal.SIGINT)
                sampler.wait(STOP_WITHIN)
    if not stacks.exists():
        raise JobError("py-spy wrote nothing, see bench/out/py-spy.log (it may need to be allowed to trace processes)")
    parts, functions, waiting = _counted(stacks)
    total = sum(parts.values())
    return {
        "job": job,
        "stages": len(stages or []),
        "records": count,
        "partitions": partitions,
        "samples": total,
        "waiting": waiting,
        "cpu_us_per_record": stretch.cpu_us_per_record,
        "parts": {name: number / total for name, number in parts.most_common()},
        "functions": {name: number / total for name, number in functions.most_common(MOST)},
    }


def _counted(stacks: Path) -> tuple[Counter[str], Counter[str], int]:
    """Return samples by part, by function that was running, and how many were waiting."""
    waiting = 0
    parts: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in stacks.read_text(encoding="utf-8").splitlines():
        stack, _, number = line.rpartition(" ")
        frames = stack.split(";")
        if frames[-1].startswith(WAITING):
            waiting += int(number)
            continue
        parts[_part(frames)] += int(number)
        functions[_short(frames[-1])] += int(number)
    return parts, functions, waiting


def _part(frames: list[str]) -> str:
    for frame in frames:
        if stage := STAGE.search(frame):
            return f"stage {stage[1] or stage[2]}"
    for frame in reversed(frames):
        for name, *places in PARTS:
            if any(place in frame for place in places):
                return name
    return "other"


def _short(frame: str) -> str:
    """Return a frame as function and the last two parts of its file's path, without its line."""
    name, _, place = frame.partition(" (")
    path = place.rstrip(")").rpartition(":")[0] or place.rstrip(")")
    return f"{name} ({'/'.join(Path(path).parts[-2:])})"


def show(figures: dict[str, Any], text: Path) -> None:
    known = facts()
    machine, versions = known["machine"], known["versions"]
    what = figures["job"] + (f", {figures['stages']} stages that do nothing" if figures["stages"] else "")
    what += "" if figures["partitions"] == PARTITIONS else f", {figures['partitions']} partitions"
    lines = [
        f"{what}: {figures['records']:,} records, {figures['cpu_us_per_record']:.1f} µs of CPU time each"
        f" while being sampled ({figures['samples']:,} samples, {RATE} a second, {figures['waiting']:,} more of waiting"
        " left out; py-spy).",
        f"{known['date']}, {machine['processor']}, {machine['cores']} cores, Python {versions['python']}.",
        "Time in C counts to the Python function that called it.",
        "",
        "share      µs  part",
        *(_line(figures, name, share) for name, share in figures["parts"].items()),
        "",
        "share      µs  function that was running",
        *(_line(figures, name, share) for name, share in figures["functions"].items()),
    ]
    text.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def _line(figures: dict[str, Any], name: str, share: float) -> str:
    return f"{share:6.1%} {share * figures['cpu_us_per_record']:6.1f}  {name}"


if __name__ == "__main__":
    sys.exit(main())
