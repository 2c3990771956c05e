"""Reading the last frames topic: what delivery and the sinks share.

Both stand at a `Place`, admit frames by `penstock.agents.continuity`, and must never go on over a hole. aiokafka hands
every message of the log in order, so a hole here is no accident of the client: the stream ends with `HoleError`, its
owner starts anew, and if the frames are still missing says so loudly.
"""

from collections.abc import Iterable, Iterator

from penstock.agents.continuity import Place, Refusal, admit, advance
from penstock.agents.runtime.cluster import Message
from penstock.codecs.frame import Frame, decode
from penstock.model.errors import HoleError


class Reader:
    """The frames of one partition that are owed, from where we stand.

    Attributes
    ----------
    place : Place or None
        Behind the last frame that `owed` gave out; the caller sets it back if it did not do that frame.
    position : int or None
        Behind the last message that `owed` looked at; None before the first.
    received : int
        Bytes of all that it looked at.
    """

    def __init__(self, topic: str, partition: int, place: Place | None) -> None:
        self._topic = topic
        self._partition = partition
        self.place = place
        self.position: int | None = None
        self.received = 0

    def owed(self, messages: Iterable[Message]) -> Iterator[tuple[Frame, Place]]:
        """Each frame that is owed, trimmed, with the place behind it. Raises HoleError."""
        for message in messages:
            self.position = message.offset + 1
            self.received += len(message.value)
            admitted = admit(self.place, decode(message.value))
            if admitted is Refusal.HOLE:
                raise HoleError(
                    f"{self._topic} partition {self._partition}: the frame at offset {message.offset} begins beyond "
                    f"{self.place.next if self.place else 'the start of the stream'}",
                    hint="frames between were deleted or never written; the agent before must write them again",
                )
            if isinstance(admitted, Frame):
                self.place = advance(admitted, message.offset)
                yield admitted, self.place
