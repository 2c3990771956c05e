"""Kafka's jars: downloaded once from Maven Central with jgo, and run only if they are those in ``kafka.json``.

``kafka.json`` lists each jar as ``group:artifact:version`` with its SHA-256: what Maven resolves for `KAFKA`, and the
binding of SLF4J to Log4j, which only Kafka's own distribution brings and without which a broker logs nothing. The list
makes the download quick (no POM is read), the same everywhere, and safe: Maven's own checksums come from the same
server as the jar, and jgo only warns when they differ. A test compares the list with what jgo resolves, so a new
version of Kafka means: change `VERSION`, run that test, take over the list that it prints.

A jar in the user's Maven cache (``M2_REPO``, ``~/.m2/repository``) is used where it is and never written. Others are
kept in ``<home>/maven``. What was checked is noted in ``<home>/kafka-<version>.json`` with size and time of change, so
that a later start neither hashes nor loads jgo.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

from penstock.broker.lock import exclusive
from penstock.model.errors import BrokerStartError

VERSION: Final = "4.1.1"
KAFKA: Final = f"org.apache.kafka:kafka_2.13:{VERSION}"
LOGGING: Final = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
REPOSITORY_VARIABLE: Final = "PENSTOCK_MAVEN_URL"
LIST: Final = Path(__file__).with_name("kafka.json")
LONGEST_WAIT: Final = 600.0
"""Seconds to wait for another process that downloads."""
_CONNECTIONS: Final = 4

Progress = Callable[[str], None]
"""Called with one line for a person, whenever there is something new to say."""


def central() -> str:
    """Give the address of Maven Central, as jgo knows it."""
    from jgo.constants import MAVEN_CENTRAL_URL  # imports what only a download needs

    return str(MAVEN_CENTRAL_URL)


def listed() -> dict[str, str]:
    """Give the jars that a broker needs: ``group:artifact:version`` to SHA-256 in hexadecimal."""
    found: dict[str, str] = json.loads(LIST.read_text("utf-8"))
    return found


def class_path(home: Path, on_progress: Progress, *, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Give the jars, downloaded and checked; quick and without the network after the first time.

    Parameters
    ----------
    home : Path
        penstock's data folder.
    on_progress : callable
        Told when a download begins and how far it is.

    Raises
    ------
    BrokerStartError
        A jar is not here and cannot be downloaded, or is not the one that was listed.
    """
    note = home / f"kafka-{VERSION}.json"
    if known := _noted(note):
        return known
    with exclusive(home / "jars.lock", wait_seconds=LONGEST_WAIT, on_wait=lambda: on_progress(_WAITING)):
        if known := _noted(note):
            return known
        on_progress(f"getting Apache Kafka {VERSION} ({len(listed())} files, 44 MB, needed once)")
        jars = _checked(home / "maven", environ.get(REPOSITORY_VARIABLE) or central(), on_progress)
        _write_note(note, jars)
    return jars


_WAITING: Final = f"waiting for another process that downloads Apache Kafka {VERSION}"


def _noted(note: Path) -> list[Path]:
    """Give the jars that were checked earlier; none if the list is another one, or a jar changed since or is gone."""
    try:
        content = json.loads(note.read_text("utf-8"))
        same = all(_mark(Path(path)) == mark for path, mark in content["jars"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [Path(path) for path in content["jars"]] if same and content.get("list") == _digest(LIST) else []


def _write_note(note: Path, jars: Sequence[Path]) -> None:
    content = {"list": _digest(LIST), "jars": {str(jar): _mark(jar) for jar in jars}}
    new = note.with_suffix(".new")
    new.write_text(json.dumps(content, indent=1), "utf-8")
    new.replace(note)


def _mark(jar: Path) -> list[int]:
    about = jar.stat()
    return [about.st_size, about.st_mtime_ns]


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _checked(cache: Path, repository: str, on_progress: Progress) -> list[Path]:
    from jgo.constants import default_maven_repo
    from jgo.maven import MavenContext

    # what it warns of (a checksum that differs) is an error here
    logging.getLogger("jgo").setLevel(logging.ERROR)
    remote = {"central": repository.rstrip("/")}
    shared = MavenContext(repo_cache=cache, local_repos=[default_maven_repo()], remote_repos=remote)
    own = MavenContext(repo_cache=cache, local_repos=[], remote_repos=remote)
    wanted = listed()
    found: dict[str, Path] = {}
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        tasks = {pool.submit(_fetch, shared, own, name, sha256): name for name, sha256 in wanted.items()}
        try:
            for task in as_completed(tasks):
                found[tasks[task]] = task.result()
                if len(found) % 10 == 0:
                    on_progress(f"getting Apache Kafka {VERSION}: {len(found)} of {len(wanted)} files")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [found[name] for name in wanted]


def _fetch(shared: Any, own: Any, name: str, sha256: str) -> Path:
    """Find or download one jar, anew where what lies there is damaged (a download that was cut off, say)."""
    group, artifact, version = name.split(":")
    for context in (shared, own, own):
        jar = context.project(group, artifact).at_version(version).artifact()
        try:
            path = Path(jar.resolve())
        except (OSError, RuntimeError) as problem:
            raise BrokerStartError(
                f"cannot download {name} from {context.remote_repos['central']} ({type(problem).__name__}); "
                f"the embedded broker needs Apache Kafka {VERSION} from there once",
                hint=f"connect to the internet, set {REPOSITORY_VARIABLE} to a mirror of Maven Central, "
                "or set KAFKA_BOOTSTRAP_SERVERS to a broker that runs already",
            ) from problem
        if _digest(path) == sha256:
            return path
        # only here, never in the user's own Maven cache: that is not ours to tidy
        Path(jar.cached_path).unlink(missing_ok=True)
    raise BrokerStartError(
        f"{name} from {own.remote_repos['central']} is not the file that was published: its SHA-256 differs",
        hint=f"look at {REPOSITORY_VARIABLE} and at what stands between this machine and Maven Central",
    )
