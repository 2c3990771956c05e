"""penstock's own stages for a job of another framework: a raw record in, the enriched record out.

penstock and what it needs are found in the project's packages, behind the framework's own: where both have a package,
the framework's version is used.
"""

from __future__ import annotations

import os
import site
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from six_stages import six

T = TypeVar("T")

Enrich = Callable[[list[bytes]], list[bytes]]


def enricher(config: dict[str, Any]) -> Enrich:
    """Return a function from raw records to the enriched ones of those that are kept, in order."""
    for folder in config["packages"]:
        site.addsitedir(folder)  # reads the .pth files there too, by which an editable penstock is found
    from penstock.agents import chain as chains
    from penstock.agents import registry
    from penstock.codecs.enriched import ENRICHMENT_VERSION, MetadataWriter, encode
    from penstock.codecs.json import canonical
    from penstock.model.component import Resources
    from penstock.model.record import Kept, record_id

    topic = config["raw"]
    named = [next(iter(stage.items())) for stage in six(config)]
    stages = [(name, registry.configure(name, options)) for name, options in named]
    chains.LONG_SECONDS = float("inf")  # nothing else runs beside it that it would have to leave time to
    chain = chains.Chain(stages, Resources(pipeline=config["group"], environ=os.environ))
    metadata = MetadataWriter("dev", ENRICHMENT_VERSION)
    count = 0

    def enrich(values: list[bytes]) -> list[bytes]:
        nonlocal count
        now = time.time()
        entries = [Kept(count + i, int(now * 1000), canonical(value), {}) for i, value in enumerate(values)]
        count += len(values)
        result = _finished(chain.run(topic, 0, entries))
        return [
            encode(entry, id=record_id(topic, 0, entry), metadata=metadata.write(entry, now))
            for entry in result.entries
            if isinstance(entry, Kept)
        ]

    return enrich


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that never waits: none of the six stages asks a network."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError("a stage waits")
