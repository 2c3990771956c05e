"""The Kafka cluster: one address and one set of credentials for every client in the product.

Read from the environment, with the names that Kafka's own tools made usual:

``KAFKA_BOOTSTRAP_SERVERS``   host:port, several separated by commas
``KAFKA_SECURITY_PROTOCOL``   PLAINTEXT (default), SSL, SASL_PLAINTEXT, SASL_SSL
``KAFKA_SASL_MECHANISM``      PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER
``KAFKA_SASL_USERNAME``, ``KAFKA_SASL_PASSWORD`` or ``KAFKA_SASL_PASSWORD_FILE``
``KAFKA_SASL_OAUTH_TOKEN`` or ``KAFKA_SASL_OAUTH_TOKEN_FILE`` (read anew at each authentication)
``KAFKA_SSL_CAFILE``, ``KAFKA_SSL_CERTFILE``, ``KAFKA_SSL_KEYFILE``, ``KAFKA_SSL_PASSWORD``
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    BrokerResponseError,
    CoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    kafka_errors,
)
from aiokafka.helpers import create_ssl_context
from aiokafka.structs import ConsumerRecord

from penstock.agents.runtime.refusal import credentials_refused, refusal
from penstock.agents.runtime.seams import header_names, no_creation, plain_records, sure_close
from penstock.model.errors import BrokerUnreachableError, ConfigurationError
from penstock.topology.plan import LARGEST_MESSAGE

Message: TypeAlias = ConsumerRecord[Any, Any]

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
SESSION_SECONDS = 10.0
HEARTBEAT_SECONDS = 2.0


class InvalidRecordError(BrokerResponseError):  # type: ignore[misc] # aiokafka ships no types
    """The broker refuses a record for what it is: one without a key on a compacted topic, say (KIP-467)."""

    errno = 87
    message = "INVALID_RECORD"


_AWAY = (
    ConnectionError,
    KafkaConnectionError,
    NodeNotReadyError,
    RequestTimedOutError,
    KafkaTimeoutError,
    CoordinatorNotAvailableError,
    BrokerUnreachableError,
)

# aiokafka does not know this code, and would tell it as UnknownError
kafka_errors[InvalidRecordError.errno] = InvalidRecordError
header_names.install()
no_creation.install()
plain_records.install()
sure_close.install()


class _Token(AbstractTokenProvider):  # type: ignore[misc] # aiokafka ships no types
    """An OAUTHBEARER token from the environment, or from a file that something else keeps fresh."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    async def token(self) -> str:
        return await asyncio.to_thread(_secret, self._environ, "KAFKA_SASL_OAUTH_TOKEN")


class _Consumer(AIOKafkaConsumer):  # type: ignore[misc] # aiokafka ships no types
    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await self._acquainted(partitions)
        found: dict[TopicPartition, int] = await super().beginning_offsets(partitions)
        return found

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await self._acquainted(partitions)
        found: dict[TopicPartition, int] = await super().end_offsets(partitions)
        return found

    async def _acquainted(self, partitions: Iterable[TopicPartition]) -> None:
        """Ask who leads these; as long as nothing is assigned, aiokafka asks for all topics of the cluster."""
        for topic in {tp.topic for tp in partitions}:
            await self._client.add_topic(topic)

    async def stop(self) -> None:
        """Leave the group and close; where the connection was lost, aiokafka lets the end of its own tasks out."""
        try:
            await super().stop()
        except asyncio.CancelledError:
            if cancelled():
                raise
            for part in (self._fetcher, self._client):
                with contextlib.suppress(Exception, asyncio.CancelledError):
                    await part.close()


def broker_away(error: BaseException | None) -> bool:
    """Whether an error says that no broker answers, or that what it came from does."""
    while error is not None:
        if isinstance(error, _AWAY):
            return True
        error = error.__cause__
    return False


