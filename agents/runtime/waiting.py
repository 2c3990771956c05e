"""Frames that wait in a lane, and which of them are taken together.

What a frame costs hardly depends on how much is in it: a request, an acknowledgement, a fetch, a seat in every queue.
So frames that wait anyway, because the one before them is being worked on or is under way, are taken as one where they
follow each other: when there is little to do a frame passes at once, and the more there is to do the larger they get.
"""

import asyncio
from collections import deque
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from penstock.codecs.frame import Frame, decode, decode_head, follows, join


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame as it came. Faust's table asks the context which event, and so which partition, is being worked on."""

    stream: Any
    event: Any
    context: Context

    @property
    def offset(self) -> int:
        """Of the message, in the input topic."""
        return int(self.event.message.offset)

    @property
    def data(self) -> bytes:
        value: bytes = self.event.value
        return value


class Waiting:
    """The frames of one partition that wait, in the order in which they came.

    Parameters
    ----------
    records, size : int
        Most records, and most bytes, of frames that are taken together.
    """

    def __init__(self, records: int, size: int) -> None:
        self._records = records
        self._size = size
        self._arrivals: deque[Arrival] = deque()
        self._stirred = asyncio.Event()

    def put(self, arrival: Arrival) -> None:
        """Let one more wait."""
        self._arrivals.append(arrival)
        self._stirred.set()

    async def get(self) -> Arrival:
        """The first one, when there is one."""
        while not self._arrivals:
            await self.stirred()
        return self._arrivals.popleft()

    def stir(self) -> None:
        """Let who waits look again."""
        self._stirred.set()

    async def stirred(self) -> None:
        """Wait until one more comes, or `stir` is called."""
        self._stirred.clear()
        await self._stirred.wait()

    def joined(self, arrivals: list[Arrival], frame: Frame) -> Frame:
        """`frame`, made of `arrivals`, and those that follow it as one frame; they are added to `arrivals`."""
        frames, size = [frame], sum(len(arrival.data) for arrival in arrivals)
        records = len(frame.entries)
        while self._arrivals:
            following = self._arrivals[0]
            size += len(following.data)
            if following.offset != arrivals[-1].offset + 1 or size > self._size or records >= self._records:
                break
            if not follows(frames[-1], decode_head(following.data)):
                break
            more = decode(following.data)
            records += len(more.entries)
            if records > self._records:
                break
            frames.append(more)
            arrivals.append(self._arrivals.popleft())
        return frame if len(frames) == 1 else join(frames)

    def complete(self, arrivals: list[Arrival], frame: Frame) -> bool:
        """Whether to wait for more makes no sense: it is large, or what comes next cannot join it."""
        size = sum(len(arrival.data) for arrival in arrivals)
        return bool(self._arrivals) or 2 * len(frame.entries) >= self._records or 2 * size >= self._size
