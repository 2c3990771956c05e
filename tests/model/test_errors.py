"""The tree of errors: drawn as it is, stable codes, messages that say what, where and what to do."""

import inspect
import re

import pytest

from penstock.model import errors
from penstock.model.errors import (
    BrokerUnreachableError,
    ConfigurationError,
    DecodeError,
    MissingExtraError,
    PenstockError,
    PipelineFileError,
    RejectedError,
    ServiceUnreachableError,
    StageError,
    UnreachableError,
)

ALL = [error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, PenstockError)]
CODES = {
    "BrokerStartError": "broker_start",
    "BrokerUnreachableError": "broker_unreachable",
    "ConfigurationError": "configuration",
    "DecodeError": "decode",
    "EnrichmentError": "enrichment",
    "FencedError": "fenced",
    "FrameError": "frame",
    "HoleError": "hole",
    "MissingExtraError": "missing_extra",
    "OversizedAnswerError": "oversized_answer",
    "PenstockError": "error",
    "PipelineFileError": "pipeline_file",
    "PolicyFileError": "policy_file",
    "RecordError": "record",
    "RejectedError": "rejected",
    "ServiceUnreachableError": "service_unreachable",
    "SourceError": "source",
    "StageError": "stage",
    "SchemaDriftError": "schema_drift",
    "TooLargeError": "too_large",
    "TopicMismatchError": "topic_mismatch",
    "UnreachableError": "unreachable",
}


def drawn() -> dict[str, str]:
    """Each error of the tree in the module's docstring and the one that it stands under."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"(\s*)((?:│   |    )*(?:├── |└── )?)([A-Z]\w+Error)\b", line):
            depth = len(match[2]) // 4
            path[depth:] = [match[3]]
            parents[match[3]] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    assert drawn() == {error.__name__: error.__base__.__name__ for error in ALL}


def test_codes_are_stable_and_unique() -> None:
    assert {error.__name__: error.code for error in ALL} == CODES
    assert len(set(CODES.values())) == len(CODES)


def test_exit_statuses_and_who_is_tried_again() -> None:
    assert {error.__name__ for error in ALL if error.retriable} == {
        "UnreachableError",
        "BrokerUnreachableError",
        "ServiceUnreachableError",
    }
    for error in ALL:
        wrong_use, unreachable = issubclass(error, ConfigurationError), issubclass(error, UnreachableError)
        expected = 2 if wrong_use else 3 if unreachable or error is errors.BrokerStartError else 1
        assert error.exit_status == expected, error


def test_a_message_and_what_to_do() -> None:
    error = ConfigurationError("no stage is called x", hint="there are: y")
    assert str(error) == "no stage is called x (there are: y)"
    assert (error.message, error.hint) == ("no stage is called x", "there are: y")
    assert str(PenstockError("alone")) == "alone"


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({"file": "p.yml", "line": 7, "key": "raw"}, "p.yml:7: no"),
        ({"file": "p.yml"}, "p.yml: no"),
        ({"key": "raw"}, "no"),
        ({"file": "p.yml", "line": 7, "hint": "do"}, "p.yml:7: no (do)"),
    ],
)
def test_a_pipeline_file_is_named_with_its_line(where: dict[str, str], text: str) -> None:
    error = PipelineFileError("no", **where)  # type: ignore[arg-type]
    assert str(error) == text
    assert (error.file, error.line, error.key) == (where.get("file", ""), where.get("line"), where.get("key", ""))


def test_a_missing_package_names_its_extra() -> None:
    assert str(MissingExtraError("s3fs", "s3")) == "the package s3fs is not installed (pip install 'penstock[s3]')"


def test_an_unreachable_server_says_which_how_long_and_what_sets_it() -> None:
    error = BrokerUnreachableError("Kafka", "h:9092", variable="KAFKA_BOOTSTRAP_SERVERS", seconds=9.6, cause="refused")
    assert str(error) == "Kafka at h:9092 does not answer (tried for 10 s): refused (set KAFKA_BOOTSTRAP_SERVERS)"
    assert (error.address, error.variable) == ("h:9092", "KAFKA_BOOTSTRAP_SERVERS")
    assert str(UnreachableError("it", "h:1")) == "it at h:1 does not answer"
    assert ServiceUnreachableError("it", "h:1", retry_after=2.5).retry_after == 2.5


def test_a_refusal_has_its_status() -> None:
    assert str(RejectedError("the graph API", 422, "no such type")) == (
        "the graph API refused the request with 422: no such type"
    )
    assert str(RejectedError("it", 400)) == "it refused the request with 400"
    assert RejectedError("it", 409).status == 409


def test_a_stage_s_error_holds_nothing_of_what_was_raised() -> None:
    error = StageError("tag", ValueError("ann@example.com"))
    assert str(error) == "stage tag raised ValueError"
    assert (error.stage, error.code) == ("tag", "stage")
    assert "ann@" not in repr(error)


def test_errors_of_one_record_are_told_apart_from_others() -> None:
    assert {error.__name__ for error in ALL if issubclass(error, errors.RecordError)} == {
        "RecordError",
        "DecodeError",
        "EnrichmentError",
        "StageError",
        "SchemaDriftError",
        "TooLargeError",
    }
    assert DecodeError("x").exit_status == 1
