"""`license`: where a record's license is found, who decides on it, and what happens when the registry cannot."""

import asyncio
import doctest
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.license import _registry, license
from penstock.agents.license._duties import duties
from penstock.agents.license._registry import Registry
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError, RejectedError, ServiceUnreachableError
from penstock.model.http import Backoff, ServiceClient
from penstock.model.license import Use
from penstock.model.record import Kept, Record, Stub
from penstock.model.verdict import Deny, Keep, Quarantine
from penstock.stores.cache import LocalCache

ALLOW = {"decision": "allow", "reason": "allowed", "duties": ["attribution", "state-changes"]}


def record(data: Any, offset: int = 0, headers: Any = ()) -> Record:
    return Record(Kept(offset, 0, json.dumps(data).encode(), {}, headers=list(headers)), f"t/0/{offset}")


def note(verdict: Any) -> Any:
    return json.loads(verdict.notes["license"]) if isinstance(verdict, Keep) else verdict


def judge(data: Any, headers: Any = (), pipeline: str | None = None, **options: Any) -> Any:
    resources = Resources(options={"license": pipeline})
    function = registry.build("license", registry.configure("license", options), resources)[1]
    return note(asyncio.run(function([record(data, headers=headers)]))[0])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stage(licenses, monkeypatch):
    """Build the stage with the fake registry, not waiting long; gives its function and its clock."""
    monkeypatch.setattr(ServiceClient.__init__, "__kwdefaults__", {
        **ServiceClient.__init__.__kwdefaults__, "backoff": Backoff(first=0.001, longest=0.01), "retries": 1,
    })  # fmt: skip

    def build(environ: dict[str, str] | None = None, **options: Any):
        clock = Clock()
        resources = Resources(environ={"LICENSE_REGISTRY_URL": licenses.url, **(environ or {})}, clock=clock)
        config = registry.configure("license", {"field": "license", **options})
        return registry.build("license", config, resources)[1], clock

    return build


def frame(*ids: Any) -> list[Record]:
    return [record({"license": id}, offset) for offset, id in enumerate(ids)]


def test_the_examples(run):
    results = doctest.testmod(license, extraglobs={"run": run})
    assert results.failed == 0 and results.attempted >= 3


def test_where_a_license_is_found():
    allow = ["MIT", "CC-BY-4.0", "CC0-1.0", "ODbL-1.0"]
    options = {"field": "meta.license", "allow": allow}
    header = [("penstock-license", b"CC-BY-4.0")]
    assert judge({"meta": {"license": "mit"}}, header, "ODbL-1.0", default="CC0-1.0", **options)["id"] == "MIT"
    assert judge({"meta": {"license": None}}, header, "ODbL-1.0", default="CC0-1.0", **options)["id"] == "CC-BY-4.0"
    assert judge({"meta": {"license": ""}}, (), "ODbL-1.0", default="CC0-1.0", **options)["id"] == "CC0-1.0"
    assert judge({"meta": 7}, (), "ODbL-1.0", **options)["id"] == "ODbL-1.0"
    assert judge({}, (), None, **options) == Quarantine("license_missing")
    assert judge({}, (), None, unknown="deny", **options) == Deny("license_missing")
    assert judge({}, (), None, unknown="allow", **options) == {"id": None, "decision": "allow", "duties": []}


@pytest.mark.parametrize("value", [7, True, {"id": "MIT"}, ["MIT"], "see attached file", "MIT OR", "x@y.z", "M" * 300])
def test_a_field_that_holds_no_license_does_not_fall_back_to_the_default(value):
    data = {"license": value}
    assert judge(data, default="MIT", field="license", allow=["MIT"]) == Quarantine("license_unknown")
    allowed = judge(data, default="MIT", field="license", unknown="allow")
    assert allowed == {"id": None, "decision": "allow", "duties": []}, "and is not repeated in the note"