def cancelled() -> bool:
    """Whether the task that asks is being cancelled; else a cancellation that it meets is that of a task it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@dataclass(frozen=True)
class Cluster:
    """Where Kafka is, and how to speak to it.

    Attributes
    ----------
    bootstrap : str
        host:port, several separated by commas.
    environ : mapping
        The variables above.
    client_id : str
        What consumers call themselves; empty leaves it to the libraries.
    """

    bootstrap: str
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    client_id: str = ""

    @property
    def protocol(self) -> str:
        found = self.environ.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT").upper()
        if found not in PROTOCOLS:
            raise ConfigurationError("KAFKA_SECURITY_PROTOCOL is unknown", hint=f"one of {', '.join(PROTOCOLS)}")
        return found

    @property
    def mechanism(self) -> str:
        found = self.environ.get("KAFKA_SASL_MECHANISM", "PLAIN").upper()
        if found not in MECHANISMS:
            raise ConfigurationError("KAFKA_SASL_MECHANISM is unknown", hint=f"one of {', '.join(MECHANISMS)}")
        return found

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context that the environment asks for, None for plain text."""
        if not self.protocol.endswith("SSL"):
            return None
        files = {
            name: self.environ.get(f"KAFKA_SSL_{name.upper()}") or None for name in ("cafile", "certfile", "keyfile")
        }
        try:
            context: ssl.SSLContext = create_ssl_context(
                **files, password=self.environ.get("KAFKA_SSL_PASSWORD") or None
            )
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"the TLS files cannot be used: {type(error).__name__}",
                hint="check KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE",
            ) from None
        return context

    def settings(self) -> dict[str, Any]:
        """What every aiokafka client is given."""
        settings: dict[str, Any] = {"bootstrap_servers": self.bootstrap, "security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            settings["ssl_context"] = self.ssl_context()
        if self.protocol.startswith("SASL"):
            settings["sasl_mechanism"] = self.mechanism
            if self.mechanism == "OAUTHBEARER":
                settings["sasl_oauth_token_provider"] = _Token(self.environ)
            else:
                settings["sasl_plain_username"] = self.environ.get("KAFKA_SASL_USERNAME", "")
                settings["sasl_plain_password"] = _secret(self.environ, "KAFKA_SASL_PASSWORD")
        return settings

    def faust_settings(self) -> dict[str, Any]:
        """The same for a Faust app: ``broker`` and ``broker_credentials``."""
        servers = ";".join(f"kafka://{server.strip()}" for server in self.bootstrap.split(","))
        settings: dict[str, Any] = {"broker": servers}
        if self.client_id:
            settings["broker_client_id"] = self.client_id
        if self.protocol.startswith("SASL") and self.mechanism == "OAUTHBEARER":
            settings["broker_credentials"] = faust.OAuthCredentials(
                oauth_cb=_Token(self.environ), ssl_context=self.ssl_context()
            )
        elif self.protocol.startswith("SASL"):
            settings["broker_credentials"] = faust.SASLCredentials(
                mechanism=self.mechanism,
                username=self.environ.get("KAFKA_SASL_USERNAME", ""),
                password=_secret(self.environ, "KAFKA_SASL_PASSWORD"),
                ssl_context=self.ssl_context(),
            )
        elif self.protocol == "SSL":
            settings["broker_credentials"] = faust.SSLCredentials(self.ssl_context())
        return settings

    def consumer(self, *topics: str, **options: Any) -> AIOKafkaConsumer:
        """A consumer, not started; commits are made by hand."""
        defaults = {
            "enable_auto_commit": False,
            "session_timeout_ms": int(SESSION_SECONDS * 1000),
            "heartbeat_interval_ms": int(HEARTBEAT_SECONDS * 1000),
            "max_partition_fetch_bytes": LARGEST_MESSAGE,
            **({"client_id": self.client_id} if self.client_id else {}),
        }
        return _Consumer(*topics, **{**self.settings(), **defaults, **options})

    def reader(self, **options: Any) -> AIOKafkaConsumer:
        """A consumer without a group, not started, for looking something up: assign, seek, read, stop."""
        # a fetch that waits at the end of one partition would hold up the look at the next
        return self.consumer(group_id=None, fetch_max_wait_ms=20, **options)

    def producer(self, **options: Any) -> AIOKafkaProducer:
        """An idempotent producer that waits for all replicas, not started."""
        defaults = {
            "enable_idempotence": True,
            "acks": "all",
            # a frame of 500 records (212 KB): zstd takes 0.24 ms to 27 KB, lz4 as aiokafka sets it 1.28 ms to 38 KB
            "compression_type": "zstd",
            "max_request_size": LARGEST_MESSAGE * 3,
        }
        return AIOKafkaProducer(**{**self.settings(), **defaults, **options})

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """An admin client, started.

        Raises
        ------
        BrokerUnreachableError
            Nothing answers, or nothing that speaks the protocol.
        ConfigurationError
            It refuses the credentials, or its certificate cannot be verified.
        """
        settings = self.settings()
        client = AIOKafkaAdminClient(**settings)
        try:
            await client.start()
        except (KafkaError, OSError) as error:
            await client.close()
            raise await refusal(self.bootstrap, settings, error) from None
        if not client._client.cluster.brokers():
            # a refused OAUTHBEARER token is answered with a challenge, which aiokafka takes for a yes (RFC 7628, 3.2.3)
            await client.close()
            raise credentials_refused(self.bootstrap, settings, "it answers nothing")
        try:
            yield client
        finally:
            await client.close()

    def unreachable(self, error: BaseException) -> BrokerUnreachableError:
        """The error that says that the broker does not answer."""
        return BrokerUnreachableError(
            "Kafka", self.bootstrap, variable="KAFKA_BOOTSTRAP_SERVERS", cause=type(error).__name__
        )


def _secret(environ: Mapping[str, str], name: str) -> str:
    """The secret in the variable `name`, or in the file that `name`_FILE names."""
    if environ.get(name):
        return environ[name]
    path = environ.get(f"{name}_FILE")
    if not path:
        raise ConfigurationError(f"neither {name} nor {name}_FILE is set")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{name}_FILE cannot be read: {type(error).__name__}") from None
