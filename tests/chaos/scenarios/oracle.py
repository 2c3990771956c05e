"""The oracle: what came out, compared with what went in, by none of the product's code.

Topics are read with confluent_kafka (read_committed), the graph's and the ledger's databases with sqlite3, the files of
the file sink as files. `judge` says everything that is wrong at once.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import confluent_kafka
import msgspec
from confluent_kafka import Consumer, ConsumerGroupState, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.topic_reading import SETTLES, read_to

from .chain import entries as ledger_entries
from .chain import faults as ledger_faults
from .load import Load, email_of, is_tombstone, key_of, number_of, value_of, wait_for
from .workers import Faults

SESSION_SECONDS = 10.0
"""Session timeout of the product's consumers."""
MOST_STALL = SESSION_SECONDS + 5
VERDICTS = {
    "enriched": "kept", "refused": "kept", "dead": "dead", "denied": "denied", "aside": "quarantined",
    "poison": "quarantined",
}  # fmt: skip
_ID = re.compile(rb'"id": ?"(rec-[a-j]+)"')
DELIVERED = ("enriched", "refused")


class _Enriched(msgspec.Struct):
    id: str
    data: msgspec.Raw
    tenant: str


class _Arrivals:
    """What came out of one partition, in order."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.times = array("d")
        self.contents: list[bytes] = []
        """SHA-256 of each record's data; empty for a tombstone."""
        self.ids: list[str] = []


