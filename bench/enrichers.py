"""What each enricher costs: CPU time a record, with values that it has not seen before, and with ones that it has.

    make bench-enrichers
    python bench/enrichers.py --only geoip,hash

Every enricher that the registry finds is run, alone and without Kafka, on records that are made of the examples in its
docstring, with the options that stand there: values of fields that `VALUES` knows (addresses, texts, numbers) differ
from record to record, others are as in the example. Writes `agents/enrich/figures.json`, from which `make docs` makes
`docs/reference/enrichers.md`. What cannot be run here has no figure, and the page says so. Those of media are run on
the photograph, the page and the recording of `media.py`, one record at a time; `http_api` asks that of `local_api.py`.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import doctest
import gc
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeAlias

import local_api
import media
import orjson
import psutil

from penstock.agents import registry
from penstock.agents.state import Draft
from penstock.cli.demo import networks
from penstock.model.component import Annotations, ApplyBatch, ApplyState, Enrich, EnrichBatch, EnrichRecord, Resources
from penstock.model.errors import EnrichmentError
from penstock.model.record import Kept, Record
from penstock.model.verdict import Keep, Verdict

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parent / "agents" / "enrich" / "figures.json"
FRAME: Final = 500
ENOUGH_SECONDS: Final = 1.5
MOST_RECORDS: Final = 8_000
"""Fewer than the values that any enricher keeps, so that those it has seen are there."""

TEXT: Final = (
    "the train to the coast is late again because of a broken signal near the old bridge and nobody at the station"
    " knows when the next one will leave so people share taxis or walk home along the river in the rain"
)
AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.{}.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS {}_5 like Mac OS X) AppleWebKit/605.1.15 Version/{}.5 Mobile/15E148",
    "Mozilla/5.0 (compatible; Googlebot/2.{}; +http://www.google.com/bot{}.html)",
)

FIRST: Final = ("Ann", "Bruno", "Chiara", "Diego", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Katya", "Luis")
LAST: Final = ("Almeida", "Berger", "Conti", "Dubois", "Eriksen", "Fischer", "Garcia", "Horvat", "Jansen", "Kowalska")


def _ip(random: Random) -> str:
    network = random.choice(networks.networks()).network
    return str(network[random.randrange(min(network.num_addresses, 1 << 30))])


def _text(random: Random) -> str:
    return " ".join(random.choices(TEXT.split(), k=18))


def _url(random: Random) -> str:
    return (
        f"https://shop{random.randrange(10**6)}.example.co.uk/a/../items/{random.randrange(10**6)}?q={random.random()}"
    )


def _agent(random: Random) -> str:
    return random.choice(AGENTS).format(random.randrange(9, 120), random.randrange(9999))


def _phone(random: Random) -> str:
    return f"+4930{random.randrange(10**6, 10**7)}"


def _email(random: Random) -> str:
    return f"{_name(random).replace(' ', '.').lower()}{random.randrange(10**6)}@example.com"


def _name(random: Random) -> str:
    return f"{random.choice(FIRST)} {random.choice(LAST)}"


def _price(random: Random) -> str:
    return f"EUR {random.randrange(1, 900)}.{random.randrange(100, 1000)},{random.randrange(10, 100)}"


VALUES: Final[dict[str, Callable[[Random], Any]]] = {
    **dict.fromkeys(("ip", "source_ip", "src_ip", "dest_ip", "dst_ip", "client_ip"), _ip),
    **dict.fromkeys(("text", "message", "body", "content", "description", "comment"), _text),
    **dict.fromkeys(("url", "link", "uri"), _url),
    **dict.fromkeys(("user_agent", "ua"), _agent),
    **dict.fromkeys(("phone", "tel"), _phone),
    **dict.fromkeys(("price", "amount", "total"), _price),
    "email": _email,
    "name": _name,
    "who": lambda random: str(random.randrange(10**9)),
}
"""Name of a field -> a value for it."""


class Example(NamedTuple):
    """A call of `run` in a docstring."""

    data: dict[str, Any]
    options: dict[str, Any]


class Skipped(Exception):  # noqa: N818 - says why there is no figure
    """Why an enricher has no figure."""


class AddedNothingError(Skipped):
    """It adds nothing to these records."""


def main() -> int:
    """Measure and write; 1 where an enricher that was asked for has no figure."""
    parser = argparse.ArgumentParser(description="What each enricher costs.")
    parser.add_argument("--only", default="", help="names, separated by commas (default: all)")
    chosen = parser.parse_args()
    names = [name for name in chosen.only.split(",") if name] or enrichers()
    before: dict[str, Any] = orjson.loads(FIGURES.read_bytes()) if FIGURES.exists() else {}
    found = {
        name: figure
        for name, figure in before.get("enrichers", {}).items()
        if name in enrichers() and name not in names
    }
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "GEOIP_DATABASE": str(networks.build(Path(folder) / "demo.mmdb"))}
        environ.setdefault("PENSTOCK_HASH_KEY", "0123456789abcdef" * 2)
        for name in names:
            found[name] = measured(name, environ)
            print(f"{name:20} {orjson.dumps(found[name]).decode()}", flush=True)
    machine = {"python": platform.python_version(), "processor": _processor(), "cores": os.cpu_count()}
    shown = {**before, "machine": machine, "enrichers": dict(sorted(found.items()))}
    FIGURES.write_bytes(orjson.dumps(shown, option=orjson.OPT_INDENT_2) + b"\n")
    return 1 if chosen.only and any("why" in found[name] for name in names) else 0


def enrichers() -> list[str]:
    """Names of the stages in agents/enrich and of those that others bring there, in the order of the alphabet."""
    modules = registry.STAGES.modules
    return sorted(name for name in modules if ".agents.enrich." in registry.STAGES.load(name).__name__)


def measured(name: str, environ: dict[str, str]) -> dict[str, Any]:
    """The figures of an enricher, or why it has none."""
    try:
        if name in media.MADE:
            return measure_media(name, environ)
        if name == "http_api":
            with local_api.serving() as url:
                path = "/users/{{who}}"
                found = measure(name, [Example({"who": "7"}, {"url": url + path})], environ)
                return {**found, "options": {"url": f"http://127.0.0.1{path}"}}  # its port is another each time
        return measure(name, examples(registry.STAGES.load(name), name), environ)
    except Skipped as skipped:
        return {"why": str(skipped)}
    except Exception as error:  # others are measured all the same
        return {"why": f"it did not run: {type(error).__name__}"}


def examples(module: ModuleType, name: str) -> list[Example]:
    """The data and options of each call ``run(name, {…}, option=…)`` in the docstring whose values are literal.

    A value may be a name that the docstring gave one before.
    """
    found: list[Example] = []
    named: dict[str, ast.expr] = {}
    for example in doctest.DocTestParser().get_examples(module.__doc__ or ""):
        for node in ast.walk(ast.parse(example.source)):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                named[node.targets[0].id] = node.value
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "run" and len(node.args) == 2:
                try:
                    called, data = (_literal(each, named) for each in node.args)
                    options = {each.arg: _literal(each.value, named) for each in node.keywords if each.arg}
                except ValueError:
                    continue
                if called == name and isinstance(data, dict):
                    found.append(Example(data, options))
    if not found:
        raise Skipped("its docstring has no example that can be run")
    return found


def _literal(node: ast.expr, named: Mapping[str, ast.expr]) -> Any:
    """The value of an expression. Raises ValueError where it is no literal."""

    class Named(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return named.get(node.id, node)

    return ast.literal_eval(Named().visit(node))


def measure(name: str, found: Sequence[Example], environ: dict[str, str]) -> dict[str, Any]:
    """CPU and wall time a record in the enricher, with new values and with seen ones."""
    example = found[0]
    data = [each.data for each in found if each.options == example.options]
    with asyncio.Runner() as runner:
        enrich = _built(name, example.options, environ, runner)
        own = False
        try:
            _round(enrich, records(data, 64, seed=0))  # models are loaded at the first record
        except AddedNothingError:  # what it looks for stands in the example's own text
            own = True
            _round(enrich, records(data, 64, seed=0, own=own))
        spent = _round(enrich, records(data, 64, seed=1, own=own))
        count = max(64, min(MOST_RECORDS, int(64 * ENOUGH_SECONDS / max(spent.wall, 1e-6))))
        work = records(data, count, seed=2, own=own)
        new = _round(enrich, work)
        seen = min((_round(enrich, work) for _ in range(5)), key=lambda each: each.cpu)
    return {
        "records": count,
        "cpu_us_new": round(new.cpu / count * 1e6, 2),
        "cpu_us_seen": round(seen.cpu / count * 1e6, 2),
        "wall_us_new": round(new.wall / count * 1e6, 2),
        "options": example.options,
    }


def measure_media(name: str, environ: dict[str, str]) -> dict[str, Any]:
    """The same of an enricher of media, on contents that are made for it."""
    field, make, count = media.MADE[name]
    random = Random(2)
    work = [_made(number, {field: make(random)}) for number in range(count + 1)]
    with ExitStack() as stack:
        if name != "exif_scrub":
            environ = {**environ, "AI_ENGINE_URL": stack.enter_context(media.engine())}
        runner = stack.enter_context(asyncio.Runner())
        whole = _built(name, {}, environ, runner)

        def enrich(frame: Sequence[Record]) -> Answers:
            return [answer for record in frame for answer in whole([record])]

        _round(enrich, work[:1])  # models are loaded at the first record
        new = _round(enrich, work[1:])
        seen = _round(enrich, work[1:])
    return {
        "records": count,
        "cpu_us_new": round(new.cpu / count * 1e6, 2),
        "cpu_us_seen": round(seen.cpu / count * 1e6, 2),
        "wall_us_new": round(new.wall / count * 1e6, 2),
        "options": {},
    }


def _made(number: int, data: dict[str, Any]) -> Record:
    return Record(Kept(number, 1_736_330_400_000 + number, orjson.dumps(data), {}), f"bench.raw/0/{number}")


class _Spent(NamedTuple):
    cpu: float
    wall: float


Answers: TypeAlias = Sequence[Annotations | Exception | None]


def _built(
    name: str, options: dict[str, Any], environ: dict[str, str], runner: asyncio.Runner
) -> Callable[[Sequence[Record]], Answers]:
    """The enricher as a function from the records of a frame to its answers."""
    kind, function = registry.build(name, registry.configure(name, options), Resources(environ=environ))
    one: Any = function
    if kind is EnrichBatch:
        return lambda frame: runner.run(one(frame))
    if kind is Enrich:
        return lambda frame: [one(record.data) for record in frame]
    if kind is EnrichRecord:
        return lambda frame: [one(record) for record in frame]
    if kind is ApplyBatch:
        return lambda frame: [_added(verdict) for verdict in runner.run(one(frame))]
    if kind is ApplyState:
        state = Draft()
        return lambda frame: [_added(one(record, state)) for record in frame]
    return lambda frame: [_added(one(record)) for record in frame]


def _added(verdict: Verdict) -> Annotations:
    """What a verdict adds to its record, or that there is one."""
    notes = verdict.notes if isinstance(verdict, Keep) else {}
    return notes or {"verdict": {"is": type(verdict).__name__}}


def _round(enrich: Callable[[Sequence[Record]], Answers], work: Sequence[Record]) -> _Spent:
    """Time in the enricher, this process's and its children's; raises Skipped where it added nothing, or failed."""
    answers: list[Annotations | Exception | None] = []
    gc.collect()
    gc.disable()  # what a collection takes is the heap's, which here is the benchmark's own
    try:
        cpu, wall = _cpu(), time.perf_counter()
        for first in range(0, len(work), FRAME):
            answers += enrich(work[first : first + FRAME])
        spent = _Spent(_cpu() - cpu, time.perf_counter() - wall)
    finally:
        gc.enable()
    failed = {
        each.reason if isinstance(each, EnrichmentError) else type(each).__name__
        for each in answers
        if isinstance(each, Exception)
    }
    if failed:
        raise Skipped(f"it failed here: {', '.join(sorted(failed))}")
    if not any(answers):
        raise AddedNothingError("it adds nothing to the records of its example")
    return spent


def _cpu() -> float:
    """Seconds of this process, of its children that live, and of those that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            spent += sum(child.cpu_times()[:2])
    return spent


def records(data: Sequence[dict[str, Any]], count: int, seed: int, *, own: bool = False) -> list[Record]:
    """Records made of these, decoded, each with values of its own where `VALUES` knows the field.

    With `own` what stands there comes behind the new value.
    """
    random = Random(seed)
    made = []
    for number in range(count):
        record = _made(number, _varied(data[number % len(data)], random, own))
        assert record.data is not None
        assert record.layout is not None
        made.append(record)
    return made


def _varied(value: Any, random: Random, own: bool, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _varied(item, random, own, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_varied(item, random, own, name) for item in value]
    if name not in VALUES or not isinstance(value, str):
        return value
    return f"{VALUES[name](random)} {value}" if own else VALUES[name](random)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
