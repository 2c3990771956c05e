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


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "has no manifest that is right"),
        ({"title": "x", "version": "one", "license": None, "pii": "none"}, "version: "),
        ({"title": "x", "version": "1.0.0", "license": None, "pii": "maybe"}, "pii: "),
        ({"title": "", "version": "1.0.0", "license": None, "pii": "none"}, "title: "),
    ],
)
def test_a_manifest_that_is_none_is_refused(monkeypatch, said, message):
    monkeypatch.setattr("penstock.connectors.sources.csv.MANIFEST", said)
    with pytest.raises(ConfigurationError, match="the source csv") as caught:
        registry.manifest("csv")
    assert message in str(caught.value)