@dataclass
class Oracle:
    """Reads all the time, judges at the end.

    Attributes
    ----------
    home : Path
        Of the reference services.
    files : Path
        Folder of the file sink.
    sinks : tuple of str
        Those that the pipeline has.
    """

    bootstrap: str
    name: str
    load: Load
    faults: Faults
    home: Path
    files: Path
    sinks: tuple[str, ...] = ("graph", "ledger", "file")
    arrivals: dict[int, _Arrivals] = field(default_factory=lambda: defaultdict(_Arrivals))
    problems: list[str] = field(default_factory=list)
    partitions: int = 4

    def __post_init__(self) -> None:
        self._halt = threading.Event()
        self._threads: list[threading.Thread] = []
        self._watched = 0
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    # reading --------------------------------------------------------------------------------------------------------

    def topic(self, kind: str) -> str:
        return f"{self.name}.{kind}"

    def has_topic(self, kind: str) -> bool:
        return self.topic(kind) in self.admin.list_topics(timeout=10).topics

    def watch(self) -> None:
        """Read the enriched topic from now on."""
        self._watch_partitions(range(self.partitions))

    def watch_more(self) -> None:
        """Read its new partitions as well."""
        self._watch_partitions(range(self._watched, self.partitions))

    def _watch_partitions(self, numbers: range) -> None:
        self._watched = numbers.stop
        self._threads.append(threading.Thread(target=self._watch, args=(numbers,), daemon=True))
        self._threads[-1].start()

    def close(self) -> None:
        self._halt.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, numbers: range) -> None:
        with self._consumer() as consumer:
            consumer.assign([TopicPartition(self.topic("enriched"), number, 0) for number in numbers])
            while not self._halt.is_set():
                for message in consumer.consume(500, 0.1):
                    if message.error() is None:
                        try:
                            self._take(message)
                        except Exception as error:
                            self.problems.append(f"enriched: {type(error).__name__}: {error}")

    def _take(self, message: Any) -> None:
        partition, value = message.partition(), message.value()
        number = _number(message.key(), value)
        if value is None:
            origin = dict(message.headers() or [])["penstock-origin"].decode()
            content = b""
        else:
            found = msgspec.json.decode(value, type=_Enriched)
            origin, content = found.id, sha256(found.data).digest()
            if json.loads(bytes(found.data))["id"] != key_of(number):
                self.problems.append(f"enriched {origin}: its data is another record's than its key")
            if email_of(number).encode() in value:
                self.problems.append(f"enriched {origin}: holds an address that redact should have hidden")
        arrived = self.arrivals[partition]
        arrived.numbers.append(number)
        arrived.times.append(time.monotonic())
        arrived.contents.append(content)
        arrived.ids.append(origin)

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"oracle-of-{self.name}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def read(self, kind: str, settles: float = 0) -> list[Any]:
        """Everything that a topic holds now; see `read_to`."""
        with self._consumer() as consumer:
            topic = self.topic(kind)
            count = len(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
            return read_to(consumer, topic, self._ends(topic, range(count)), settles, forgiving=True)

    def _ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """The ends of a topic's partitions, with what no transaction has committed yet."""
        asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in partitions}

        def ends() -> dict[int, int] | None:
            try:
                return {tp.partition: future.result(10).offset for tp, future in self.admin.list_offsets(asked).items()}
            except confluent_kafka.KafkaException:  # a leader moves, or partitions are so new that it knows none
                self.admin.list_topics(topic, timeout=10)
                return None

        found: dict[int, int] = wait_for(ends, 20, f"the ends of {topic} were told")
        return found

    def arrived(self) -> int:
        return sum(len(set(found.numbers)) for found in self.arrivals.values())

    def count(self) -> int:
        """Records that came, with any that came twice."""
        return sum(len(found.numbers) for found in self.arrivals.values())

    @contextmanager
    def database(self, service: str) -> Iterator[sqlite3.Connection]:
        path = self.home / "services" / f"{service}.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
            yield database

    def adopt(self, lines: Sequence[int]) -> bool:
        """Take what a source has produced so far for sent; whether all of these numbers are there, each once."""
        seen: Counter[int] = Counter()
        for message in self.read("raw"):
            if "penstock-record-id" in dict(message.headers() or []):
                number = _number(message.key(), message.value())
                seen[number] += 1
                self.load.sent[0, message.partition(), message.offset()] = number
        if twice := [key_of(number) for number, count in seen.items() if count > 1]:
            self.problems.append(f"source: {len(twice)} records were produced twice, such as {twice[:5]}")
        return set(seen) >= set(lines)

    # waiting --------------------------------------------------------------------------------------------------------

    def settle(self, seconds: float, meanwhile: Iterable[Callable[[], None]] = ()) -> bool:
        """Wait until everything that was sent has come out everywhere; what has not by then, `judge` names."""
        wanted = set(self.load.expected(*DELIVERED).values())
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            came = {number for found in self.arrivals.values() for number in found.numbers}
            if came >= wanted and self._sinks_are_done():
                return True
            for call in meanwhile:
                call()
            time.sleep(0.2)
        self.problems.append(f"not settled within {seconds:.0f} s: {self.where()}")
        return False

    def _sinks_are_done(self) -> bool:
        return not any(self._behind(sink) for sink in self.sinks)

    def _behind(self, sink: str) -> dict[int, int]:
        """The partitions of which a sink does not have everything, and where it stands; markers may follow the end."""
        ends = self.load.ends()
        return {p: at for p, at in self._position(sink).items() if at < ends[p]}

    def _position(self, sink: str) -> dict[int, int]:
        """The offset owed next in the newest epoch, by partition, as the destination has it."""
        found = dict.fromkeys(range(self.load.partitions), 0)
        for partition in found:
            stream = self._stream(partition)
            if sink == "file":
                path = self.files / f".{self.name}.{self.topic('raw')}.{partition}.position"
                row = _file_position(path)
            else:
                table, key, following = {
                    "graph": ("graph_position", "stream", "next"),
                    "ledger": ("ledger_chains", "chain", "next_offset"),
                }[sink]
                try:
                    with self.database(sink) as database:
                        row = database.execute(
                            f"SELECT epoch, {following} FROM {table} WHERE {key} = ?", (stream,)
                        ).fetchone()
                except sqlite3.OperationalError:  # no table yet, or locked while it is written
                    row = None
            if row is not None and row[0] == self.load.epochs[partition]:
                found[partition] = row[1]
        return found

    def _stream(self, partition: int) -> str:
        return f"{self.name}/{self.topic('raw')}/{partition}"

    def where(self) -> str:
        """How far everything is, for who reads why it did not settle."""
        told = [f"raw ends {self.load.ends()}", f"topics {self._topic_ends()}"]
        told += [f"{sink} {self._position(sink)}" for sink in self.sinks]
        told.append(f"enriched {self.arrived()} of {len(self.load.expected(*DELIVERED))}")
        return "; ".join(told)

    def _topic_ends(self) -> dict[str, int]:
        """Messages, by topic, that were ever written to this pipeline's topics."""
        found: Counter[str] = Counter()
        for name, topic in self.admin.list_topics(timeout=10).topics.items():
            if name.startswith(f"{self.name}."):
                found[name.removeprefix(f"{self.name}.")] += sum(self._ends(name, topic.partitions).values())
        return dict(found)

    # judging --------------------------------------------------------------------------------------------------------

    def judge(self, more: Iterable[str] = ()) -> None:
        """Assert that everything is as it must be; names all that is not."""
        problems = [*self.problems, *more]
        problems += self._enriched()
        problems += self._letters("dlq", "dead") + self._letters("quarantine", "aside", "poison")
        if "ledger" in self.sinks:
            problems += self._ledger()
        if "graph" in self.sinks:
            problems += self._graph()
        if "file" in self.sinks:
            problems += self._files()
        print(self.stalls_told())
        fates = Counter(self.load.fate(number) for number in self.load.sent.values())
        print(f"sent {dict(fates)}; came out {self.count()}", flush=True)
        assert not problems, "\n".join(problems[:40])

    def _id(self, place: tuple[int, int, int]) -> str:
        """What a record is known by; of a topic that was made anew the epoch stands in it (docs/ARCHITECTURE.md)."""
        epoch, partition, offset = place
        return f"{self.topic('raw')}{f'~{epoch}' if epoch else ''}/{partition}/{offset}"

    def _enriched(self) -> list[str]:
        """Each record once, with its own id, in order within its partition."""
        problems: list[str] = []
        wanted = {number: place for place, number in self.load.expected(*DELIVERED).items()}
        came: Counter[int] = Counter()
        for partition, found in self.arrivals.items():
            came.update(found.numbers)
            places = [wanted.get(number) for number in found.numbers]
            for number, place, origin in zip(found.numbers, places, found.ids, strict=True):
                if place is None:
                    problems.append(f"enriched: {key_of(number)} ({self.load.fate(number)}) must not stand there")
                elif place[1] != partition or origin != self._id(place):
                    problems.append(f"enriched: {key_of(number)} of {place} came as {origin} in {partition}")
            known = [place for place in places if place is not None]
            if known != sorted(known):
                at = next(i for i in range(1, len(known)) if known[i] < known[i - 1])
                problems.append(f"enriched: order broken in partition {partition}: {known[at - 1]} before {known[at]}")
        lost = [place for number, place in wanted.items() if number not in came]
        twice = [wanted.get(number) for number, count in came.items() if count > 1]
        if lost:
            problems.append(f"enriched: {len(lost)} of {len(wanted)} lost, such as {_ranges(lost)}")
        if twice:
            problems.append(f"enriched: {len(twice)} came twice, such as {_ranges([p for p in twice if p])}")
        return problems

    def _letters(self, kind: str, *fates: str) -> list[str]:
        """Each record of these fates has a letter with its bytes, and nobody else has one."""
        problems = []
        wanted = {number: place for place, number in self.load.expected(*fates).items()}
        if kind == "dlq":
            wanted |= {number: place for place, number in self.load.expected("refused").items()}
        found = set()
        for message in self.read(kind, SETTLES):
            if message.value() is None:
                continue  # a marker
            letter = json.loads(message.value())
            if letter.get("original"):
                problems.append(f"{kind}: the original of {letter['id']} is {letter['original']}")
                continue
            number = _number(*(part and part["text"].encode() for part in (letter["key"], letter["value"])))
            found.add(number)
            if number not in wanted:
                problems.append(f"{kind}: {letter['id']} ({self.load.fate(number)}, {letter['code']}) is not expected")
                continue
            if letter["id"] != self._id(wanted[number]):
                problems.append(f"{kind}: {key_of(number)} of {wanted[number]} stands there as {letter['id']}")
            fate = self.load.fate(number)
            if letter["value"] is None or letter["value"]["text"].encode() != value_of(number, fate):
                problems.append(f"{kind}: {letter['id']} does not hold the bytes that were sent")
        if missing := [wanted[number] for number in wanted if number not in found]:
            problems.append(f"{kind}: {len(missing)} of {len(wanted)} letters are missing, such as {_ranges(missing)}")
        return problems

    def _ledger(self) -> list[str]:
        """Every offset accounted for once, with the right verdict and content; hashes and signatures right."""
        problems: list[str] = []
        published: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for message in self.read("heads", SETTLES):
            published[message.key().decode()].append(json.loads(message.value()))
        contents = {
            number: content
            for found in self.arrivals.values()
            for number, content in zip(found.numbers, found.contents, strict=True)
        }
        with self.database("ledger") as database:
            for partition in range(self.load.partitions):
                stream = self._stream(partition)
                problems += ledger_faults(database, stream, published[stream])
                sent = {place: n for place, n in self.load.sent.items() if place[1] == partition}
                problems += self._entries(ledger_entries(database, stream), partition, sent, contents)
        return problems

    def _entries(
        self,
        stored: list[dict[str, Any]],
        partition: int,
        sent: dict[tuple[int, int, int], int],
        contents: dict[int, bytes],
    ) -> list[str]:
        problems = []
        seen: Counter[tuple[int, int, int]] = Counter()
        for entry in stored:
            place = (entry["epoch"], partition, entry["offset"])
            seen[place] += 1
            if place not in sent:
                problems.append(f"ledger: {place} ({entry['verdict']}) was never sent")
                continue
            fate = self.load.fate(sent[place])
            if entry["verdict"] != VERDICTS[fate]:
                problems.append(f"ledger: {place} is {entry['verdict']}, it must be {VERDICTS[fate]}")
            elif fate in DELIVERED and contents.get(sent[place], b"").hex() != entry["content_hash"]:
                problems.append(f"ledger: {place} has another hash than the record that was delivered")
        if missing := [place for place in sent if place not in seen]:
            problems.append(f"ledger: {len(missing)} offsets unaccounted for, such as {_ranges(missing)}")
        if twice := [place for place, count in seen.items() if count > 1]:
            problems.append(f"ledger: {len(twice)} offsets stand there twice, such as {_ranges(twice)}")
        return problems

    def _graph(self) -> list[str]:
        """The entities of every delivered record, and no others; positions behind the last offset."""
        with self.database("graph") as database:
            stored = {
                number_of(key)
                for (key,) in database.execute(
                    "SELECT DISTINCT e.key FROM graph_entity e JOIN graph_link l ON l.target = e.digest "
                    "JOIN graph_record r ON r.id = l.record WHERE r.stream LIKE ?",
                    (f"{self.name}/%",),
                )
            }
        wanted = {number for number in self.load.expected("enriched").values() if not is_tombstone(number)}
        problems = []
        if behind := self._behind("graph"):
            problems.append(f"graph: stands at {behind}, the raw topic ends at {self.load.ends()}")
        if missing := wanted - stored:
            problems.append(f"graph: {len(missing)} records' entities are missing, such as {sorted(missing)[:5]}")
        if extra := stored - wanted:
            problems.append(f"graph: {len(extra)} entities of records that it must not know: {sorted(extra)[:5]}")
        return problems

    def _files(self) -> list[str]:
        """Each delivered record on one line, in order within its partition."""
        problems = []
        for partition in range(self.load.partitions):
            wanted = [
                self._id(place) for place in sorted(p for p in self.load.expected(*DELIVERED) if p[1] == partition)
            ]
            found = list(_lines(self.files, f"{self.name}.{self.topic('raw')}.{partition}"))
            if found != wanted:
                counts = Counter(found)
                lost, twice = set(wanted) - set(found), [id for id, count in counts.items() if count > 1]
                problems.append(
                    f"files: partition {partition} holds {len(found)} of {len(wanted)} lines; lost {sorted(lost)[:3]}, "
                    f"twice {twice[:3]}"
                )
        return problems

    def ledger_verifies(self, pipeline: Path, environ: dict[str, str]) -> list[str]:
        """What `penstock ledger verify`, as a user would call it, finds."""
        done = subprocess.run(
            [sys.executable, "-m", "penstock.cli.main", "ledger", "verify", str(pipeline)],
            env=environ, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        return [] if done.returncode == 0 else [f"penstock ledger verify: {done.stdout[-800:]} {done.stderr[-800:]}"]

    # nobody is stuck ------------------------------------------------------------------------------------------------

    def unstuck(self, meanwhile: Iterable[Callable[[], None]] = (), seconds: float = MOST_STALL) -> None:
        """Send a few records more to every partition: they must come out, and every group must be stable."""
        before = {p: len(self.arrivals[p].numbers) for p in range(self.load.partitions)}
        self.load.burst(self.load.partitions * 8)
        try:
            wait_for(
                lambda: all(len(self.arrivals[p].numbers) > before[p] for p in before),
                seconds,
                "fresh records came out of every partition",
                meanwhile,
            )
        except AssertionError as error:
            self.problems.append(f"stuck: {error}; {self.where()}")
        with suppress(AssertionError):  # a worker that was started last may still be joining
            wait_for(lambda: not self.groups(), seconds, "every group was stable", meanwhile)
        self.problems += self.groups()

    def groups(self) -> list[str]:
        """Groups of the pipeline that are not stable."""
        names = [group.group_id for group in self.admin.list_consumer_groups().result(20).valid]
        mine = [name for name in names if name.startswith(f"{self.name}.")]
        described = {name: future.result(20) for name, future in self.admin.describe_consumer_groups(mine).items()}
        settled = (ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY)
        return [
            f"group {name} is {found.state.name}" for name, found in described.items() if found.state not in settled
        ]

    # stalls ---------------------------------------------------------------------------------------------------------

    def _gaps(self) -> Iterator[tuple[int, float, float, str]]:
        """Each time between two records: partition, wait behind the last fault, silence, and what that fault was.

        Only while there was a steady load. A silence may hold several faults: the wait counts from the last of them.
        """
        for partition, found in sorted(self.arrivals.items()):
            for begin, numbers in self.load.running:
                times = [t for number, t in zip(found.numbers, found.times, strict=True) if number in numbers]
                for before, after in zip([begin, *times], times, strict=False):
                    at, what = max(((t, w) for t, w in self.faults.log if t < after), default=(begin, "the start"))
                    yield partition, after - max(before, at), after - before, what

    def stalls(self) -> dict[int, tuple[float, float, str]]:
        """By partition: the longest wait behind one fault, the longest silence of all, and which fault that was."""
        longest = dict.fromkeys(sorted(self.arrivals), (0.0, 0.0, ""))
        for partition, wait, silence, what in self._gaps():
            wait_known, silence_known, what_known = longest[partition]
            if wait <= wait_known:
                wait, what = wait_known, what_known
            longest[partition] = (wait, max(silence, silence_known), what)
        return longest

    def stalls_told(self) -> str:
        lines = [f"{'partition':<10}{'longest wait':>13}{'silence':>9}  behind"]
        lines += [f"{p:<10}{wait:>11.1f} s{all_:>7.1f} s  {what}" for p, (wait, all_, what) in self.stalls().items()]
        return "\n".join(lines)

    def too_long(self, crowded: float = 0.0) -> list[str]:
        """The waits that were longer than promised, or than that and `crowded` where scenarios share the machine."""
        most = MOST_STALL + crowded
        return [
            f"partition {partition} stood still for {wait:.1f} s behind {what}; at most {most:.0f} s are promised"
            for partition, wait, _, what in self._gaps()
            if wait > most
        ]


def _number(key: bytes | None, value: bytes | None) -> int:
    """The number of a record, by its key, else by what it holds."""
    if key is None:
        found = _ID.search(value or b"")
        assert found is not None, "a record with neither key nor id"
        key = found[1]
    return number_of(key.decode())


def _file_position(path: Path) -> tuple[int, int] | None:
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found["epoch"], found["next"]


def _lines(folder: Path, base: str) -> Iterator[str]:
    """Ids in the files of one stream, in order; of an open file only the bytes that count."""
    position = folder / f".{base}.position"
    counted = json.loads(position.read_bytes()) if position.exists() else {}
    paths = [p for p in folder.glob(f"{base}-*.jsonl*") if p.name.endswith(".jsonl") or p.name == counted.get("open")]
    for path in sorted(paths, key=lambda p: [int(n) for n in p.name.removeprefix(base + "-").split(".")[0].split("-")]):
        data = path.read_bytes()
        if path.name.endswith(".open"):
            data = data[: counted["bytes"]]
        for line in data.splitlines():
            yield json.loads(line)["id"]


def _ranges(places: list[tuple[int, int, int]]) -> str:
    """A few places, for a person."""
    return ", ".join(f"{e}:{p}/{o}" for e, p, o in sorted(places)[:6])
