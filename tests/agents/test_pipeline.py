"""The pipeline between two queues: what comes out, in which order, how much at once, and what failures do."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.agents import pipeline as module
from penstock.agents.pipeline import PipelineConfig, RecordFailedError, StreamingETLPipeline
from penstock.agents.registry import STAGES
from penstock.cli.demo import networks
from penstock.model.component import Apply, ApplyBatch, Enrich, Resources, SourceRecord, StageConfig
from penstock.model.errors import ConfigurationError, DecodeError, UnreachableError
from penstock.model.record import Kept, Record
from penstock.model.verdict import KEEP, Drop, Keep, Quarantine, Verdict

METRICS = [
    "records_processed",
    "records_succeeded",
    "records_failed",
    "total_duration_ms",
    "enrichments_applied",
    "enrichment_duration_ms",
    "errors",
]
ENRICHER_METRICS = [
    "total_enrichments",
    "successful_enrichments",
    "failed_enrichments",
    "total_duration_ms",
    "average_duration_ms",
    "success_rate",
]
AT = 1_736_330_400.123
LICENSED = ("tag", "redact", {"license": {"allow": ["CC-BY-4.0"]}})


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    database = networks.build(tmp_path_factory.mktemp("geoip") / "demo.mmdb")
    return Resources(environ={"GEOIP_DATABASE": str(database), "PENSTOCK_HASH_KEY": "0" * 32}, clock=lambda: AT)


def config(**options: Any) -> PipelineConfig:
    given = {"tenant_id": "tenant_123", "source_name": "customer_data", "source_type": "csv"}
    return PipelineConfig.model_validate(given | {"stages": (), "enricher_config": {}} | options)


async def stream(
    pipeline: StreamingETLPipeline, items: Sequence[Any], **queue: Any
) -> tuple[dict[str, Any], list[Any]]:
    """The metrics, and what comes out while somebody takes it as it comes."""
    source: asyncio.Queue[Any] = asyncio.Queue()
    target: asyncio.Queue[Any] = asyncio.Queue(**queue)
    for item in [*items, None]:
        source.put_nowait(item)
    found: list[Any] = []

    async def take() -> None:
        while True:
            found.append(await target.get())
            target.task_done()

    taker = asyncio.create_task(take())
    metrics = await pipeline.process_stream(source, target)
    await target.join()
    taker.cancel()
    await asyncio.wait_for(source.join(), 1)
    return metrics, found


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., Any]], None]:
    """Register a stage, as an entry point would."""

    def register(name: str, build: Callable[..., Any], **attributes: Any) -> None:
        plugin = ModuleType(f"plugin_{name}")
        vars(plugin).update(Config=type("Config", (StageConfig,), {}), build=build, **attributes)
        monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
        monkeypatch.setitem(STAGES.modules, name, plugin.__name__)

    return register


def test_defaults_are_the_documented_ones() -> None:
    made = PipelineConfig(tenant_id="t", source_name="s", source_type="csv")
    assert made.model_dump(include=set(PipelineConfig.model_fields) - {"tenant_id", "source_name", "source_type"}) == {
        "batch_size": 100,
        "max_workers": 4,
        "enable_enrichers": True,
        "enricher_config": {
            "geoip": {"enabled": True},
            "language": {"enabled": True},
            "hashing": {"enabled": True, "hash_all_content": True},
            "exif_scrub": {"enabled": False},
            "ocr": {"enabled": False},
            "stt": {"enabled": False},
        },
        "emit_provenance": True,
        "backpressure_threshold": 1000,
        "stages": ("tag", "redact", "license"),
        "license": None,
        "env": "dev",
    }


@pytest.mark.parametrize(
    "wrong",
    [{"batch_size": 0}, {"max_workers": 0}, {"backpressure_threshold": 0}, {"tenant_id": ""}, {"batchsize": 1},
     {"stages": ({},)}, {"stages": ({"tag": {}, "redact": {}},)}],
)  # fmt: skip
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**wrong)


async def test_the_documented_configuration_gives_governed_and_enriched_envelopes(resources: Resources) -> None:
    enrichers = {
        "geoip": {"enabled": True, "max_latency_ms": 10},
        "language": {"enabled": True, "min_text_length": 10, "confidence_threshold": 0.5, "max_latency_ms": 10},
        "hashing": {
            "enabled": True,
            "hash_algorithms": ["sha256", "md5"],
            "hash_all_content": True,
            "hash_fields": ["content", "body"],
            "enable_perceptual": False,
            "enable_fuzzy": False,
        },
        "exif_scrub": {"enabled": False, "preserve_orientation": True, "remove_all": False},
        "ocr": {"enabled": False, "ai_engine_url": "http://localhost:8000", "languages": ["eng"]},
        "stt": {"enabled": False, "ai_engine_url": "http://localhost:8000", "enable_diarization": False},
    }
    pipeline = StreamingETLPipeline(config(stages=LICENSED, license="CC-BY-4.0", enricher_config=enrichers), resources)
    data = {"user": {"email": "ann@example.com", "ip": "8.8.8.8"}, "text": "Der Zug kommt heute später an."}
    metrics, (envelope,) = await stream(pipeline, [data])
    assert list(metrics) == METRICS
    assert envelope["id"] == "customer_data/0/0"
    assert envelope["tenant"] == "tenant_123"
    assert envelope["data"]["user"] == {"email": "a***@e***.com", "ip": "8.8.8.0"}
    assert [item["category"] for item in envelope["pii"]] == ["email", "ip"]
    assert envelope["license"] == {"id": "CC-BY-4.0", "decision": "allow", "duties": ["attribution"]}
    assert envelope["enrichments"]["geo"]["ip_geo"]["city"] == "San Francisco"
    assert envelope["enrichments"]["language"]["text_language"]["language"] == "de"
    assert list(envelope["enrichments"]["hashes"]) == ["content_hash"]
    assert envelope["metadata"] == {
        "source_type": "csv",
        "source_id": "customer_data",
        "record_id": None,
        "env": "dev",
        "enriched_at": "2025-01-08T10:00:00.123Z",
        "enrichment_version": "1.0",
        "quality_score": None,
    }
    assert data["user"] == {"email": "ann@example.com", "ip": "8.8.8.8"}
    assert list(pipeline.enricher_metrics()) == ["geoip", "language", "hashing"]


async def test_no_license_is_quarantined_by_default(resources: Resources) -> None:
    pipeline = StreamingETLPipeline(config(stages=("tag", "redact", "license")), resources)
    metrics, out = await stream(pipeline, [{"a": 1}])
    assert (metrics["records_failed"], out) == (1, [])
    assert metrics["errors"] == ["customer_data/0/0: quarantined by license (license_missing)"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"enricher_config": {"goeip": {"enabled": False}}}, "did you mean geoip"),
        ({"enricher_config": {"exif_scrub": {"enabled": False, "any": 1}}}, "enricher exif_scrub: any"),
        ({"enricher_config": {"hashing": {"hash_feilds": ["a"]}}}, "enricher hashing: hash_feilds"),
        ({"enricher_config": {"hash": {}, "hashing": {}}}, "hash and hashing are the same"),
        ({"enricher_config": {"language": {"confidence_threshold": 7}}}, "enricher language: confidence_threshold"),
        ({"stages": ("tga",)}, "did you mean tag"),
        ({"stages": ({"license": {"allow": ["MIT OR GPL"]}},)}, "stage license: allow.0"),
        ({"enricher_config": {"geoip": {}}}, "GEOIP_DATABASE"),
    ],
)
def test_wrong_stages_and_options_say_which(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        StreamingETLPipeline(config(**options), Resources())


@pytest.mark.parametrize(("count", "batch_size", "workers"), [(0, 5, 2), (1, 5, 2), (5, 5, 2), (23, 5, 2), (9, 1, 1)])
async def test_order_is_kept_batches_and_workers_are_bounded(
    stage: Callable[..., None], count: int, batch_size: int, workers: int
) -> None:
    sizes: list[int] = []
    at_once = most = 0

    def build(config: StageConfig) -> ApplyBatch:
        async def apply(records: Sequence[Record]) -> Sequence[Verdict]:
            nonlocal at_once, most
            sizes.append(len(records))
            at_once += 1
            most = max(most, at_once)
            for _ in range(20 if len(sizes) % 2 else 3):  # a later batch is ready earlier
                await asyncio.sleep(0)
            at_once -= 1
            return [KEEP] * len(records)

        return apply

    stage("slow", build)
    pipeline = StreamingETLPipeline(config(stages=("slow",), batch_size=batch_size, max_workers=workers))
    metrics, out = await stream(pipeline, [{"n": n} for n in range(count)])
    assert [item["data"]["n"] for item in out] == list(range(count))
    assert [item["id"] for item in out] == [f"customer_data/0/{n}" for n in range(count)]
    assert metrics["records_processed"] == metrics["records_succeeded"] == count
    assert sum(sizes) == count
    assert max(sizes, default=0) == min(batch_size, count)
    assert most == min(workers, -(-count // batch_size))


async def test_a_batch_does_not_wait_for_more() -> None:
    source: asyncio.Queue[Any] = asyncio.Queue()
    target: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(StreamingETLPipeline(config()).process_stream(source, target))
    for n in range(3):
        source.put_nowait({"n": n})
        assert (await asyncio.wait_for(target.get(), 5))["data"] == {"n": n}
    source.put_nowait(None)
    assert (await task)["records_processed"] == 3


async def test_back_pressure_bounds_the_output_and_leaves_the_input_alone() -> None:
    source: asyncio.Queue[Any] = asyncio.Queue()
    target: asyncio.Queue[Any] = asyncio.Queue()
    for n in range(100):
        source.put_nowait({"n": n})
    source.put_nowait(None)
    pipeline = StreamingETLPipeline(config(batch_size=5, max_workers=2, backpressure_threshold=7))
    task = asyncio.create_task(pipeline.process_stream(source, target))
    for _ in range(200):
        await asyncio.sleep(0)
    assert target.qsize() == 7
    assert source.qsize() == 101 - 15  # one batch is out, two stand between the queues
    most, out = 0, []
    while len(out) < 100:
        most = max(most, target.qsize())
        out.append((await asyncio.wait_for(target.get(), 5))["data"]["n"])
    assert out == list(range(100))
    assert most == 7
    assert (await task)["records_succeeded"] == 100


async def test_a_bounded_output_queue_is_enough() -> None:
    metrics, out = await stream(StreamingETLPipeline(config()), [{"n": n} for n in range(50)], maxsize=3)
    assert (metrics["records_succeeded"], len(out)) == (50, 50)


async def test_what_stands_behind_the_end_is_left_and_a_second_stream_goes_on_counting() -> None:
    source: asyncio.Queue[Any] = asyncio.Queue()
    target: asyncio.Queue[Any] = asyncio.Queue()
    for item in ({"n": 0}, None, {"n": 1}, None):
        source.put_nowait(item)
    pipeline = StreamingETLPipeline(config())
    assert (await pipeline.process_stream(source, target))["records_processed"] == 1
    assert source.qsize() == 2
    assert (await pipeline.process_stream(source, target))["records_processed"] == 1
    assert [target.get_nowait()["id"] for _ in range(2)] == ["customer_data/0/0", "customer_data/0/1"]


async def test_a_queue_that_is_shut_down_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    class ShutDownError(Exception):
        """What asyncio.QueueShutDown is from Python 3.13 on."""

    class Queue(asyncio.Queue[Any]):
        def get_nowait(self) -> Any:
            if self.empty():
                raise ShutDownError
            return super().get_nowait()

        async def get(self) -> Any:
            return self.get_nowait()

    monkeypatch.setattr(module, "_SHUT_DOWN", (ShutDownError,))
    for count in (0, 3, 4):
        source, target = Queue(), asyncio.Queue[Any]()
        for n in range(count):
            source.put_nowait({"n": n})
        metrics = await StreamingETLPipeline(config(batch_size=2)).process_stream(source, target)
        assert metrics["records_succeeded"] == target.qsize() == count


async def test_records_of_the_model_are_taken_too() -> None:
    replayed = Kept(5, 99, b'{"a":1}', {"tenant": b'"x"'}, b"k", [("penstock-source-id", b"there")])
    items = [
        SourceRecord(b' {"a" : 1} ', key=b"k", timestamp=7, id="in.csv:3"),
        SourceRecord(None, key=b"k"),
        SourceRecord(b"{broken", id="in.csv:4"),
        Record(replayed, "orders.raw/2/5"),
    ]
    events: list[Any] = []
    pipeline = StreamingETLPipeline(config())
    pipeline.set_provenance_handler(events.append)
    metrics, out = await stream(pipeline, items)
    assert out[0]["data"] == {"a": 1}
    assert out[0]["metadata"]["record_id"] == "in.csv:3"
    assert out[1] == {"id": "customer_data/0/1", "deleted": True}
    assert (out[2]["id"], out[2]["tenant"]) == ("orders.raw/2/5", "x")
    assert out[2]["metadata"]["source_id"] == "there"
    assert metrics["errors"] == ["customer_data/0/2: the message is not JSON"]
    assert replayed.notes == {"tenant": b'"x"'}
    assert [event["timestamp"] for event in events[::3]] == [7, 99]


def _circle() -> dict[str, Any]:
    circle: dict[str, Any] = {}
    circle["me"] = circle
    return circle


@pytest.mark.parametrize("bad", ["text", b"{}", 7, [{}], {"a": {1, 2}}, {1: "a"}, {"a": 1 << 64}, {"a": "\ud800"},
                                 Record(Kept(0, 0, b"", {}, claim="sha256:00:1"), "t/0/0"), _circle()])  # fmt: skip
async def test_what_is_no_record_fails_alone(bad: Any) -> None:
    seen: list[Any] = []
    pipeline = StreamingETLPipeline(config())
    pipeline.set_error_handler(lambda error, record: seen.append((error, record)))
    metrics, out = await stream(pipeline, [{"n": 0}, bad, {"n": 2}])
    assert [item["data"]["n"] for item in out] == [0, 2]
    assert (metrics["records_processed"], metrics["records_failed"]) == (3, 1)
    ((error, record),) = seen
    assert isinstance(error, DecodeError)
    assert record is bad


def enricher(fails_on: int | None) -> Callable[..., Any]:
    def build(config: StageConfig) -> Enrich:
        def enrich(data: dict[str, Any]) -> Any:
            if data["n"] == fails_on:
                raise ValueError("secret-value")
            return {"own": {"n": data["n"]}}

        return enrich

    return build


async def test_a_failing_enricher_is_counted_and_never_blocks(stage: Callable[..., None]) -> None:
    stage("fragile", enricher(fails_on=3))
    pipeline = StreamingETLPipeline(config(enricher_config={"fragile": {}, "hashing": {}}, batch_size=4))
    metrics, out = await stream(pipeline, [{"n": n} for n in range(10)])
    assert metrics["records_succeeded"] == len(out) == 10
    assert metrics["enrichments_applied"] == 19
    assert out[3]["enrichments"]["errors"] == {"fragile": "ValueError"}
    found = pipeline.enricher_metrics()
    assert all(list(each) == ENRICHER_METRICS for each in found.values())
    counted = {name: (m["total_enrichments"], m["successful_enrichments"], m["failed_enrichments"], m["success_rate"])
               for name, m in found.items()}  # fmt: skip
    assert counted == {"fragile": (10, 9, 1, 0.9), "hashing": (10, 10, 0, 1.0)}
    times = [each["total_duration_ms"] for each in found.values()]
    assert metrics["enrichment_duration_ms"] == pytest.approx(sum(times))
    assert found["fragile"]["average_duration_ms"] == pytest.approx(times[0] / 10)
    assert 0 < metrics["enrichment_duration_ms"] < metrics["total_duration_ms"]


async def test_enricher_metrics_of_nothing() -> None:
    pipeline = StreamingETLPipeline(config(enricher_config={"hashing": {}, "language": {"enabled": False}}))
    assert pipeline.enricher_metrics() == {"hashing": dict.fromkeys(ENRICHER_METRICS, 0)}
    metrics, _ = await stream(pipeline, [])
    assert metrics == dict.fromkeys(METRICS, 0) | {"errors": [], "total_duration_ms": metrics["total_duration_ms"]}


def picky(config: StageConfig) -> Apply:
    def apply(record: Record) -> Verdict:
        match record.data["n"]:
            case 1:
                raise ValueError("secret-value")
            case 2:
                return Quarantine("odd")
            case 3:
                return Drop("seen")
        return KEEP

    return apply


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_failures_and_provenance_are_told(stage: Callable[..., None], asynchronous: bool) -> None:
    stage("picky", picky)
    pipeline = StreamingETLPipeline(config(stages=("picky",)))
    told: list[tuple[Any, ...]] = []

    def sync(*arguments: Any) -> None:
        told.append(arguments)

    async def later(*arguments: Any) -> None:
        await asyncio.sleep(0)
        told.append(arguments)

    pipeline.set_error_handler(later if asynchronous else sync)
    pipeline.set_provenance_handler(later if asynchronous else sync)
    items = [{"n": n} for n in range(4)]
    metrics, out = await stream(pipeline, items)
    assert [item["data"]["n"] for item in out] == [0]
    assert (metrics["records_succeeded"], metrics["records_failed"]) == (2, 2)  # the dropped one succeeded
    assert metrics["errors"] == [
        "customer_data/0/1: dead by picky (stage): stage picky raised ValueError",
        "customer_data/0/2: quarantined by picky (odd)",
    ]
    errors = [arguments for arguments in told if len(arguments) == 2]
    assert [record for _, record in errors] == items[1:3]
    assert all(isinstance(error, RecordFailedError) for error, _ in errors)
    assert [(e.id, e.stage, e.outcome, e.reason) for e, _ in errors] == [
        ("customer_data/0/1", "picky", "dead", "stage"),
        ("customer_data/0/2", "picky", "quarantined", "odd"),
    ]
    events = [arguments[0] for arguments in told if len(arguments) == 1]
    assert [(e["record_id"][-1], e["verdict"], e["stage"], e["code"]) for e in events] == [
        ("0", "kept", "", ""),
        ("1", "dead", "picky", "stage"),
        ("2", "quarantined", "picky", "odd"),
        ("3", "dropped", "picky", "seen"),
    ]
    assert "secret-value" not in repr(metrics) + repr(events) + repr([str(e) for e, _ in errors])


async def test_a_provenance_event(resources: Resources) -> None:
    pipeline = StreamingETLPipeline(config(stages=LICENSED, license="CC-BY-4.0"), resources)
    events: list[Any] = []
    pipeline.set_provenance_handler(events.append)
    await stream(pipeline, [{"email": "ann@example.com"}])
    assert events == [
        {
            "record_id": "customer_data/0/0",
            "tenant": "tenant_123",
            "source_name": "customer_data",
            "source_type": "csv",
            "verdict": "kept",
            "stage": "",
            "code": "",
            "content_hash": sha256(b'{"email":"a***@e***.com"}').hexdigest(),
            "license": "CC-BY-4.0",
            "pii": ["email"],
            "timestamp": 1_736_330_400_123,
        }
    ]


async def test_no_provenance_where_it_is_switched_off() -> None:
    pipeline = StreamingETLPipeline(config(emit_provenance=False))
    events: list[Any] = []
    pipeline.set_provenance_handler(events.append)
    await stream(pipeline, [{}])
    assert events == []


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_failing_handlers_never_stop_the_stream(asynchronous: bool) -> None:
    def sync(*arguments: Any) -> None:
        raise KeyError("secret-value")

    async def later(*arguments: Any) -> None:
        raise KeyError("secret-value")

    pipeline = StreamingETLPipeline(config())
    pipeline.set_error_handler(later if asynchronous else sync)
    pipeline.set_provenance_handler(later if asynchronous else sync)
    metrics, out = await stream(pipeline, [{"n": 0}, "bad", {"n": 1}])
    assert [item["data"]["n"] for item in out] == [0, 1]
    assert metrics["errors"].count("the provenance handler raised KeyError") == 3
    assert metrics["errors"].count("the error handler raised KeyError") == 1
    assert "secret-value" not in str(metrics)


async def test_errors_are_listed_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ERRORS", 3)
    metrics, _ = await stream(StreamingETLPipeline(config()), ["bad"] * 5)
    assert (metrics["records_failed"], len(metrics["errors"])) == (5, 3)


async def test_a_server_that_does_not_answer_fails_its_batch_and_says_so(stage: Callable[..., None]) -> None:
    def build(config: StageConfig) -> ApplyBatch:
        async def apply(records: Sequence[Record]) -> Sequence[Verdict]:
            if any(record.data["n"] == 3 for record in records):
                raise UnreachableError("the registry", "http://localhost:1", variable="LICENSE_REGISTRY_URL")
            return [KEEP] * len(records)

        return apply

    stage("asks", build)
    pipeline = StreamingETLPipeline(config(stages=("asks",), batch_size=2))
    again: list[Any] = []
    pipeline.set_error_handler(lambda error, record: again.append(record) if error.retriable else None)
    metrics, out = await stream(pipeline, [{"n": n} for n in range(6)])
    assert [item["data"]["n"] for item in out] == [0, 1, 4, 5]
    assert again == [{"n": 2}, {"n": 3}]
    assert metrics["records_failed"] == 2


@pytest.mark.parametrize("where", ["input", "stage"])
async def test_an_error_of_the_program_is_raised_and_nothing_is_left_running(
    stage: Callable[..., None], where: str
) -> None:
    class Broken(asyncio.Queue[Any]):
        async def get(self) -> Any:
            raise RuntimeError("broken")

    source: asyncio.Queue[Any] = Broken() if where == "input" else asyncio.Queue()
    source.put_nowait({})

    def build(config: StageConfig) -> Apply:
        return lambda record: "no verdict"  # type: ignore[return-value]

    stage("wrong", build)
    pipeline = StreamingETLPipeline(config(stages=("wrong",)))
    with pytest.raises((RuntimeError, TypeError)):
        await pipeline.process_stream(source, asyncio.Queue())
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelling_leaves_nothing_running() -> None:
    source: asyncio.Queue[Any] = asyncio.Queue()
    target: asyncio.Queue[Any] = asyncio.Queue()
    for n in range(10):
        source.put_nowait({"n": n})
    task = asyncio.create_task(
        StreamingETLPipeline(config(batch_size=2, backpressure_threshold=1)).process_stream(source, target)
    )
    await target.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelling_stops_every_batch(stage: Callable[..., None]) -> None:
    begun = asyncio.Semaphore(0)

    def build(config: StageConfig) -> ApplyBatch:
        async def apply(records: Sequence[Record]) -> Sequence[Verdict]:
            begun.release()
            await asyncio.Event().wait()
            return []

        return apply

    stage("hangs", build)
    source: asyncio.Queue[Any] = asyncio.Queue()
    for n in range(10):
        source.put_nowait({"n": n})
    pipeline = StreamingETLPipeline(config(stages=("hangs",), batch_size=1, max_workers=3))
    task = asyncio.create_task(pipeline.process_stream(source, asyncio.Queue()))
    for _ in range(3):
        await begun.acquire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_redact_runs_behind_an_enricher_that_adds_text(stage: Callable[..., None], resources: Resources) -> None:
    def build(config: StageConfig) -> Enrich:
        return lambda data: {"heard": {"text": "write to ann@example.com"}}

    stage("hears", build, ADDS_TEXT=True)
    options = config(stages=("redact",), enricher_config={"hears": {}})
    _, (envelope,) = await stream(StreamingETLPipeline(options, resources), [{"a": 1}])
    assert envelope["enrichments"]["heard"]["text"] == "write to a***@e***.com"
    ungoverned = config(enricher_config={"hears": {}})
    _, (envelope,) = await stream(StreamingETLPipeline(ungoverned, resources), [{"a": 1}])
    assert envelope["enrichments"]["heard"]["text"] == "write to ann@example.com"


async def test_the_environment_is_the_process_s_own_by_default(
    monkeypatch: pytest.MonkeyPatch, resources: Resources
) -> None:
    monkeypatch.setenv("GEOIP_DATABASE", resources.environ["GEOIP_DATABASE"])
    pipeline = StreamingETLPipeline(config(enricher_config={"geoip": {}}))
    _, (envelope,) = await stream(pipeline, [{"ip": "8.8.8.8"}])
    assert envelope["enrichments"]["geo"]["ip_geo"]["country_code"] == "US"


async def test_stages_that_keep_with_changes_are_applied(stage: Callable[..., None]) -> None:
    def build(config: StageConfig) -> Apply:
        return lambda record: Keep(data={"n": record.data["n"] + 1}, notes={"quality_score": 0.5})

    stage("plus", build)
    _, (envelope,) = await stream(StreamingETLPipeline(config(stages=("plus",))), [{"n": 1}])
    assert (envelope["data"], envelope["metadata"]["quality_score"]) == ({"n": 2}, 0.5)


@pytest.mark.parametrize(
    ("options", "variable", "env"), [({}, None, "dev"), ({}, "prod", "prod"), ({"env": "test"}, "prod", "test")]
)
async def test_the_environment_in_metadata(options: dict[str, str], variable: str | None, env: str) -> None:
    environ = {} if variable is None else {"AF_ENV": variable}
    pipeline = StreamingETLPipeline(config(**options), Resources(environ=environ, clock=lambda: AT))
    _, (envelope,) = await stream(pipeline, [{"a": 1}])
    assert envelope["metadata"]["env"] == env