def test_who_decides_first():
    lists = {"deny": ["A"], "quarantine": ["A", "B"], "allow": ["A", "B", "C"], "field": "license", "unknown": "allow"}
    assert judge({"license": "a"}, **lists) == Deny("license_denied")
    assert judge({"license": "b"}, **lists) == Quarantine("license_quarantined")
    assert judge({"license": "c"}, **lists) == {"id": "c", "decision": "allow", "duties": []}
    assert judge({"license": "d"}, **lists) == {"id": "d", "decision": "allow", "duties": []}
    assert judge({"license": "d"}, **{**lists, "unknown": "deny"}) == Deny("license_unknown")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("cc-by-sa-4.0", ("CC-BY-SA-4.0", ["attribution", "share-alike"])),
        ("deny OR cc-by-4.0", ("deny OR CC-BY-4.0", ["attribution"])),
        ("cc-by-4.0 and odbl-1.0", ("CC-BY-4.0 AND ODbL-1.0", ["attribution", "share-alike", "keep-open"])),
        ("cc-by-4.0 and (deny or cc0-1.0)", ("CC-BY-4.0 AND (deny OR CC0-1.0)", ["attribution"])),
        ("cc0-1.0+ with some-exception", ("CC0-1.0+ WITH some-exception", [])),
        ("cc-by-4.0 and deny", Deny("license_denied")),
        ("cc-by-4.0 and later", Quarantine("license_quarantined")),
        ("later and deny", Deny("license_denied")),
        ("later or deny", Quarantine("license_quarantined")),
        ("cc-by-4.0 and unheard-of", Quarantine("license_unknown")),
        ("deny or unheard-of", Quarantine("license_unknown")),
        ("cc0-1.0 or deny and later", ("CC0-1.0 OR (deny AND later)", [])),
    ],
)
def test_expressions(written, expected):
    lists = {"allow": ["CC-BY-4.0", "cc-by-sa-4.0", "ODbL-1.0", "CC0-1.0"], "deny": ["deny"], "quarantine": ["later"]}
    found = judge({"license": written}, field="license", **lists)
    assert found == expected if not isinstance(expected, tuple) else (found["id"], found["duties"]) == expected


def test_duties_known_without_a_registry():
    assert duties("CC-BY-4.0") == ("attribution",)
    assert duties("CC-BY-NC-ND-4.0") == ("attribution", "non-commercial", "no-derivatives")
    assert duties("MIT") == ("attribution", "license-notice") and duties("MIT-0") == ()
    assert duties("CC0-1.0") == duties("PDDL-1.0") == duties("LicenseRef-Mine") == ()
    assert "disclose-source" in duties("AGPL-3.0-only") and "disclose-source" in duties("LGPL-2.1-or-later")


async def test_the_registry_decides_what_the_file_does_not_and_is_asked_once_a_frame(stage, licenses):
    licenses.licenses = {
        "CC-BY-4.0": ALLOW,
        "Old-1.0": {"decision": "deny", "reason": "revoked", "duties": []},
        "Past-1.0": {"decision": "deny", "reason": "expired", "duties": []},
        "No-1.0": {"decision": "deny", "reason": "denied", "duties": []},
    }
    check, clock = stage({"PENSTOCK_API_TOKEN": "t0ken", "AUTHORITY_ID": "me"}, deny=["MIT"], operation="enrich")
    given = frame("cc-by-4.0", "Old-1.0", "Past-1.0", "No-1.0", "What-1.0", "MIT", "CC-BY-4.0", None)
    first = [note(verdict) for verdict in await check(given)]
    assert first == [
        {"id": "CC-BY-4.0", "decision": "allow", "duties": ["attribution", "state-changes"]},
        Deny("license_revoked"),
        Deny("license_revoked"),
        Deny("license_denied"),
        Quarantine("license_unknown"),
        Deny("license_denied"),
        {"id": "CC-BY-4.0", "decision": "allow", "duties": ["attribution", "state-changes"]},
        Quarantine("license_missing"),
    ]
    (question,) = licenses.questions
    wanted = ["CC-BY-4.0", "No-1.0", "Old-1.0", "Past-1.0", "What-1.0"]
    assert question == {"licenses": wanted, "operation": "enrich", "tenant_id": "default"}
    head = licenses.heads[0].lower()
    assert head.startswith(b"post /api/v1/check ")
    assert b"x-authority-id: me\r\n" in head and b"authorization: bearer t0ken\r\n" in head
    again = [note(verdict) for verdict in await check(given)]
    assert again == first and len(licenses.questions) == 1
    licenses.licenses["No-1.0"] = ALLOW
    clock.now += 301
    assert note((await check(frame("No-1.0")))[0])["decision"] == "allow"
    (question,) = licenses.questions[1:]
    assert question["licenses"] == ["No-1.0"], "only what is asked for again"


async def test_an_answer_that_expires_takes_the_verdicts_made_from_it_along(stage, licenses):
    licenses.licenses = {"A": ALLOW, "B": ALLOW}
    check, clock = stage(cache_seconds=100)
    await check(frame("A"))
    clock.now += 60
    await check(frame("A AND B"))
    clock.now += 41
    licenses.licenses["A"] = {"decision": "deny", "reason": "denied", "duties": []}
    assert (await check(frame("A AND B"))) == [Deny("license_denied")]
    assert [question["licenses"] for question in licenses.questions] == [["A"], ["B"], ["A"]]


