"""Who takes part: the jobs by name, and what each needs to run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import peers

JOBS = Path(__file__).parent / "jobs"


@dataclass(frozen=True, slots=True)
class Contender:
    """A job of the benchmark.

    Attributes
    ----------
    script
        File in `bench/jobs`.
    package
        What a job of another framework imports; it runs in `bench/.venv`. None runs in the project's environment.
    most
        The largest number of records it is given, for a job too slow for the others' number.
    kafka
        False for a job without topics, which measures itself.
    borrows
        Whether a peer runs penstock's stages instead of its own; it then finds the project's packages behind its own.
    """

    name: str
    script: str
    package: str | None = None
    most: int | None = None
    kafka: bool = True
    borrows: bool = False

    @property
    def path(self) -> Path:
        return JOBS / self.script

    @property
    def peer(self) -> bool:
        return self.package is not None

    @property
    def rival(self) -> bool:
        """Whether it does the whole job without penstock."""
        return self.peer and not self.borrows

    @property
    def python(self) -> str:
        return str(peers.PYTHON) if self.peer else sys.executable

    def absent(self) -> str | None:
        """Return why the job cannot run here, or None where it can. The peers' environment must be made."""
        if not self.path.exists():
            return f"bench/jobs/{self.script} is not there"
        if self.package and not peers.has(self.package):
            return f"{self.package} has no wheel for Python {sys.version_info.major}.{sys.version_info.minor}"
        return None


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("penstock-fused", "penstock_fused.py"),
        Contender("penstock-topics", "penstock_topics.py"),
        Contender("quix", "peer_quix.py", package="quixstreams"),
        Contender("bytewax", "peer_bytewax.py", package="bytewax"),
        Contender("faust", "peer_faust.py", package="faust"),
        Contender("faust-chained", "peer_faust_chained.py", package="faust", most=3_000),
        Contender("quix-own", "own_quix.py", package="quixstreams", borrows=True),
        Contender("bytewax-own", "own_bytewax.py", package="bytewax", borrows=True),
        Contender("bytewax-own-batch", "own_bytewax_batch.py", package="bytewax", borrows=True),
        Contender("floor", "floor.py", kafka=False),
    )
}
