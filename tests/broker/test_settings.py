from pathlib import Path

import pytest

from penstock.broker import settings
from penstock.model.errors import ConfigurationError


def _parsed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_one_node_that_listens_on_this_machine_only() -> None:
    told = _parsed(settings.properties(9092, 9093))
    assert told["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert told["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert told["controller.quorum.voters"] == "1@127.0.0.1:9093"
    assert {value for name, value in told.items() if name.endswith(("replication.factor", "min.isr"))} == {"1"}
    assert told["auto.create.topics.enable"] == "false"
    assert told["group.initial.rebalance.delay.ms"] == "0"
    assert int(told["group.min.session.timeout.ms"]) <= 6000
    assert int(told["broker.session.timeout.ms"]) <= 3000


def test_a_value_of_25_mib_fits_with_what_is_around_it() -> None:
    told = _parsed(settings.properties(1, 2))
    for name in ("message.max.bytes", "replica.fetch.max.bytes", "socket.request.max.bytes"):
        assert int(told[name]) > 25 * 2**20 + 64 * 1024


def test_paths_stay_out_of_the_files_that_could_misread_them() -> None:
    assert _parsed(settings.properties(1, 2))["log.dirs"] == "storage"
    assert 'fileName="broker.log"' in settings.logging_configuration()


@pytest.mark.parametrize(
    ("heap", "expected"),
    [("", ["-Xms128m", "-Xmx768m"]), ("2G", ["-Xms128m", "-Xmx2G"]), ("64m", ["-Xms64m", "-Xmx64m"])],
)
def test_heap(heap: str, expected: list[str]) -> None:
    assert settings.java_options([], {"PENSTOCK_BROKER_HEAP": heap}).splitlines()[:2] == expected


@pytest.mark.parametrize("heap", ["much", "0m", "12", "1t", "1g -version"])
def test_a_heap_that_is_no_size_is_refused(heap: str) -> None:
    with pytest.raises(ConfigurationError, match="PENSTOCK_BROKER_HEAP"):
        settings.java_options([], {"PENSTOCK_BROKER_HEAP": heap})


def test_the_class_path_is_quoted_for_an_argument_file() -> None:
    lines = settings.java_options([Path('/a b/"c".jar'), Path("/d\\e.jar")], {}).splitlines()
    assert lines[-2:] == ["-cp", '"/a b/\\"c\\".jar:/d\\\\e.jar"']


def test_further_settings_replace_ours_and_further_listeners_are_added() -> None:
    told = _parsed(
        settings.properties(9092, 9093, {"listeners": "TLS://127.0.0.1:9094", "num.io.threads": "1", "new.one": "x=y"})
    )
    assert told["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093,TLS://127.0.0.1:9094"
    assert (told["num.io.threads"], told["new.one"]) == ("1", "x=y")
