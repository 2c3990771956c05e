import pytest
from pydantic import ValidationError

from penstock.connectors import registry
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError


def test_file_names_are_the_names_of_connectors():
    assert {"csv", "jsonl"} <= set(registry.SOURCES.modules)
    assert {"file", "graph", "ledger"} <= set(registry.SINKS.modules)
    assert not [name for name in [*registry.SOURCES.modules, *registry.SINKS.modules] if name.startswith("_")]


def test_sources_are_configured_and_built_by_name(tmp_path):
    config = registry.configure_source("csv", {"path": str(tmp_path / "a.csv")})
    assert registry.build_source("csv", config, Resources()).id == str(tmp_path / "a.csv")


def test_an_unknown_name_gives_the_nearest_and_an_unknown_option_is_refused():
    with pytest.raises(ConfigurationError, match="did you mean jsonl"):
        registry.configure_source("json", {"path": "a"})
    with pytest.raises(ValidationError, match="delimeter"):
        registry.configure_source("csv", {"path": "a", "delimeter": ";"})