async def test_what_the_file_settles_is_not_asked(stage, licenses):
    check, _ = stage(allow=["A"], deny=["D"], quarantine=["Q"])
    found = [note(v) for v in await check(frame("A", "D", "Q", "A OR X", "D AND X", "?!", None))]
    assert [f["id"] if isinstance(f, dict) else f for f in found] == [
        "A",
        Deny("license_denied"),
        Quarantine("license_quarantined"),
        "A OR X",
        Deny("license_denied"),
        Quarantine("license_unknown"),
        Quarantine("license_missing"),
    ]
    assert licenses.questions == []


@pytest.mark.parametrize(
    "broken", [(503, b""), (401, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"results":{"A":{"decision":"maybe"}}}')]
)
async def test_no_registry_means_waiting_or_what_the_file_says(stage, licenses, broken):
    licenses.broken = broken
    check, _ = stage(allow=["MIT"])
    assert note((await check(frame("MIT")))[0])["decision"] == "allow"
    with pytest.raises(ServiceUnreachableError, match="LICENSE_REGISTRY_URL") as caught:
        await check(frame("MIT", "A"))
    assert licenses.url in str(caught.value)
    for instead, expected in {"deny": Deny, "quarantine": Quarantine}.items():
        check, _ = stage(when_unreachable=instead)
        assert await check(frame("A")) == [expected("license_unverified")]
    check, _ = stage(when_unreachable="allow", deny=["MIT"])
    verdicts = [note(v) for v in await check(frame("CC-BY-4.0", "MIT"))]
    assert verdicts == [{"id": "CC-BY-4.0", "decision": "allow", "duties": ["attribution"]}, Deny("license_denied")]
    licenses.broken = None
    licenses.licenses["CC-BY-4.0"] = {"decision": "deny", "reason": "denied", "duties": []}
    check, _ = stage(when_unreachable="allow")
    assert await check(frame("CC-BY-4.0")) == [Deny("license_denied")]


async def test_a_stopgap_verdict_is_not_kept(stage, licenses):
    check, _ = stage(when_unreachable="quarantine")
    licenses.broken = (503, b"")
    assert await check(frame("A")) == [Quarantine("license_unverified")]
    licenses.broken, licenses.licenses["A"] = None, ALLOW
    assert note((await check(frame("A")))[0])["decision"] == "allow"


async def test_a_refused_question_kills_only_the_records_that_it_is_about(stage, licenses):
    licenses.licenses, licenses.refuses = {"A": ALLOW, "B": ALLOW}, {"B"}
    _, clock = stage()
    entries = [Kept(i, 0, json.dumps({"license": id}).encode(), {}) for i, id in enumerate("ABABABB")]
    resources = Resources(environ={"LICENSE_REGISTRY_URL": licenses.url}, clock=clock)
    chain = Chain([("license", registry.configure("license", {"field": "license"}))], resources)
    result = await chain.run("t", 0, entries)
    outcomes = [entry.outcome + ":" + entry.code if isinstance(entry, Stub) else "kept" for entry in result.entries]
    assert outcomes == ["kept", "dead:rejected", "kept", "dead:rejected", "kept", "dead:rejected", "dead:rejected"]
    assert len(licenses.questions) == 3, "together, then each license once"


async def test_frames_at_the_same_time(stage, licenses):
    licenses.licenses = dict.fromkeys("ABCDEF", ALLOW)
    check, _ = stage()
    frames = [frame(*ids) for ids in ("ABC", "BCD", "CDE", "DEF", "AXF")]
    answers = await asyncio.gather(*(check(one) for one in frames))
    decisions = ["".join("+" if isinstance(v, Keep) else "-" for v in verdicts) for verdicts in answers]
    assert decisions == ["+++", "+++", "+++", "+++", "+-+"]


async def test_many_licenses_are_asked_for_in_several_questions(licenses, monkeypatch):
    monkeypatch.setattr(_registry, "_MOST_ASKED", 10)
    here = Resources(environ={"LICENSE_REGISTRY_URL": licenses.url})
    asked = Registry(here, Use(), 300, cache=LocalCache(most=25))
    wanted = [f"L-{number}" for number in range(34)]
    licenses.licenses = dict.fromkeys(wanted, ALLOW)
    findings, _ = await asked.findings(wanted)
    assert len(findings) == 34 and {finding.decision for finding in findings.values()} == {"allow"}
    assert [len(question["licenses"]) for question in licenses.questions] == [10, 10, 10, 4]
    await asked.findings(wanted[-25:])
    assert len(licenses.questions) == 4, "what fits is kept"


async def test_no_more_refusals_are_kept_than_fit(licenses, monkeypatch):
    monkeypatch.setattr(_registry, "_MOST_REFUSED", 3)
    asked = Registry(Resources(environ={"LICENSE_REGISTRY_URL": licenses.url}), Use(), 300)
    licenses.refuses = set("ABCDE")
    for id in "ABCDEAE":
        with pytest.raises(RejectedError):
            await asked.findings([id])
    assert [question["licenses"][0] for question in licenses.questions] == list("ABCDEA")


async def test_when_the_registry_is_asked(licenses):
    def build(environ: dict[str, str], **options: Any):
        config = registry.configure("license", {"field": "license", **options})
        return registry.build("license", config, Resources(environ=environ))[1]

    licenses.licenses["A"] = ALLOW
    here = {"LICENSE_REGISTRY_URL": licenses.url}
    for environ, options, expected in [
        ({}, {}, 0), (here, {}, 1), (here, {"registry": "off"}, 0), (here, {"registry": False}, 0),
        (here, {"registry": "required"}, 1), (here, {"registry": True}, 1),
    ]:  # fmt: skip
        licenses.questions.clear()
        await build(environ, **options)(frame("A"))
        assert len(licenses.questions) == expected, (environ, options)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.text("ABM+-.:()_ \t\u00e4@", max_size=30)
    | st.lists(st.sampled_from(["A", "B", "(", ")", "AND", "OR", "with", "M"])).map(" ".join)
)
def test_whatever_stands_there_is_a_verdict_and_reads_the_same_when_written_back(text):
    data = {"license": text}
    lists = {"field": "license", "allow": ["A"], "deny": ["M"]}
    found = judge(data, **lists)
    if isinstance(found, dict):
        assert judge({"license": found["id"]}, **lists) == found
    else:
        assert found.code in ("license_denied", "license_unknown", "license_missing")


