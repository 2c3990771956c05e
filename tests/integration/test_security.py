"""Kafka that asks who is there: each way to say so runs a pipeline, and a wrong one is told without the secret."""

import base64
import ipaddress
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from penstock.agents.runtime import topics
from penstock.broker import embedded
from penstock.model.errors import ConfigurationError, PenstockError, UnreachableError

pytestmark = pytest.mark.integration

USER, PASSWORD, KEY_PASSWORD = "alice", "correct-horse-battery", "opens-the-key"
PROTOCOLS = {"SASLP": "SASL_PLAINTEXT", "TLS": "SSL", "MUTUAL": "SSL", "SASLS": "SASL_SSL"}
MODULES = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class Secured:
    """A broker with a listener for each protocol."""

    plain: str
    at: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()

    def file(self, name: str) -> str:
        return str(self.folder / name)


def _certificate(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for this machine, signed by `issuer`, or one that signs others."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def _write_certificates(folder: Path) -> None:
    def pem(certificate: x509.Certificate) -> bytes:
        return certificate.public_bytes(serialization.Encoding.PEM)

    def key(private: ec.EllipticCurvePrivateKey, password: str | None = None) -> bytes:
        how: Any = serialization.BestAvailableEncryption(password.encode()) if password else None
        how = how or serialization.NoEncryption()
        return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)

    authority, stranger = _certificate("authority"), _certificate("a stranger")
    server, client = _certificate("server", authority), _certificate("client", authority)
    (folder / "ca.pem").write_bytes(pem(authority[0]))
    (folder / "stranger.pem").write_bytes(pem(stranger[0]))
    (folder / "server.pem").write_bytes(key(server[1]) + pem(server[0]))
    (folder / "client.pem").write_bytes(pem(client[0]))
    (folder / "client.key").write_bytes(key(client[1], KEY_PASSWORD))


def _settings(ports: dict[str, int], folder: Path) -> dict[str, str]:
    def listed(shape: str) -> str:
        return ",".join(shape.format(name, port, PROTOCOLS[name]) for name, port in ports.items())

    found = {
        "listeners": listed("{0}://127.0.0.1:{1}"),
        "advertised.listeners": listed("{0}://127.0.0.1:{1}"),
        "listener.security.protocol.map": listed("{0}:{2}"),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.mutual.ssl.client.auth": "required",
    }
    jaas = {
        "plain": f'{MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        "scram-sha-256": f"{MODULES}.scram.ScramLoginModule required;",
        "scram-sha-512": f"{MODULES}.scram.ScramLoginModule required;",
        "oauthbearer": f'{MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
    }
    for listener in ("saslp", "sasls"):
        found[f"listener.name.{listener}.sasl.enabled.mechanisms"] = ",".join(jaas).upper()
        for mechanism, module in jaas.items():
            found[f"listener.name.{listener}.{mechanism}.sasl.jaas.config"] = module
    return found


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A broker of this module's own."""
    folder = tmp_path_factory.mktemp("secured")
    _write_certificates(folder)
    with ExitStack() as held:
        listeners = {name: held.enter_context(socket.create_server(("127.0.0.1", 0))) for name in PROTOCOLS}
        ports = {name: int(listener.getsockname()[1]) for name, listener in listeners.items()}
    broker = embedded.start(data=folder / "broker", extra=_settings(ports, folder))
    try:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            user = UserScramCredentialUpsertion(USER, ScramCredentialInfo(mechanism, 4096), PASSWORD.encode())
            for done in admin.alter_user_scram_credentials([user]).values():
                done.result(20)
        yield Secured(broker.bootstrap, {name: f"127.0.0.1:{port}" for name, port in ports.items()}, folder)
    finally:
        embedded.stop(folder / "broker")


