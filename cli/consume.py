"""consume: print the messages of a topic, a line of JSON each.

A value that is JSON is printed as it is, on one line; another one as {"base64": …}, none as null. Frames (what agents
pass on) are taken apart. --envelope prints topic, partition, offset, timestamp, key and headers around the value.
"""

import base64
import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli._shared import bootstrap, environment, run_async

if TYPE_CHECKING:
    from penstock.agents.runtime.cluster import Message
    from penstock.codecs.frame import Frame


def command(
    topic: Annotated[str, typer.Argument(help="The topic.")],
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="What is there already too.")] = False,
    maximum: Annotated[int | None, typer.Option("--max", min=1, metavar="N", help="End after so many.")] = None,
    committed: Annotated[
        bool, typer.Option("--committed", help="Leave out transactions that are open or were aborted.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0.0, metavar="SECONDS", help="End after so many seconds without a message.")
    ] = None,
    envelope: Annotated[bool, typer.Option("--envelope", help="Key, headers, offset … around each value.")] = False,
) -> None:
    """Print the messages of a topic, a line of JSON each.

    \b
    penstock consume orders.enriched --from-beginning --committed --timeout 2
    """
    run_async(_consume(topic, from_beginning, maximum, committed, timeout, envelope))


async def _consume(
    topic: str, from_beginning: bool, maximum: int | None, committed: bool, timeout: float | None, envelope: bool
) -> None:
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.messages import follow

    cluster = Cluster(bootstrap(), environment())
    left = maximum
    batches = follow(cluster, topic, from_beginning=from_beginning, committed=committed, idle_seconds=timeout)
    async with contextlib.aclosing(batches):
        async for messages in batches:
            shown = messages if left is None else messages[:left]
            for message in shown:
                sys.stdout.buffer.write(line(message, envelope) + b"\n")
            sys.stdout.buffer.flush()
            if left is not None:
                left -= len(shown)
                if left == 0:
                    return


def line(message: "Message", envelope: bool) -> bytes:
    """A message as one line of JSON."""
    import orjson

    value = value_json(message.value)
    if not envelope:
        return value
    return orjson.dumps(
        {
            "topic": message.topic,
            "partition": message.partition,
            "offset": message.offset,
            "timestamp": message.timestamp,
            "key": readable(message.key),
            "headers": [[name, readable(content)] for name, content in message.headers],
            "value": orjson.Fragment(value),
        }
    )


def value_json(value: bytes | None) -> bytes:
    """A message's value as JSON on one line."""
    import orjson

    from penstock.codecs import frame
    from penstock.model.errors import FrameError

    if value is None:
        return b"null"
    if value.startswith(frame.MAGIC):
        with contextlib.suppress(FrameError):
            return orjson.dumps(_frame(frame.decode(value)))
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return orjson.dumps({"base64": base64.b64encode(value).decode()})
    # as it stands where it stands on one line: parsing would change large numbers
    return value.strip() if b"\n" not in value and b"\r" not in value else orjson.dumps(parsed)


def _frame(frame: "Frame") -> dict[str, Any]:
    entries = [_entry(entry) for entry in frame.entries]
    head = {name: getattr(frame, name) for name in ("topic_id", "epoch", "first", "last", "input", "genesis")}
    return {**head, "entries": entries}


def _entry(entry: Any) -> dict[str, Any]:
    import orjson

    from penstock.model.record import Kept

    body = {name: getattr(entry, name) for name in entry.__struct_fields__}
    if isinstance(entry, Kept):
        body["data"] = orjson.Fragment(entry.data) if entry.data else None
        body["notes"] = {name: orjson.Fragment(note) for name, note in entry.notes.items()}
        body["key"] = readable(entry.key)
        body["headers"] = [[name, readable(content)] for name, content in entry.headers]
    return {"kind": type(entry).__name__.lower(), **body}


def readable(data: bytes | None) -> str | dict[str, str] | None:
    """Bytes as text, or in base64 where they are none."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
