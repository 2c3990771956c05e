"""produce: send lines to a topic, a message each.

A line is sent as it stands, in UTF-8 or whatever it is in; it is not checked to be JSON, because what a pipeline
cannot read becomes a dead letter there. Empty lines are left out. With --raw there is no look at lines at all: empty
ones are sent, and a carriage return before the newline stays.
"""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from penstock.cli._shared import bootstrap, environment, run_async, say
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.model.record import Headers

CHUNK_BYTES = 1 << 20
STDIN = Path("-")


def command(
    topic: Annotated[str, typer.Argument(help="The topic; it exists.")],
    file: Annotated[Path, typer.Argument(metavar="[FILE|-]", help="Lines; standard input if not given.")] = STDIN,
    key: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Take each message's key from this field of its JSON.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Send every line exactly as it is.")] = False,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A header of every message; repeat for more.")
    ] = None,
) -> None:
    """Send lines to a topic, a message each.

    \b
    penstock produce orders.raw orders.jsonl --key customer.id
    tail -f orders.jsonl | penstock produce orders.raw
    """
    headers = parse_headers(header)
    if file == STDIN:
        run_async(_produce(topic, sys.stdin.buffer, key, raw, headers))
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    with opened:
        run_async(_produce(topic, opened, key, raw, headers))


def parse_headers(given: list[str] | None) -> "Headers":
    """Headers from ``name=value`` pairs. Raises ConfigurationError; no message holds a value."""
    headers: Headers = []
    for number, pair in enumerate(given or (), 1):
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigurationError(f"header {number} is no NAME=VALUE")
        headers.append((name, value.encode()))
    return headers


def key_of(line: bytes, field: str) -> bytes | None:
    """The value of a field (dotted) of a JSON object as a message's key: text as it is, others as JSON.

    None where the line is no JSON object, or has no such field, or null there.
    """
    import orjson

    try:
        value: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


async def _produce(topic: str, file: BinaryIO, key: str | None, raw: bool, headers: "Headers") -> None:
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.messages import Outgoing, Writer, partitions_of

    cluster = Cluster(bootstrap(), environment())
    partitions = len(await partitions_of(cluster, topic))
    without_key = empty = 0
    async with Writer(cluster, topic, partitions) as writer:
        with _progress() as show:
            async for lines in _lines(file):
                messages: list[Outgoing] = []
                for line in lines:
                    value = line if raw else line.removesuffix(b"\r")
                    if not raw and not value.strip():
                        empty += 1
                        continue
                    found = key_of(value, key) if key else None
                    without_key += bool(key) and found is None
                    messages.append(Outgoing(value, found, headers))
                await writer.send(messages)
                show(writer.acknowledged)
    notes = [f"{empty} empty lines left out"] * bool(empty) + [f"{without_key} without a key"] * bool(without_key)
    say(f"{writer.acknowledged} messages to {topic}{''.join(f'; {note}' for note in notes)}")


async def _lines(file: BinaryIO) -> AsyncIterator[list[bytes]]:
    """Lines as they come, without their newlines."""
    rest = b""
    async for chunk in _chunks(file):
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield lines
    if rest:
        yield [rest]


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    """What can be read at once, piece by piece; a thread waits for it, which must not hold the process back."""
    import asyncio
    import threading

    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | OSError] = asyncio.Queue(4)

    def read() -> None:
        chunk: bytes | OSError = b" "
        while chunk and not isinstance(chunk, OSError):
            try:
                chunk = file.read1(CHUNK_BYTES)  # type: ignore[attr-defined] # every buffered reader has it
            except OSError as error:
                chunk = error
            try:
                asyncio.run_coroutine_threadsafe(queue.put(chunk), loop).result()
            except (RuntimeError, asyncio.CancelledError):
                return  # nobody listens any more

    threading.Thread(target=read, daemon=True).start()
    while chunk := await queue.get():
        if isinstance(chunk, OSError):
            raise chunk
        yield chunk


class _progress:  # noqa: N801 # a context manager that reads as one
    """A count on standard error, if that is a terminal."""

    def __enter__(self) -> Callable[[int], None]:
        return self._show

    def __exit__(self, *rest: object) -> None:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _show(self, count: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{count:,} messages", end="", file=sys.stderr, flush=True)
