"""The folder where penstock keeps what outlives a run: the broker, its jars and data, keys, state, claims."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from penstock.model.errors import ConfigurationError


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Give the user's data folder; it exists afterwards, and was made for this user alone (0700).

    ``PENSTOCK_HOME`` names it; otherwise it is ``penstock`` below the platform's folder for data: ``XDG_DATA_HOME``
    (XDG Base Directory Specification, section 3), ``~/Library/Application Support``, or ``%LOCALAPPDATA%``.

    Raises
    ------
    ConfigurationError
        The folder cannot be made.
    """
    folder = _place(environ)
    try:
        private_folder(folder)
    except OSError as problem:
        raise ConfigurationError(
            f"cannot make the folder {folder}: {problem.strerror}", hint="set PENSTOCK_HOME to one that you may write"
        ) from problem
    return folder


def private_folder(folder: Path) -> None:
    """Make a folder that only this user may enter, and those above it; one that exists keeps its permissions."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _place(environ: Mapping[str, str]) -> Path:
    if named := environ.get("PENSTOCK_HOME"):
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "penstock"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "penstock"
    # a relative XDG_DATA_HOME is invalid and to be ignored, says the specification
    named = environ.get("XDG_DATA_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "share") / "penstock"
