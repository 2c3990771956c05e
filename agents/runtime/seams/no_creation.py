"""Asking for a topic does not make it.

aiokafka's clients let the broker create whatever topic they ask for, which it does where it is left at its default
(``auto.create.topics.enable``): a name that is misspelt becomes a topic with a partition too few. Topics are made by
`agents/runtime/topics.py`, as planned, and nowhere else. The seam is the name `MetadataRequest` in aiokafka's client.
"""

from aiokafka import client
from aiokafka.protocol.metadata import MetadataRequest


class _Asking(MetadataRequest):  # type: ignore[misc] # aiokafka ships no types
    def __init__(self, topics: list[str] | None = None) -> None:
        super().__init__(topics, allow_auto_topic_creation=False)


def install() -> None:
    """Have every client of the process ask like this."""
    client.MetadataRequest = _Asking
