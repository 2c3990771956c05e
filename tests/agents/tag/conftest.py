"""What the tests of this family share: a stage run on one record, as a chain would."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from penstock.agents import registry
from penstock.model.component import Resources
from penstock.model.record import Kept, Record

Run = Callable[..., Any]


@pytest.fixture
def run() -> Run:
    """Run the stage called `name` with these options on data; its notes."""

    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        function = registry.build(name, registry.configure(name, options), Resources())[1]
        verdict = function(Record(Kept(7, 0, json.dumps(data).encode(), {}), "t/0/7"))
        return {note: json.loads(value) for note, value in verdict.notes.items()}

    return run
