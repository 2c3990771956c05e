"""Configuration is strict; what sources and sinks exchange has the defaults it says."""

from typing import Any

import msgspec
import pytest
from pydantic import Field, ValidationError

from penstock.model.component import (
    Batch,
    ComponentConfig,
    Page,
    Position,
    Receipt,
    Resources,
    SinkConfig,
    SourceConfig,
    SourceRecord,
    StageConfig,
    Unreadable,
)


class Options(ComponentConfig):
    size: int = Field(1, ge=1, alias="length")
    wrong: int = Field(0, ge=0)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValidationError, match="sise"):
        Options.model_validate({"sise": 1})


def test_values_do_not_change_after_loading() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Options().size = 2  # type: ignore[misc]


def test_an_option_goes_by_its_name_and_its_alias() -> None:
    assert Options.model_validate({"size": 2}) == Options.model_validate({"length": 2})


def test_defaults_are_validated_too() -> None:
    class Wrong(ComponentConfig):
        size: int = Field(0, ge=1)

    with pytest.raises(ValidationError):
        Wrong()


@pytest.mark.parametrize(
    ("config", "options"),
    [(StageConfig, {"enabled": True}), (SourceConfig, {"license": None, "tenant": None}), (SinkConfig, {})],
)
def test_options_that_all_of_a_kind_have(config: type[ComponentConfig], options: dict[str, Any]) -> None:
    assert config().model_dump() == options
    assert all(field.description for field in config.model_fields.values())


def test_resources_know_nothing_of_the_process_unless_they_are_told() -> None:
    made = Resources()
    assert (made.pipeline, made.tenant, dict(made.environ), dict(made.options)) == ("pipeline", "default", {}, {})
    with pytest.raises(AttributeError):
        made.pipeline = "other"  # type: ignore[misc]


def test_what_is_exchanged_has_defaults_of_its_own() -> None:
    first, second = SourceRecord(b"{}"), SourceRecord(b"{}")
    first.headers.append(("a", b""))
    assert (second.headers, second.key, second.timestamp, second.id) == ([], None, None, "")
    assert Unreadable(b"x", "ragged_row").id == ""
    assert Page([], {}).done is False
    assert Receipt(3) == Receipt(3, b"", [])


def test_positions_are_compact_and_compare() -> None:
    assert msgspec.json.encode(Position(1, 42)) == b"[1,42]"
    assert Position(1, 42) == msgspec.json.decode(b"[1,42]", type=Position)
    batch = Batch("p/t/0", "t", 0, 1, 2, 5, False, [])
    assert (batch.first, batch.next) == (2, 5)
