"""rdns: the name that reverse DNS gives each address, or a fake one for development.

>>> run("rdns", {"source_ip": "192.168.1.100"}, fake=True)["rdns"]
{'source_ip_rdns': {'ip': '192.168.1.100', 'rdns': 'host-100.local'}}

An address without a name gets null. Where it has several, ``rdns`` is the first in the order of the alphabet and
``names`` lists them. Addresses of ranges that IANA set aside are not asked for, unless ``private`` says so: their body
tells the ``scope`` instead. A network (``203.0.113.0/24``) has no name; `redact` makes one of each address, so this
stage stands before it, and another `redact` behind hides what a name tells of a person.

Whoever runs an address's reverse zone chooses its name: it is a claim, not a proof. What is no name of a host (RFC
1123, with underscores) is left out.

Where the server did not answer in time, or failed, the enrichment of the record is marked as failed with ``timeout`` or
``server_failed``, and the record goes on; where some of its addresses got their answer, the others have an ``error``.
When one question after another times out, nothing is asked for some seconds (``circuit_open``).

With ``AF_FAKE_RDNS=true`` nothing is asked at all: an address is ``host-`` and its last part, the name of a host
likewise (``web.example.com`` is ``host-com.local``, ``web-7`` is ``host-7.local``).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any, Final, TypeAlias

from pydantic import Field, field_validator

from penstock.agents.enrich._network import addresses as _addresses
from penstock.agents.enrich._network.addresses import LONGEST, Address
from penstock.agents.enrich._network.resolver import Ask, Failure, resolver
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichBatch, FieldNames, Resources, StageConfig
from penstock.model.errors import EnrichmentError
from penstock.model.record import Record

ALONE = True
ADDS_TEXT = True
GROUP = "rdns"
VARIABLE = "AF_FAKE_RDNS"


class Config(StageConfig):
    """Options of rdns."""

    fields: FieldNames = Field(_addresses.FIELDS, description="Fields that hold addresses.")
    host_fields: FieldNames = Field(
        ("host", "hostname", "host_name", "host_id"),
        description="Fields that hold names of hosts, for which fake mode makes names as well.",
    )
    fake: bool | None = Field(None, description=f"Make names up instead of asking; {VARIABLE} where absent.")
    nameservers: tuple[str, ...] = Field(
        (), description="Servers to ask, `address` or `address:port` (`[::1]:53`); the system's where empty."
    )
    private: bool = Field(False, description="Ask for addresses of private and other special ranges too.")
    timeout_seconds: float = Field(2.0, gt=0, description="An address that has no answer by then has failed.")
    concurrency: int = Field(64, ge=1, le=1024, description="Most questions at once for the records of one partition.")
    most_per_record: int = Field(32, ge=1, description="Addresses of one record that are asked for; others are not.")
    cache_size: int = Field(65_536, ge=1, description="Addresses whose answer is kept.")
    cache_seconds: float = Field(
        86_400, ge=0, description="Longest time that a name is kept; shorter where its zone says so."
    )
    negative_cache_seconds: float = Field(
        600, ge=0, description="Longest time that it is kept that an address has no name; a failure, a tenth of it."
    )

    @field_validator("nameservers")
    @classmethod
    def _addresses_and_ports(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        for server in servers:
            address_and_port(server)
        return servers


Look: TypeAlias = Callable[[set[Address]], Awaitable[dict[Address, tuple[str, ...] | Failure]]]
"""Names of each address; none where it has no name."""


def build(config: Config, resources: Resources) -> EnrichBatch:
    """Compile the stage. Raises ConfigurationError where no server is named and the system has none."""
    said = resources.environ.get(VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")
    if said if config.fake is None else config.fake:
        return _faking(config)
    servers = [address_and_port(server) for server in config.nameservers]
    look = _look(config, resolver(servers, config.timeout_seconds), resources.clock)
    find = Finder(config.fields)

    async def enrich(records: Sequence[Record]) -> list[Annotations | Exception | None]:
        found = [list(_parsed(find, record))[: config.most_per_record] for record in records]
        asked = {
            address
            for each in found
            for _, name, address in each
            if "/" not in name and (config.private or _addresses.scope(address) is None)
        }
        answers = await look(asked)
        return [_annotations(each, answers) for each in found]

    return enrich


def address_and_port(text: str) -> tuple[str, int]:
    """Address and port of a name server. Raises ValueError."""
    match = re.fullmatch(r"\[(?P<six>[^\]]+)\](?::(?P<port6>\d+))?|(?P<four>[^:]+)(?::(?P<port4>\d+))?", text)
    if match is None:
        return str(ip_address(text)), 53
    port = int(match["port6"] or match["port4"] or 53)
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
    return str(ip_address(match["six"] or match["four"])), port


def _parsed(find: Finder, record: Record) -> Iterator[tuple[str, str, Address]]:
    """Label, spelling and address of each address in a record."""
    for label, value in find.labelled(record):
        if type(value) is str and len(value) <= LONGEST and (parsed := _addresses.parse(value)) is not None:
            yield label, *parsed


def _annotations(
    found: list[tuple[str, str, Address]], answers: dict[Address, tuple[str, ...] | Failure]
) -> Annotations | Exception | None:
    bodies = {f"{label}_rdns": _body(name, address, answers.get(address, ())) for label, name, address in found}
    failed = [body["error"] for body in bodies.values() if "error" in body]
    if failed and len(failed) == len(bodies):
        return EnrichmentError(failed[0], "reverse DNS gave no answer")
    return {GROUP: bodies} if bodies else None


def _body(name: str, address: Address, answer: tuple[str, ...] | Failure) -> dict[str, Any]:
    if isinstance(answer, Failure):
        return {"ip": name, "rdns": None, "error": answer.reason}
    body: dict[str, Any] = {"ip": name, "rdns": answer[0] if answer else None}
    if len(answer) > 1:
        body["names"] = list(answer)
    scope = _addresses.scope(address)
    return body if scope is None else {**body, "scope": scope}


# Asking, and remembering what was said


_MOST_TIMEOUTS: Final = 32
"""In a row: then the server is taken for gone."""
_PAUSE_SECONDS: Final = 10.0


class _Breaker:
    """Keeps questions from a server that answers none."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._timeouts = 0
        self._until = 0.0

    @property
    def open(self) -> bool:
        return self._clock() < self._until

    def heard(self, answer: tuple[str, ...] | Failure) -> None:
        if isinstance(answer, Failure) and answer.reason == "timeout":
            self._timeouts += 1
            if self._timeouts >= _MOST_TIMEOUTS:
                self._until = self._clock() + _PAUSE_SECONDS
                self._timeouts = _MOST_TIMEOUTS - 1  # afterwards one more is enough
        else:
            self._timeouts = 0


