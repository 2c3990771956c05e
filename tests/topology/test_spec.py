"""The keys of a pipeline file: forms of components, names, defaults."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.topology.spec import Component, Pipeline


@pytest.mark.parametrize(
    ("written", "use", "name", "options"),
    [
        ("geoip", "geoip", "geoip", {}),
        ({"geoip": None}, "geoip", "geoip", {}),
        ({"geoip": {"cache_size": 3}}, "geoip", "geoip", {"cache_size": 3}),
        ({"geoip": {"as": "where", "cache_size": 3}}, "geoip", "where", {"cache_size": 3}),
        ({"use": "geoip", "as": "where", "options": {"cache_size": 3}}, "geoip", "where", {"cache_size": 3}),
    ],
)
def test_a_component_can_be_written_in_short_and_in_full(written, use, name, options):
    (stage,) = Pipeline(name="orders", stages=[written]).stages
    assert (stage.use, stage.name, stage.options) == (use, name, options)


@pytest.mark.parametrize("kind", ["sources", "stages", "sinks"])
def test_two_components_of_a_kind_need_two_names(kind):
    with pytest.raises(ValidationError, match="csv stands here twice"):
        Pipeline.model_validate({"name": "orders", kind: ["csv", "csv"]})
    parts = getattr(Pipeline.model_validate({"name": "orders", kind: ["csv", {"csv": {"as": "more"}}]}), kind)
    assert [part.name for part in parts] == ["csv", "more"]


@pytest.mark.parametrize("name", ["Orders", "a.b", "-a", "", "a b", "a" * 61])
def test_a_name_that_could_not_be_taken_apart_again_is_refused(name):
    with pytest.raises(ValidationError):
        Pipeline(name=name)
    with pytest.raises(ValidationError):
        Component.model_validate({"use": "csv", "as": name})


@settings(derandomize=True)
@given(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,59}", fullmatch=True))
def test_topics_are_named_after_the_pipeline(name):
    pipeline = Pipeline(name=name)
    topics = [
        pipeline.raw_topic, pipeline.enriched_topic, pipeline.dead_letter_topic, pipeline.quarantine_topic
    ]  # fmt: skip
    assert topics == [f"{name}.raw", f"{name}.enriched", f"{name}.dlq", f"{name}.quarantine"]


def test_defaults_govern():
    pipeline = Pipeline(name="orders")
    assert [stage.use for stage in pipeline.stages] == ["tag", "redact", "license"]
    assert (pipeline.chain, pipeline.raw.partitions, pipeline.ungoverned) == ("auto", 4, False)
    assert pipeline.error_handling.on_error == "skip"


def test_aliases_of_keys_are_taken():
    pipeline = Pipeline.model_validate(
        {"name": "a", "batching": {"batch_size": 7}, "error_handling": {"max_retries": 9}}
    )
    assert (pipeline.batching.frame_records, pipeline.error_handling.retries) == (7, 9)


def test_unknown_keys_are_refused():
    with pytest.raises(ValidationError):
        Pipeline.model_validate({"name": "a", "stagse": []})