def _token(**claims: Any) -> str:
    """A token that nobody signed (RFC 7515, appendix A.5): Kafka takes it where it was told no keys."""
    now = int(time.time())
    parts = [{"alg": "none"}, {"sub": USER, "iat": now, "exp": now + 600, **claims}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."


def _sasl(mechanism: str, protocol: str = "SASL_PLAINTEXT", password: str = PASSWORD) -> dict[str, str]:
    return {
        "KAFKA_SECURITY_PROTOCOL": protocol,
        "KAFKA_SASL_MECHANISM": mechanism,
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD": password,
    }


def _with_file(environ: dict[str, str], name: str, folder: Path) -> dict[str, str]:
    """The same with the secret in a file."""
    (folder / name).write_text(environ[name] + "\n")
    return {key: value for key, value in environ.items() if key != name} | {f"{name}_FILE": str(folder / name)}


def _tls(secured: Secured, ca: str = "ca.pem") -> dict[str, str]:
    return {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": secured.file(ca)}


def _mutual(secured: Secured) -> dict[str, str]:
    certificate = {"KAFKA_SSL_CERTFILE": secured.file("client.pem"), "KAFKA_SSL_KEYFILE": secured.file("client.key")}
    return {**_tls(secured), **certificate, "KAFKA_SSL_PASSWORD": KEY_PASSWORD}


def _oauth(token: str) -> dict[str, str]:
    return {
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "KAFKA_SASL_OAUTH_TOKEN": token,
    }


GOOD: dict[str, tuple[str, Callable[[Secured], dict[str, str]]]] = {
    "PLAIN": ("SASLP", lambda s: _sasl("PLAIN")),
    "SCRAM-SHA-256, password in a file": (
        "SASLP",
        lambda s: _with_file(_sasl("SCRAM-SHA-256"), "KAFKA_SASL_PASSWORD", s.folder),
    ),
    "SCRAM-SHA-512": ("SASLP", lambda s: _sasl("SCRAM-SHA-512")),
    "TLS": ("TLS", _tls),
    "mutual TLS": ("MUTUAL", _mutual),
    "SCRAM-SHA-512 over TLS": ("SASLS", lambda s: {**_tls(s), **_sasl("SCRAM-SHA-512", "SASL_SSL")}),
    "OAUTHBEARER, token in a file": (
        "SASLP",
        lambda s: _with_file(_oauth(_token()), "KAFKA_SASL_OAUTH_TOKEN", s.folder),
    ),
}


@pytest.mark.parametrize(("listener", "environ"), GOOD.values(), ids=GOOD)
async def test_a_pipeline_runs(secured, make_rig, make_raw, listener, environ) -> None:
    rig = make_rig(secured.at[listener], environ(secured), bootstrap_servers=secured.plain)
    plan = await rig.ensure(rig.plan())
    values = [b"%d" % n if n == 3 else b'{"id":%d}' % n for n in range(6)]
    rig.produce(plan.pipeline.raw_topic, [make_raw(value) for value in values])
    await rig.run(plan)
    assert [m.json["data"]["id"] for m in rig.read(plan.pipeline.enriched_topic)] == [0, 1, 2, 4, 5]
    assert [m.json["offset"] for m in rig.read(plan.pipeline.dead_letter_topic)] == [3]


WRONG = "wrong-and-secret"
BAD: dict[str, tuple[str, Callable[[Secured], dict[str, str]], type[PenstockError], str]] = {
    "PLAIN, wrong password": (
        "SASLP", lambda s: _sasl("PLAIN", password=WRONG), ConfigurationError, "KAFKA_SASL_PASSWORD",
    ),
    "SCRAM, wrong password": (
        "SASLP", lambda s: _sasl("SCRAM-SHA-256", password=WRONG), ConfigurationError, "KAFKA_SASL_PASSWORD",
    ),
    "SCRAM over TLS, wrong password": (
        "SASLS", lambda s: {**_tls(s), **_sasl("SCRAM-SHA-512", "SASL_SSL", WRONG)}, ConfigurationError,
        "KAFKA_SASL_PASSWORD",
    ),
    "OAUTHBEARER, expired token": (
        "SASLP", lambda s: _oauth(_token(exp=int(time.time()) - 600, jti=WRONG)), ConfigurationError,
        "KAFKA_SASL_OAUTH_TOKEN",
    ),
    "OAUTHBEARER, no token": ("SASLP", lambda s: _oauth(WRONG), ConfigurationError, "KAFKA_SASL_OAUTH_TOKEN"),
    "TLS, another authority": ("TLS", lambda s: _tls(s, "stranger.pem"), ConfigurationError, "KAFKA_SSL_CAFILE"),
    "mutual TLS, no certificate": ("MUTUAL", _tls, UnreachableError, "KAFKA_SSL_CERTFILE"),
    "no user where one is asked for": ("SASLP", lambda s: {}, UnreachableError, "KAFKA_SECURITY_PROTOCOL"),
    "plain text where TLS is spoken": ("TLS", lambda s: {}, UnreachableError, "KAFKA_SECURITY_PROTOCOL"),
    "TLS where plain text is spoken": ("SASLP", _tls, UnreachableError, "KAFKA_SECURITY_PROTOCOL"),
    "wrong password of the key": (
        "MUTUAL", lambda s: {**_mutual(s), "KAFKA_SSL_PASSWORD": WRONG}, ConfigurationError, "KAFKA_SSL_KEYFILE",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("listener", "environ", "error", "variable"), BAD.values(), ids=BAD)
async def test_a_wrong_credential_is_told_without_it(
    secured, make_rig, caplog, listener, environ, error, variable
) -> None:
    rig = make_rig(secured.at[listener], environ(secured), bootstrap_servers=secured.plain)
    began = time.monotonic()
    with pytest.raises(error) as raised:
        await topics.ensure(rig.cluster, rig.plan())
    assert time.monotonic() - began < 20
    told = str(raised.value)
    assert secured.at[listener] in told or variable == "KAFKA_SSL_KEYFILE"
    assert variable in told
    for text in (told, caplog.text, repr(rig.cluster)):
        for secret in (WRONG, PASSWORD, KEY_PASSWORD, _token()[:20]):
            assert secret not in text
