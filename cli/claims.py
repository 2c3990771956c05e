"""claims: what is kept of large values, and deleting what nothing refers to any more.

Values over `claim_bytes` wait in the claim store while records travel. `purge` deletes those that were last put longer
ago than anything of the pipeline is kept (`raw.retention_hours`, which holds for the dead letters too, and a day) and
that no frame on its way refers to, however old. Workers may run meanwhile. A store belongs to one pipeline: where
several share one, purging for one of them deletes what the others need.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from penstock.cli._shared import (
    JsonFlag,
    PipelineFile,
    bootstrap,
    environment,
    group,
    load_plan,
    print_json,
    print_table,
    run_async,
)
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.agents.runtime.cluster import Cluster, Message
    from penstock.stores.claims import Claims
    from penstock.topology.plan import Plan
    from penstock.topology.spec import Pipeline

app = group(help="See what is kept of large values, and delete what nothing refers to any more.")

_SECONDS = {"h": 3600.0, "d": 24 * 3600.0, "w": 7 * 24 * 3600.0}


@app.command()
def show(file: PipelineFile, as_json: JsonFlag = False) -> None:
    """Print how many claims a pipeline's store holds, their size, and how old the oldest is.

    \b
    penstock claims show orders.yml
    """
    pipeline = load_plan(file, refuse=False).pipeline
    claims = _store(pipeline)
    found = claims.inventory()
    if as_json:
        print_json({"store": claims.url, "claims": found.count, "bytes": found.bytes, "oldest": _time(found.oldest)})
        return
    rows = [("store", claims.url), ("claims", f"{found.count:,}"), ("bytes", f"{found.bytes:,}")]
    if found.oldest is not None:
        rows.append(("oldest", f"{_time(found.oldest)}, last put"))
    print_table(("", pipeline.name), rows)


@app.command()
def purge(
    file: PipelineFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing, say what would be deleted.")] = False,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="Such as 36h, 14d or 2w; a day at least. [default: raw.retention_hours and a day]"
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete claims that are old and that no frame refers to. Kafka must be there, because frames are looked at.

    \b
    penstock claims purge orders.yml --dry-run
    penstock claims purge orders.yml --older-than 14d
    """
    plan = load_plan(file, refuse=False)
    age = _default_age(plan.pipeline) if older_than is None else parse_duration(older_than)
    claims = _store(plan.pipeline)
    done = claims.purge(age, run_async(_in_use(plan)), dry_run=dry_run)
    if as_json:
        print_json(
            {
                "store": claims.url, "older_than_seconds": age, "dry_run": dry_run,
                "deleted": done.deleted.count, "deleted_bytes": done.deleted.bytes,
                "kept": done.kept.count, "kept_bytes": done.kept.bytes, "in_use": done.in_use,
            }
        )  # fmt: skip
        return
    verb = "would be deleted" if dry_run else "deleted"
    print(f"{done.deleted.count:,} claims ({done.deleted.bytes:,} bytes) {verb}: last put over {age / 3600:,.0f} h ago")
    used = f"; frames refer to {done.in_use:,} that are as old" if done.in_use else ""
    print(f"{done.kept.count:,} ({done.kept.bytes:,} bytes) kept{used}")


def parse_duration(text: str) -> float:
    """Seconds.

    >>> parse_duration("36h"), parse_duration("2w")
    (129600.0, 1209600.0)

    Raises
    ------
    ConfigurationError
        It is not a number with a unit of hours, days or weeks.
    """
    match = re.fullmatch(r"(\d{1,6})([hdw])", text, re.ASCII)
    if match is None:
        raise ConfigurationError("a duration is a number of hours, days or weeks", hint="such as 36h, 14d or 2w")
    return int(match[1]) * _SECONDS[match[2]]


def _store(pipeline: "Pipeline") -> "Claims":
    from penstock.model.home import home
    from penstock.stores.claims import Claims, store_url

    return Claims(store_url(pipeline.batching.claim_store, home(environment()), pipeline.name))


def _default_age(pipeline: "Pipeline") -> float:
    from penstock.stores.claims import LEAST_AGE_SECONDS

    return pipeline.raw.retention_hours * 3600 + LEAST_AGE_SECONDS


async def _in_use(plan: "Plan") -> set[str]:
    """The claims that frames refer to, done with or not.

    Raises
    ------
    ConfigurationError
        A topic of frames is not there: this is not the pipeline's Kafka, or its plan was changed.
    """
    from penstock.agents.runtime.messages import read_all
    from penstock.codecs.frame import decode
    from penstock.model.record import Kept

    cluster = _cluster()
    topics = [topic for topic in plan.topics if topic.kind == "frames"]
    async with cluster.admin() as admin:
        there = set(await admin.list_topics())
    for topic in topics:
        if topic.name not in there:
            raise ConfigurationError(
                f"there is no topic {topic.name}, so nobody knows what frames refer to",
                hint="KAFKA_BOOTSTRAP_SERVERS must name the pipeline's Kafka, and the file be the workers'",
            )
    found: set[str] = set()
    for topic in topics:
        lists = read_all(cluster, topic.name, range(topic.partitions), isolation="read_uncommitted")
        # a frame that cannot be read ends this, and the reader must not outlive it
        async with aclosing(cast("AsyncGenerator[list[Message], None]", lists)):
            async for messages in lists:
                frames = (decode(message.value) for message in messages if message.value is not None)
                found.update(e.claim for frame in frames for e in frame.entries if isinstance(e, Kept) and e.claim)
    return found


def _cluster() -> "Cluster":
    from penstock.agents.runtime.cluster import Cluster

    class FromTheStart(Cluster):
        """Readers whose next frames are deleted meanwhile, as done, go on at the first that are left."""

        def reader(self, **options: Any) -> Any:
            return super().reader(auto_offset_reset="earliest", **options)

    return FromTheStart(bootstrap(), environment())


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
