"""The other frameworks' virtual environment, `bench/.venv`: made on first use, anew when its requirements change.

They stand apart from the project's packages, because each pins what it shares with the others.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
NAMES = ("quixstreams", "bytewax", "faust-streaming", "confluent-kafka", "aiokafka", "orjson", "maxminddb", "pycld2")


class PeersError(Exception):
    """The environment could not be made; the message ends with what pip said."""


def ensure(progress: Callable[[str], None]) -> None:
    """Make the environment unless it is there with the present requirements.

    Raises
    ------
    PeersError
        When the environment or its packages cannot be installed.
    """
    make(VENV, REQUIREMENTS, lambda: progress("Installing the other frameworks into bench/.venv (once)"))


def make(venv: Path, requirements: Path, telling: Callable[[], None]) -> None:
    """Make a virtual environment unless it is there with these requirements; `telling` is called before.

    Raises
    ------
    PeersError
        When it or its packages cannot be installed.
    """
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = venv / "requirements.sha256"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    telling()
    shutil.rmtree(venv, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(venv))
    pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "-r", str(requirements))
    stamp.write_text(wanted, encoding="utf-8")


def versions() -> dict[str, str]:
    """Return the pinned versions of the packages that matter to the figures."""
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE))
    return {name: pins[name] for name in NAMES}


def has(package: str) -> bool:
    """Return whether the environment holds an importable `package`."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([str(PYTHON), "-c", code], check=False).returncode == 0


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise PeersError(f"an environment below bench/ could not be made: {' '.join(last)}")
