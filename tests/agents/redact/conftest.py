"""What the tests of redaction share."""

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import orjson
import pytest

from penstock.agents.redact.redact import Config, build
from penstock.model.component import Resources
from penstock.model.record import Headers, Kept, Record
from penstock.model.verdict import Keep

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The slow redaction that the stage must equal."""
    spec = importlib.util.spec_from_file_location("redact_oracle", Path(__file__).with_name("oracle.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def redact() -> Callable[..., Keep]:
    """Redacts one record under the options given; every set of options is compiled once."""
    built: dict[str, Any] = {}

    def run(
        data: bytes | dict[str, Any],
        notes: dict[str, bytes] | None = None,
        key: bytes | None = None,
        headers: Headers | None = None,
        **options: Any,
    ) -> Keep:
        if repr(options) not in built:
            built[repr(options)] = build(Config(**options), Resources(environ={"PENSTOCK_HASH_KEY": KEY}))
        raw = data if isinstance(data, bytes) else orjson.dumps(data)
        record = Record(Kept(0, 0, raw, notes or {}, key, headers or []), "t/0/0")
        (keep,) = asyncio.run(built[repr(options)]([record]))
        return cast(Keep, keep)

    return run
