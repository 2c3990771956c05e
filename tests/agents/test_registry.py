"""The stages by name: which modules are stages, how they are configured and built."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.enrich import hash as hash_stage
from penstock.model.component import Apply, ApplyBatch, Enrich, EnrichBatch, EnrichRecord, Resources, StageConfig
from penstock.model.errors import ConfigurationError


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], str]:
    """A stage from elsewhere with this `build`; its name."""

    def register(build: Any) -> str:
        module = ModuleType("plugin_foreign")
        vars(module).update(Config=StageConfig, build=build)
        monkeypatch.setitem(sys.modules, "plugin_foreign", module)
        monkeypatch.setitem(registry.STAGES.modules, "foreign", "plugin_foreign")
        return "foreign"

    return register


def test_file_names_are_the_names_of_stages() -> None:
    modules = registry.STAGES.modules
    assert {"tag", "map", "redact", "license", "geoip", "language", "hash"} <= set(modules)
    assert modules["hash"] == "penstock.agents.enrich.hash"


def test_what_is_not_a_stage_is_not_among_them() -> None:
    names = set(registry.STAGES.modules)
    assert not names & {"chain", "fields", "registry", "pipeline", "continuity", "runtime", "hop", "email", "mask"}
    assert not [name for name in names if name.startswith("_")]


def test_configure_validates() -> None:
    assert isinstance(registry.configure("hash", {"hash_fields": ["a"]}), hash_stage.Config)
    with pytest.raises(ValidationError):
        registry.configure("hash", {"hash_field": ["a"]})
    with pytest.raises(ConfigurationError, match="did you mean language"):
        registry.configure("langauge", {})


@pytest.mark.parametrize(
    ("name", "kind"), [("hash", EnrichRecord), ("hashing", EnrichRecord), ("tag", Apply), ("license", ApplyBatch)]
)
def test_the_kind_is_what_build_says_it_returns(name: str, kind: Any) -> None:
    found, function = registry.build(name, registry.configure(name, {}), Resources())
    assert found is kind
    assert callable(function)


def test_resources_are_handed_to_those_who_want_them(plugin: Callable[[Any], str]) -> None:
    handed: list[Any] = []

    def build(config: StageConfig, resources: Resources) -> Enrich:
        handed.append(resources)
        return lambda data: None

    resources = Resources(pipeline="p")
    registry.build(plugin(build), StageConfig(), resources)
    assert handed == [resources]


def test_a_build_that_does_not_say_what_it_returns_is_refused(plugin: Callable[[Any], str]) -> None:
    with pytest.raises(ConfigurationError, match="foreign must be annotated"):
        registry.build(plugin(lambda config: None), StageConfig(), Resources())


def test_the_options_may_decide_between_one_and_many() -> None:
    resources = Resources(environ={"SCHEMA_REGISTRY_URL": "http://127.0.0.1:9"})
    assert registry.build("tag", registry.configure("tag", {"registry": True}), resources)[0] is ApplyBatch
    assert registry.build("tag", registry.configure("tag", {}), Resources())[0] is Apply
    assert registry.build("hash", registry.configure("hash", {"hash_references": True}), Resources())[0] is EnrichBatch
    assert registry.build("hash", registry.configure("hash", {}), Resources())[0] is EnrichRecord