def test_deep_expressions_are_refused_or_read_but_never_raise():
    assert judge({"license": "(" * 120 + "A" + ")" * 120}, field="license", allow=["A"])["id"] == "A"
    assert judge({"license": "(" * 200}, field="license") == Quarantine("license_unknown")


@pytest.mark.parametrize(
    "options",
    [{"allow": ["MIT OR ISC"]}, {"deny": ["a b"]}, {"allow": ["CC0-1.0+"]}, {"default": "?"}, {"unknown": "drop"},
     {"operation": "Ingest"}, {"registry": "maybe"}, {"cache_seconds": 0}, {"allowed": ["MIT"]}],
)  # fmt: skip
def test_options_that_cannot_be(options):
    with pytest.raises(ValidationError):
        registry.configure("license", options)


def test_a_pipeline_license_or_an_address_that_cannot_be():
    with pytest.raises(ConfigurationError, match="SPDX"):
        judge({}, pipeline="free of charge!")
    with pytest.raises(ConfigurationError, match="LICENSE_REGISTRY_URL"):
        registry.build(
            "license", registry.configure("license", {}), Resources(environ={"LICENSE_REGISTRY_URL": "localhost:1"})
        )


def test_refusals_kept_are_raised_without_growing():
    async def scenario() -> int:
        asked = Registry(Resources(), Use(), 300)
        asked._refuse(_registry._Id("default", "A"), _registry._Refused(RejectedError("it", 422), 1e12))
        depth = 0
        for _ in range(5):
            try:
                await asked.findings(["A"])
            except RejectedError as error:
                trace, depth = error.__traceback__, 0
                while trace is not None:
                    trace, depth = trace.tb_next, depth + 1
        return depth

    assert asyncio.run(scenario()) == 3, "here, in findings and where it is raised"


# Shared between workers


@pytest.fixture
def workers(licenses, redis_server):
    """Make the client of one more worker, with a clock of its own."""

    def make(seconds: float = 300, pipeline: str = "orders", operation: str = "ingest", **environ: str):
        clock = Clock()
        here = {"LICENSE_REGISTRY_URL": licenses.url, "REDIS_URL": redis_server.url, **environ}
        return Registry(Resources(pipeline=pipeline, environ=here, clock=clock), Use(operation), seconds), clock

    return make


def asked_for(licenses) -> list[list[str]]:
    return [question["licenses"] for question in licenses.questions]


