"""Kafka's ids of topics: a topic deleted and made anew keeps its name and gets another id (KIP-516).

aiokafka speaks Metadata up to version 5; ids came with version 10. The request and response of version 12 are
declared here (https://kafka.apache.org/protocol, Metadata), in aiokafka's own terms.
"""

import asyncio
import uuid
from io import BytesIO
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)


class _Uuid(AbstractType[uuid.UUID]):  # type: ignore[misc] # aiokafka ships no types
    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> uuid.UUID:
        return uuid.UUID(bytes=data.read(16))

    @classmethod
    def repr(cls, value: uuid.UUID) -> str:
        return str(value)


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[Any]) -> Any:
        nobody = uuid.UUID(int=0)
        return request_struct_class([(nobody, name, {}) for name in self._topics], False, False, {})


async def topic_ids(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, str]:
    """The id of each of the topics that exists, as a UUID in hex."""
    return await _ask(admin._client, names)


async def topic_id(producer: AIOKafkaProducer, name: str) -> str:
    """The id of a topic, asked over a producer that is there anyway; empty where there is no such topic."""
    return (await _ask(producer.client, [name])).get(name, "")


class TopicId:
    """The id of one topic, for many who ask: those who ask in the same turn of the event loop share one request."""

    def __init__(self, producer: AIOKafkaProducer, name: str) -> None:
        self._producer = producer
        self._name = name
        self._asking: asyncio.Task[str] | None = None

    async def now(self) -> str:
        """The id by an answer to a request that was sent after this was called; empty where there is no such topic."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(_looked_at)
        return await asyncio.shield(self._asking)

    async def _ask(self) -> str:
        self._asking = None  # the request leaves now: who comes later needs a later one
        return await topic_id(self._producer, self._name)


def _looked_at(task: "asyncio.Task[str]") -> None:
    """Whoever waited may have been cancelled; then nobody else asks what became of it."""
    if not task.cancelled():
        task.exception()


async def _ask(client: AIOKafkaClient, names: list[str]) -> dict[str, str]:
    response = await client.send(client.get_random_node(), _MetadataRequest(names))
    return {topic[1]: topic[2].hex for topic in response.topics if topic[0] == 0}
