"""What the demo needs around its pipeline: records, a GeoIP database, a broker, services, keys.

Everything is under ``<home>/demo``; each run has a pipeline name and a tenant of its own, so that nothing of an earlier
run is counted, and the topics of earlier runs are deleted first.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from penstock.agents.runtime import topics
from penstock.agents.runtime.cluster import Cluster
from penstock.broker import embedded
from penstock.cli.demo import networks
from penstock.cli.demo.generate import EVENTS, TICKETS, generate
from penstock.model.errors import ConfigurationError
from penstock.services import host
from penstock.services.host import ServicesInfo
from penstock.topology.load import load
from penstock.topology.spec import Pipeline

PREFIX = "demo-"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """The stage is set.

    Attributes
    ----------
    environ : mapping
        What the pipeline runs with.
    records : int
        How many were generated.
    inputs : str
        What they are read from.
    """

    pipeline: Pipeline
    cluster: Cluster
    environ: Mapping[str, str]
    home: Path
    records: int
    inputs: str
    services: ServicesInfo
    file: Path


def pipeline_text(name: str = "demo") -> str:
    """A bundled pipeline file."""
    with as_file(files("penstock.topology") / "pipelines" / f"{name}.yml") as path:
        return path.read_text(encoding="utf-8")


def set_up(home: Path, pipeline: str, records: int, seed: int, chain: str | None, say: Say) -> Scene:
    """Generate the records, and find or start the broker and the services.

    Raises
    ------
    ConfigurationError
        The pipeline needs a service that this installation lacks, or that was not started with the others.
    """
    if pipeline == "media" and "ai_engine" in (lacking := host.missing()):
        raise ConfigurationError(f"the AI engine is not installed: {lacking['ai_engine']}")
    folder = home / "demo"
    shutil.rmtree(folder / "data", ignore_errors=True)
    say("generating records")
    inputs = _generate(folder / "data", pipeline, records, seed)
    database = networks.build(folder / "networks.mmdb")
    say("finding or starting Kafka")
    bootstrap = embedded.find_or_start(os.environ, say)
    say("finding or starting the services")
    services = host.status(home) or host.start(home=home)
    if pipeline == "media" and "ai_engine" not in services.urls:
        raise ConfigurationError("the services run without the AI engine", hint="penstock services stop")
    name = f"{PREFIX}{time.strftime('%m%d-%H%M%S')}"
    environ = {
        **services.env(),
        "PENSTOCK_HASH_KEY": secrets.token_hex(32),
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "DEMO_DATA": str((folder / "data").resolve()),
        "GEOIP_DATABASE": str(database),
        "PENSTOCK_HOME": str(home),
        "DEMO_NAME": name,
    }
    file = folder / f"{name}.yml"
    text = pipeline_text(pipeline)
    if chain is not None:
        text = re.sub(r"(?m)^chain: \w+", f"chain: {chain}", text)
    file.write_text(text, encoding="utf-8")
    return Scene(load(file, environ), Cluster(bootstrap, environ), environ, home, records, inputs, services, file)


def _generate(folder: Path, pipeline: str, records: int, seed: int) -> str:
    """Write the records to a folder; what they are read from, in words."""
    if pipeline == "media":
        from penstock.cli.demo import media  # draws with a package that the other demo does without

        media.generate(folder, records, seed)
        return f"{media.FILE}: pictures, PDFs and recordings"
    generate(folder, records, seed)
    return f"{TICKETS} and {EVENTS}"


async def forget_earlier(scene: Scene) -> None:
    """Delete what earlier demos left: topics, pipeline files, state."""
    await topics.forget(scene.cluster, PREFIX)
    for path in (scene.home / "demo").glob(f"{PREFIX}*.yml"):
        if path != scene.file:
            path.unlink(missing_ok=True)
    for folder in (scene.home / "state", scene.home / "claims"):
        for path in folder.glob(f"{PREFIX}*"):
            shutil.rmtree(path, ignore_errors=True)