async def test_what_one_worker_was_told_no_other_asks(workers, licenses):
    licenses.licenses = {"A": ALLOW, "B": {"decision": "deny", "reason": "revoked"}}
    first = (await workers()[0].findings(["A", "B", "X"]))[0]
    second, clock = workers()
    found, until = await second.findings(["X", "B", "A", "C"])
    assert {id: found[id] for id in first} == first
    assert (found["A"].duties, found["B"].reason) == (("attribution", "state-changes"), "revoked")
    assert asked_for(licenses) == [["A", "B", "X"], ["C"]]
    assert clock.now + 290 < until <= clock.now + 300


async def test_a_finding_holds_once_its_time_whoever_asked(workers, licenses, redis_server):
    licenses.licenses["A"] = ALLOW
    await workers()[0].findings(["A"])
    with redis_server.client() as client:
        (name,) = client.keys()
        client.pexpire(name, 40_000)  # as if it were 260 s later
    second, clock = workers()
    _, until = await second.findings(["A"])
    assert clock.now + 35 < until <= clock.now + 40
    licenses.licenses["A"] = {"decision": "deny", "reason": "denied"}
    with redis_server.client() as client:
        client.flushall()
    clock.now = until - 1
    assert (await second.findings(["A"]))[0]["A"].decision == "allow"
    clock.now = until
    assert (await second.findings(["A"]))[0]["A"].decision == "deny"


async def test_what_an_answer_depends_on_is_not_shared(workers, licenses):
    licenses.licenses["A"] = ALLOW
    for others in (
        {}, {"operation": "export"}, {"seconds": 299}, {"AUTHORITY_ID": "somebody"}, {"pipeline": "another"},
        {"LICENSE_REGISTRY_URL": f"{licenses.url}/elsewhere"},
    ):  # fmt: skip
        await workers(**others)[0].findings(["A"])
        await workers(**others)[0].findings(["A"])
    assert len(licenses.questions) == 6


async def test_failures_are_not_shared(workers, licenses, redis_server, monkeypatch):
    monkeypatch.setattr(ServiceClient.__init__, "__kwdefaults__", {
        **ServiceClient.__init__.__kwdefaults__, "backoff": Backoff(first=0.001, longest=0.01), "retries": 1,
    })  # fmt: skip
    for broken in ((503, b""), (200, b"[]"), (200, b'{"results": {"A": {"decision": "perhaps"}}}')):
        licenses.broken = broken
        with pytest.raises(ServiceUnreachableError):
            await workers()[0].findings(["A"])
    licenses.broken, licenses.refuses = None, {"A"}
    with pytest.raises(RejectedError):
        await workers()[0].findings(["A"])
    with redis_server.client() as client:
        assert client.keys() == []
    licenses.refuses, licenses.licenses["A"] = set(), ALLOW
    assert (await workers()[0].findings(["A"]))[0]["A"].decision == "allow"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\xff\0", b"null", b"[]", b'{"decision": "perhaps"}', b'{"decision": "allow", "duties": 7}', b"{" * 999],
)
async def test_what_others_put_there_is_asked_for_and_written_over(garbage, workers, licenses, redis_server):
    licenses.licenses["A"] = ALLOW
    await workers()[0].findings(["A"])
    with redis_server.client() as client:
        (name,) = client.keys()
        good = client.get(name)
        client.set(name, garbage, ex=300)
        assert (await workers()[0].findings(["A"]))[0]["A"].decision == "allow"
        assert client.get(name) == good
        client.set(name, good, ex=3000)
        assert (await workers()[0].findings(["A"]))[0]["A"].decision == "allow"
        assert client.ttl(name) <= 300, "nobody like this one says that it holds that long"
    assert len(licenses.questions) == 3


async def test_the_stream_goes_on_without_redis_and_says_so_once(stage, licenses, redis_server, caplog):
    licenses.licenses = {"A": ALLOW, "B": ALLOW, "C": ALLOW}
    check, _ = stage({"REDIS_URL": redis_server.url})
    assert isinstance((await check(frame("A")))[0], Keep)
    redis_server.kill()
    for ids in ("AB", "ABC"):
        assert all(isinstance(verdict, Keep) for verdict in await check(frame(*ids)))
    assert asked_for(licenses) == [["A"], ["B"], ["C"]]
    (line,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert f"Redis at 127.0.0.1:{redis_server.port}" in line and redis_server.password not in line


def test_an_address_of_redis_that_cannot_be():
    resources = Resources(environ={"LICENSE_REGISTRY_URL": "http://localhost", "REDIS_URL": "http://localhost"})
    with pytest.raises(ConfigurationError, match="REDIS_URL"):
        registry.build("license", registry.configure("license", {}), resources)