def _look(config: Config, ask: Ask, clock: Callable[[], float]) -> Look:
    kept: dict[Address, tuple[float, tuple[str, ...] | Failure]] = {}
    breaker = _Breaker(clock)

    def keep(address: Address, answer: tuple[str, ...] | Failure, ttl: float) -> None:
        if isinstance(answer, Failure):
            longest = config.negative_cache_seconds / 10
        else:
            longest = config.cache_seconds if answer else config.negative_cache_seconds
        kept.pop(address, None)
        while len(kept) >= config.cache_size:
            del kept[next(iter(kept))]
        kept[address] = clock() + min(ttl, longest), answer

    async def one(address: Address, turns: asyncio.Semaphore) -> tuple[str, ...] | Failure:
        async with turns:
            if breaker.open:
                return Failure("circuit_open")
            answer, ttl = await ask(address)
            breaker.heard(answer)
            keep(address, answer, ttl)
            return answer

    async def look(addresses: set[Address]) -> dict[Address, tuple[str, ...] | Failure]:
        now = clock()
        answers = {each: answer for each in addresses if (answer := _fresh(kept, each, now)) is not None}
        turns = asyncio.Semaphore(config.concurrency)
        missing = sorted(addresses - answers.keys(), key=lambda address: (address.version, int(address)))
        told = await asyncio.gather(*(one(address, turns) for address in missing))
        return answers | dict(zip(missing, told, strict=True))

    return look


def _fresh(
    kept: dict[Address, tuple[float, tuple[str, ...] | Failure]], address: Address, now: float
) -> tuple[str, ...] | Failure | None:
    until, answer = kept.get(address, (now, None))
    return answer if now < until else None


# Fake mode


_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?")


def _faking(config: Config) -> EnrichBatch:
    addresses, hosts = Finder(config.fields), Finder(config.host_fields)

    def bodies(record: Record) -> dict[str, Any]:
        found = {
            f"{label}_rdns": {"ip": name, "rdns": f"host-{_last(name, '.:')}.local"}
            for label, name, _ in _parsed(addresses, record)
            if "/" not in name
        }
        for label, value in hosts.labelled(record):
            if type(value) is str and f"{label}_rdns" not in found and _HOST.fullmatch(value):
                found[f"{label}_rdns"] = {"host": value, "rdns": f"host-{_last(value.rstrip('.'), '.-')}.local"}
        return found

    async def enrich(records: Sequence[Record]) -> list[Annotations | Exception | None]:
        return [{GROUP: found} if (found := bodies(record)) else None for record in records]

    return enrich


def _last(name: str, marks: str) -> str:
    """What stands behind the last mark, of the first kind of mark that the name has."""
    for mark in marks:
        if mark in name:
            return name.rpartition(mark)[2] or "0"
    return name
