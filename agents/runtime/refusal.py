"""Why a Kafka does not let us in: aiokafka logs the cause and raises the same error for all of them.

One more connection is made, and what it meets is told in terms of what a person can change; never with a secret.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from penstock.model.errors import BrokerUnreachableError, ConfigurationError, PenstockError

_SECONDS = 5.0
_BY_CONNECTION = frozenset(
    {
        "security_protocol",
        "ssl_context",
        "sasl_mechanism",
        "sasl_oauth_token_provider",
        "sasl_plain_username",
        "sasl_plain_password",
    }
)
_REFUSED = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)


async def refusal(bootstrap: str, settings: Mapping[str, Any], error: BaseException) -> PenstockError:
    """The error for a Kafka that could not be spoken to.

    Parameters
    ----------
    bootstrap : str
        Its address.
    settings
        Of the client that failed.
    error
        What it met.
    """
    host, port, _ = collect_hosts(bootstrap, randomize=False)[0]
    asked = {name: settings[name] for name in _BY_CONNECTION if name in settings}
    try:
        connection = await create_conn(host, port, request_timeout_ms=int(_SECONDS * 1000), **asked)
        connection.close()
    except _REFUSED as refused:
        return credentials_refused(bootstrap, settings, type(refused).__name__)
    except ssl.SSLCertVerificationError:
        return ConfigurationError(
            f"the certificate of Kafka at {bootstrap} cannot be verified",
            hint="set KAFKA_SSL_CAFILE to the certificate of the authority that signed it",
        )
    except (KafkaError, OSError, TimeoutError):
        if not await _listens(host, port):
            return BrokerUnreachableError(
                "Kafka", bootstrap, variable="KAFKA_BOOTSTRAP_SERVERS", cause=type(error).__name__
            )
    protocol = settings["security_protocol"]
    return BrokerUnreachableError(
        "Kafka",
        bootstrap,
        variable="KAFKA_SECURITY_PROTOCOL, and KAFKA_SSL_CERTFILE where it asks for a certificate",
        cause=f"it ends the connection, as it does where another protocol than {protocol} is spoken",
    )


def credentials_refused(bootstrap: str, settings: Mapping[str, Any], cause: str) -> ConfigurationError:
    """The error that says that user, password or token are not taken."""
    by_token = settings.get("sasl_mechanism") == "OAUTHBEARER"
    given = "KAFKA_SASL_OAUTH_TOKEN" if by_token else "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
    return ConfigurationError(
        f"Kafka at {bootstrap} refuses the credentials: {cause}", hint=f"check KAFKA_SASL_MECHANISM, {given}"
    )


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _SECONDS)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
