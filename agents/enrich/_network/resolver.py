"""Questions of reverse DNS (RFC 1035, 3.5; RFC 3596, 2.5) to a recursive server, with dnspython."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeAlias

from dns import asyncresolver, nameserver
from dns import resolver as dns_resolver
from dns.exception import DNSException
from dns.reversename import from_address

from penstock.agents.enrich._network.addresses import Address
from penstock.model.errors import ConfigurationError


class Failure(NamedTuple):
    """Why there is no answer: ``timeout``, ``server_failed``, ``invalid_answer`` or ``circuit_open``."""

    reason: str


Ask: TypeAlias = Callable[[Address], Awaitable[tuple[tuple[str, ...] | Failure, float]]]
"""The names of an address in the order of the alphabet, and for how many seconds they may be kept."""

_MOST_NAMES: Final = 16
_NAME = re.compile(r"(?=.{1,253}\Z)(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)*(?!-)[a-z0-9_-]{1,63}(?<!-)")


def resolver(servers: list[tuple[str, int]], timeout: float) -> Ask:
    """Asks `servers`, address and port each, or the system's where none are given.

    Raises
    ------
    ConfigurationError
        None are given, and the system names none.
    """
    try:
        asking = asyncresolver.Resolver(configure=not servers)
    except dns_resolver.NoResolverConfiguration:
        raise ConfigurationError(
            "rdns has no name server: the system names none", hint="set its option nameservers"
        ) from None
    if servers:
        asking.nameservers = [nameserver.Do53Nameserver(address, port) for address, port in servers]
    asking.timeout = timeout / 2  # a packet may be lost: there is time to ask again
    asking.lifetime = timeout

    async def ask(address: Address) -> tuple[tuple[str, ...] | Failure, float]:
        try:
            answer = await asking.resolve(from_address(str(address)), "PTR", raise_on_no_answer=False, search=False)
        except dns_resolver.NXDOMAIN as error:
            responses = error.responses()  # type: ignore[no-untyped-call]
            return (), min(map(_seconds, responses.values()), default=0.0)
        except dns_resolver.LifetimeTimeout:
            return Failure("timeout"), timeout * 10
        except dns_resolver.NoNameservers:
            return Failure("server_failed"), timeout * 10
        except (DNSException, ValueError):
            return Failure("invalid_answer"), timeout * 10
        return _names(answer.rrset), float(answer.chaining_result.minimum_ttl)

    return ask


def _seconds(response: Any) -> float:
    """How long an answer that there is no such name may be kept (RFC 2308, 5)."""
    try:
        return float(response.resolve_chaining().minimum_ttl)
    except DNSException:
        return 0.0


def _names(rrset: Any) -> tuple[str, ...]:
    found = {record.target.to_text(omit_final_dot=True).lower() for record in rrset or ()}
    return tuple(sorted(name for name in found if _NAME.fullmatch(name))[:_MOST_NAMES])
