"""rdns: against a DNS server that runs here, with all that servers do; the cache, the breaker, the fake mode."""

import asyncio
import doctest
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
import pytest_asyncio
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.enrich import rdns
from penstock.model.component import Resources
from penstock.model.errors import EnrichmentError
from penstock.model.record import Kept


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


ZONE: dict[str, list[str]] = {
    "8.8.8.8.in-addr.arpa.": ["Dns.Google."],
    "9.8.8.8.in-addr.arpa.": ["b.example.", "a.example.", "c.example."],
    "1.0.0.10.in-addr.arpa.": ["inside.example."],
    "8.8.8.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.8.4.0.6.8.4.1.0.0.2.ip6.arpa.": ["six.example."],
    "1.1.1.1.in-addr.arpa.": ["a\\032b.example.", "\\200\\201.example.", "-x.example.", "<script>.example.", "."],
    "2.1.1.1.in-addr.arpa.": ["_ok_.example.", "bad\\032name.example."],
}
SOA = "ns.example. root.example. 1 3600 600 86400 120"


class Server(asyncio.DatagramProtocol):
    """A DNS server on a free port of this machine: what it answers stands in `ZONE` and in `answer`."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.silent = False
        self.transport: Any = None
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, client: Any) -> None:
        async def reply() -> None:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(0.005)  # so that questions asked at once are here at once
            self.at_once -= 1
            answer = self.answer(data, tcp=False)
            if answer is not None and not self.transport.is_closing():
                self.transport.sendto(answer, client)

        task = asyncio.ensure_future(reply())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = self.answer(await reader.readexactly(size), tcp=True) or b""
        writer.write(len(answer).to_bytes(2, "big") + answer)
        await writer.drain()
        writer.close()

    def answer(self, data: bytes, tcp: bool) -> bytes | None:
        question = dns.message.from_wire(data)
        name = question.question[0].name
        text = name.to_text()
        self.asked[text] += 1
        response = dns.message.make_response(question)
        response.flags |= dns.flags.RA
        last = text.partition(".")[0]
        if self.silent or last == "66":
            return None
        if last == "67":
            response.set_rcode(dns.rcode.SERVFAIL)
        elif last == "68":
            return data[:2] + b"\xff" * 9
        elif last == "69" and not tcp:
            response.flags |= dns.flags.TC
        elif last == "69":
            response.answer = [dns.rrset.from_text(name, 60, "IN", "PTR", *(f"h{n:03}.example." for n in range(300)))]
        elif last == "70":  # RFC 2317: classless delegation
            alias = dns.name.from_text("70.0-127.2.2.2.in-addr.arpa.")
            response.answer = [
                dns.rrset.from_text(name, 60, "IN", "CNAME", alias.to_text()),
                dns.rrset.from_text(alias, 60, "IN", "PTR", "classless.example."),
            ]
        elif text in ZONE:
            response.answer = [dns.rrset.from_text(name, 60, "IN", "PTR", *ZONE[text])]
        else:
            if last != "71":
                response.set_rcode(dns.rcode.NXDOMAIN)
            response.authority = [dns.rrset.from_text("in-addr.arpa.", 120, "IN", "SOA", SOA)]
        return response.to_wire(max_size=65535)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    made = Server()
    for _ in range(20):
        transport, _ = await loop.create_datagram_endpoint(lambda: made, ("127.0.0.1", 0))
        try:
            stream = await asyncio.start_server(made.stream, "127.0.0.1", transport.get_extra_info("sockname")[1])
            break
        except OSError:  # the port is free for UDP only
            transport.close()
    yield made
    transport.close()
    stream.close()
    await stream.wait_closed()


Asking = Callable[..., Any]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asking(server: Server, clock: Clock, record: Any) -> Asking:
    """Builds the stage with `server`; what it gives takes the data of records and returns an answer each."""

    def asking(**options: Any) -> Any:
        port = server.transport.get_extra_info("sockname")[1]
        settings = {"nameservers": [f"127.0.0.1:{port}"], "timeout_seconds": 5} | options
        enrich = rdns.build(rdns.Config.model_validate(settings), Resources(clock=clock))

        async def ask(*data: dict[str, Any]) -> Any:
            answers = await enrich([record(each) for each in data])
            assert len(answers) == len(data)
            return answers if len(data) > 1 else answers[0]

        return ask

    return asking


def test_docstring() -> None:
    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        enrich: Any = registry.build(name, registry.configure(name, options), Resources())[1]
        made = Kept(0, 0, b"{}", {})
        one = rdns.Record(made, "t/0/0")
        one._data = data
        return asyncio.run(enrich([one]))[0]

    parsed = doctest.DocTestParser().get_doctest(rdns.__doc__ or "", {"run": run}, "rdns", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 1)


# Asking


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("8.8.8.8", {"ip": "8.8.8.8", "rdns": "dns.google"}),
        (" ::ffff:8.8.8.8 ", {"ip": "8.8.8.8", "rdns": "dns.google"}),
        ("2001:4860:4860::8888", {"ip": "2001:4860:4860::8888", "rdns": "six.example"}),
        ("8.8.8.9", {"ip": "8.8.8.9", "rdns": "a.example", "names": ["a.example", "b.example", "c.example"]}),
        ("8.8.8.10", {"ip": "8.8.8.10", "rdns": None}),
        ("2.2.2.71", {"ip": "2.2.2.71", "rdns": None}),
        ("2.2.2.70", {"ip": "2.2.2.70", "rdns": "classless.example"}),
        ("1.1.1.1", {"ip": "1.1.1.1", "rdns": None}),
        ("1.1.1.2", {"ip": "1.1.1.2", "rdns": "_ok_.example"}),
        ("10.0.0.1", {"ip": "10.0.0.1", "rdns": None, "scope": "private"}),
        ("8.8.8.0/24", {"ip": "8.8.8.0/24", "rdns": None}),
    ],
)
async def test_what_an_address_is_called(asking: Asking, address: str, body: dict[str, Any]) -> None:
    assert await asking()({"a": {"client_ip": address}}) == {"rdns": {"client_ip_rdns": body}}


async def test_a_long_answer_comes_by_tcp(asking: Asking) -> None:
    body = (await asking()({"ip": "2.2.2.69"}))["rdns"]["ip_rdns"]
    assert body["rdns"] == "h000.example"
    assert len(body["names"]) == 16


async def test_private_addresses_are_asked_for_on_request(asking: Asking, server: Server) -> None:
    assert (await asking()({"ip": "10.0.0.1"}))["rdns"]["ip_rdns"]["rdns"] is None
    assert not server.asked
    body = (await asking(private=True)({"ip": "10.0.0.1"}))["rdns"]["ip_rdns"]
    assert body == {"ip": "10.0.0.1", "rdns": "inside.example", "scope": "private"}


@pytest.mark.parametrize("value", ["x", "", None, 5, True, "1.2.3.4.5", {}, "1" * 100])
async def test_no_address_adds_nothing(asking: Asking, value: Any) -> None:
    assert await asking()({"ip": value}) is None


# Failures


@pytest.mark.parametrize(("address", "reason"), [("2.2.2.66", "timeout"), ("2.2.2.67", "server_failed")])
async def test_a_failure_marks_the_record(asking: Asking, address: str, reason: str) -> None:
    failed, fine = await asking(timeout_seconds=1.0)({"ip": address}, {"ip": "8.8.8.8"})
    assert isinstance(failed, EnrichmentError)
    assert failed.reason == reason
    assert address not in str(failed)
    assert fine["rdns"]["ip_rdns"]["rdns"] == "dns.google"


async def test_an_answer_that_is_no_dns_is_a_failure(asking: Asking) -> None:
    failed = await asking(timeout_seconds=1.0)({"ip": "2.2.2.68"})
    assert isinstance(failed, EnrichmentError)


async def test_one_failure_does_not_hide_other_answers(asking: Asking) -> None:
    found = await asking(timeout_seconds=1.0)({"src_ip": "2.2.2.66", "dst_ip": "8.8.8.8"})
    assert found == {
        "rdns": {
            "src_ip_rdns": {"ip": "2.2.2.66", "rdns": None, "error": "timeout"},
            "dst_ip_rdns": {"ip": "8.8.8.8", "rdns": "dns.google"},
        }
    }


async def test_in_a_chain_the_record_goes_on(server: Server) -> None:
    port = server.transport.get_extra_info("sockname")[1]
    config = rdns.Config(nameservers=(f"127.0.0.1:{port}",), timeout_seconds=1.0)
    entries = [Kept(0, 0, b'{"ip":"2.2.2.66"}', {}), Kept(1, 0, b'{"ip":"8.8.8.8"}', {})]
    result = await Chain([("rdns", config)], Resources()).run("t", 0, entries)
    failed, fine = result.entries
    assert isinstance(failed, Kept)
    assert isinstance(fine, Kept)
    assert failed.notes == {"enrichments.errors": b'{"rdns":"timeout"}'}
    assert fine.notes == {"enrichments.rdns": b'{"ip_rdns":{"ip":"8.8.8.8","rdns":"dns.google"}}'}


async def test_a_server_that_answers_nothing_is_left_alone_for_a_while(
    asking: Asking, server: Server, clock: Clock
) -> None:
    server.silent = True
    ask = asking(timeout_seconds=0.5, concurrency=16)
    first = await ask(*({"ip": f"2.2.3.{n}"} for n in range(80)))
    reasons = Counter(each.reason for each in first)
    assert set(reasons) == {"timeout", "circuit_open"}
    asked = server.asked.total()
    assert (await ask({"ip": "2.2.4.1"})).reason == "circuit_open"
    assert server.asked.total() == asked
    server.silent = False
    clock.now += rdns._PAUSE_SECONDS
    assert (await ask({"ip": "8.8.8.8"}))["rdns"]["ip_rdns"]["rdns"] == "dns.google"


# Cache, bounds


async def test_an_address_is_asked_for_once_while_its_answer_holds(
    asking: Asking, server: Server, clock: Clock
) -> None:
    ask, known, unknown = asking(), "8.8.8.8.in-addr.arpa.", "10.8.8.8.in-addr.arpa."
    for _ in range(3):
        await ask(*[{"ip": "8.8.8.8", "src_ip": "8.8.8.10"}] * 5)
    assert server.asked == {known: 1, unknown: 1}
    clock.now += 61  # the name's TTL is 60, that of the answer that there is none 120
    await ask({"ip": "8.8.8.8", "src_ip": "8.8.8.10"})
    assert server.asked == {known: 2, unknown: 1}
    clock.now += 60
    await ask({"src_ip": "8.8.8.10"})
    assert server.asked[unknown] == 2


async def test_a_failure_is_kept_for_a_short_time(asking: Asking, server: Server, clock: Clock) -> None:
    ask = asking(negative_cache_seconds=100)
    for _ in range(2):
        assert (await ask({"ip": "2.2.2.67"})).reason == "server_failed"
    asked = server.asked.total()
    clock.now += 11
    await ask({"ip": "2.2.2.67"})
    assert server.asked.total() > asked


async def test_the_cache_is_bounded(asking: Asking, server: Server) -> None:
    ask = asking(cache_size=2)
    for address in ("8.8.8.8", "8.8.8.9", "8.8.8.10", "8.8.8.8"):
        await ask({"ip": address})
    assert server.asked["8.8.8.8.in-addr.arpa."] == 2


async def test_questions_at_once_are_bounded_and_answers_in_order(asking: Asking, server: Server) -> None:
    addresses = [f"3.3.{n // 50}.{100 + n % 50}" for n in range(100)]
    answers = await asking(concurrency=8)(*({"ip": address} for address in addresses))
    assert [each["rdns"]["ip_rdns"]["ip"] for each in answers] == addresses
    assert 1 < server.most_at_once <= 8


async def test_addresses_of_one_record_are_bounded(asking: Asking, server: Server) -> None:
    found = await asking(most_per_record=3)({"ip": [f"3.3.3.{n}" for n in range(100, 120)]})
    assert len(found["rdns"]) == 3
    assert server.asked.total() == 3


# Fake mode


@pytest.mark.parametrize(
    ("data", "name", "body"),
    [
        ({"ip": "192.168.1.100"}, "ip_rdns", {"ip": "192.168.1.100", "rdns": "host-100.local"}),
        ({"ip": "2001:db8::1f"}, "ip_rdns", {"ip": "2001:db8::1f", "rdns": "host-1f.local"}),
        ({"ip": "::"}, "ip_rdns", {"ip": "::", "rdns": "host-0.local"}),
        ({"host": "web.example.com"}, "host_rdns", {"host": "web.example.com", "rdns": "host-com.local"}),
        ({"hostname": "web-7"}, "hostname_rdns", {"host": "web-7", "rdns": "host-7.local"}),
        ({"host": "web"}, "host_rdns", {"host": "web", "rdns": "host-web.local"}),
        ({"host": "10.1.2.3"}, "host_rdns", {"host": "10.1.2.3", "rdns": "host-3.local"}),
    ],
)
async def test_fake_names(record: Any, data: dict[str, Any], name: str, body: dict[str, Any]) -> None:
    enrich = rdns.build(rdns.Config(), Resources(environ={"AF_FAKE_RDNS": "true"}))
    assert await enrich([record(data)]) == [{"rdns": {name: body}}]


@pytest.mark.parametrize("value", ["", "a b", "<x>", "a" * 300, None, 5, "10.0.0.0/8"])
async def test_no_fake_name_for_what_is_none(record: Any, value: Any) -> None:
    enrich = rdns.build(rdns.Config(fake=True), Resources())
    assert await enrich([record({"host": value})]) == [None]


@pytest.mark.parametrize(
    ("said", "option", "fake"),
    [("true", None, True), ("1", None, True), ("false", None, False), ("", None, False), ("true", False, False),
     ("", True, True)],
)  # fmt: skip
async def test_the_option_counts_before_the_variable(
    record: Any, server: Server, said: str, option: bool | None, fake: bool
) -> None:
    port = server.transport.get_extra_info("sockname")[1]
    config = rdns.Config(fake=option, nameservers=(f"127.0.0.1:{port}",))
    enrich = rdns.build(config, Resources(environ={"AF_FAKE_RDNS": said}))
    (found,) = await enrich([record({"ip": "8.8.8.8"})])
    assert found == {"rdns": {"ip_rdns": {"ip": "8.8.8.8", "rdns": "host-8.local" if fake else "dns.google"}}}
    assert bool(server.asked) is not fake


# Options


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.1.1.1", ("1.1.1.1", 53)), ("1.1.1.1:5353", ("1.1.1.1", 5353)), ("::1", ("::1", 53)),
     ("[::1]", ("::1", 53)), ("[::1]:54", ("::1", 54))],
)  # fmt: skip
def test_name_servers(text: str, expected: tuple[str, int]) -> None:
    assert rdns.address_and_port(text) == expected


@pytest.mark.parametrize("server", ["dns.example", "1.1.1.1:0", "1.1.1.1:70000", "", "1.1.1.1:x", "[1::2::3]:53"])
def test_a_wrong_name_server_is_refused(server: str) -> None:
    with pytest.raises(ValidationError):
        rdns.Config(nameservers=(server,))


def test_redact_must_stand_behind_it_and_it_gets_an_agent() -> None:
    assert registry.STAGES.load("rdns").ADDS_TEXT
    assert registry.alone("rdns", registry.configure("rdns", {}))
