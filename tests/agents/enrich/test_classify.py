"""classify: keywords, patterns and real ONNX models, written byte by byte as the format has it."""

import struct
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.enrich import classify
from penstock.agents.enrich._text import onnx as _onnx
from penstock.model.errors import ConfigurationError, MissingExtraError
from penstock.model.record import Kept, Record

TOPIC = {
    "name": "topic",
    "type": "keyword",
    "labels": {"billing": ["invoice", "refund", "credit note"], "outage": ["down", "C++"]},
}
CODES = {"name": "codes", "type": "regex", "labels": {"ticket": [r"\bT-\d+\b", r"(?i)ticket"]}}


def classified(data: dict[str, Any], *classifiers: Any, **options: Any) -> Any:
    enrich = classify.build(classify.Config.model_validate({"classifiers": classifiers, **options}))
    found = enrich(Record(Kept(0, 0, orjson.dumps(data), {}), "t/0/0"))
    return None if found is None else found["classification"]


# ONNX files are protocol buffers: https://onnx.ai/onnx/repo-docs/IR.html, numbers of fields from onnx.proto


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def value_info(name: str, element: int, *shape: int) -> bytes:
    dimensions = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name.encode()) + field(2, field(1, field(1, element) + field(2, dimensions)))


def floats(name: str, values: list[float], *shape: int) -> bytes:
    raw = struct.pack(f"<{len(values)}f", *values)
    return b"".join(field(1, size) for size in shape) + field(2, 1) + field(8, name.encode()) + field(9, raw)


def node(kind: str, inputs: list[str], output: str, domain: str = "", *attributes: bytes) -> bytes:
    body = b"".join(field(1, name.encode()) for name in inputs) + field(2, output.encode()) + field(4, kind.encode())
    return body + b"".join(field(5, attribute) for attribute in attributes) + field(7, domain.encode())


def model(*parts: bytes) -> bytes:
    operators = field(8, field(1, b"") + field(2, 13)) + field(8, field(1, b"ai.onnx.ml") + field(2, 2))
    return field(1, 8) + field(7, b"".join(parts) + field(2, b"g")) + operators


def linear() -> bytes:
    """Two numbers in; out of them their sum and difference, as two scores."""
    return model(
        field(1, node("MatMul", ["x", "w"], "scores")),
        field(5, floats("w", [1, 1, 1, -1], 2, 2)),
        field(11, value_info("x", 1, 1, 2)),
        field(12, value_info("scores", 1, 1, 2)),
    )


def length_of_text() -> bytes:
    """One text in; two scores out: (1, 0) where it is the word spam, else (0, 1)."""
    keys = field(1, b"keys_strings") + field(9, b"spam") + field(20, 8)
    values = field(1, b"values_floats") + field(7, struct.pack("<f", 1.0)) + field(20, 6)
    default = field(1, b"default_float") + varint(2 << 3 | 5) + struct.pack("<f", 0.0) + field(20, 1)
    return model(
        field(1, node("LabelEncoder", ["text"], "hit", "ai.onnx.ml", keys, values, default)),
        field(1, node("MatMul", ["hit", "w"], "weighed")),
        field(1, node("Add", ["weighed", "b"], "scores")),
        field(5, floats("w", [1, -1], 1, 2)),
        field(5, floats("b", [0, 1], 1, 2)),
        field(11, value_info("text", 8, 1, 1)),
        field(12, value_info("scores", 1, 1, 2)),
    )


@pytest.fixture
def numbers(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "linear.onnx"
    file.write_bytes(linear())
    return {"name": "m", "type": "onnx", "model": file, "labels": ["sum", "difference"], "inputs": ["a", "b.c"]}


def test_keywords_and_their_reasons() -> None:
    found = classified({"message": "The INVOICE is down, down. A credit note?"}, TOPIC)
    assert found == {
        "message_classification": {
            "label": "billing",
            "score": 0.75,
            "labels": [
                {
                    "label": "billing",
                    "score": 0.75,
                    "classifier": "topic",
                    "because": ["keyword invoice", "keyword credit note"],
                },
                {"label": "outage", "score": 0.5, "classifier": "topic", "because": ["keyword down"]},
            ],
        }
    }


@pytest.mark.parametrize("text", ["invoices", "countdown", "", " ", 5, None])
def test_keywords_are_whole_words(text: Any) -> None:
    assert classified({"text": text}, TOPIC) is None


def test_keywords_that_are_no_letters_and_capitals() -> None:
    assert classified({"text": "I like C++."}, TOPIC)["text_classification"]["label"] == "outage"
    assert classified({"text": "INVOICE"}, {**TOPIC, "case_sensitive": True}) is None


def test_patterns_name_their_number_not_the_text() -> None:
    found = classified({"text": "see T-4711"}, CODES)["text_classification"]
    assert found["labels"][0]["because"] == ["pattern 1 of ticket"]
    assert b"4711" not in orjson.dumps(found)


def test_the_threshold_and_several_classifiers() -> None:
    found = classified({"text": "refund for ticket T-1"}, TOPIC, CODES)["text_classification"]
    assert [(one["label"], one["score"]) for one in found["labels"]] == [("ticket", 0.75), ("billing", 0.5)]
    assert classified({"text": "refund"}, TOPIC, threshold=0.6) is None


def test_nothing_is_classified_without_classifiers() -> None:
    assert classified({"text": "invoice"}) is None


def test_a_model_of_numbers(numbers: dict[str, Any]) -> None:
    found = classified({"a": 0.7, "b": {"c": 0.2}}, numbers)["record_classification"]
    assert found["label"] == "sum"
    assert [(one["label"], one["score"]) for one in found["labels"]] == [("sum", 0.9), ("difference", 0.5)]
    assert found["labels"][0]["because"] == ["model linear.onnx"]
    found = classified({"a": 0.7}, numbers)["record_classification"]
    assert found["labels"][0]["because"] == ["model linear.onnx", "without b.c"]
    assert classified({"x": 1}, numbers) is None


def test_activations(numbers: dict[str, Any]) -> None:
    data = {"a": 3, "b": {"c": 1}}
    softmax = classified(data, {**numbers, "activation": "softmax"}, threshold=0)["record_classification"]["labels"]
    assert [one["score"] for one in softmax] == [0.8808, 0.1192]
    sigmoid = classified(data, {**numbers, "activation": "sigmoid"})["record_classification"]["labels"]
    assert [one["score"] for one in sigmoid] == [0.982, 0.8808]
    assert classified({"a": 1e308, "b": {"c": 0}}, numbers)["record_classification"]["score"] == 1


def test_a_model_of_texts(tmp_path: Path) -> None:
    file = tmp_path / "words.onnx"
    file.write_bytes(length_of_text())
    given = {"name": "m", "type": "onnx", "model": file, "labels": ["spam", "ham"], "output": "scores"}
    assert classified({"text": "spam"}, given)["text_classification"]["label"] == "spam"
    assert classified({"text": "hello"}, given)["text_classification"]["label"] == "ham"


def test_models_that_do_not_fit(tmp_path: Path, numbers: dict[str, Any]) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(linear()[:40])
    for wrong, said in (
        ({"model": tmp_path / "none.onnx"}, "finds no model"),
        ({"model": damaged}, "cannot load"),
        ({"inputs": []}, "not one tensor of strings"),
        ({"inputs": ["a"]}, "does not run"),
        ({"labels": ["one"]}, "2 scores for 1 labels"),
        ({"output": "nothing"}, "no output"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            classified({}, {**numbers, **wrong})


def test_a_missing_package_is_named(numbers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_onnx, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"penstock\[onnx\]"):
        classified({}, numbers)
    assert classified({"text": "invoice"}, TOPIC)


def test_options_are_checked() -> None:
    for wrong in (
        [TOPIC, TOPIC],
        [{**TOPIC, "labels": {}}],
        [{**TOPIC, "labels": {"a": [" "]}}],
        [{**CODES, "labels": {"a": ["("]}}],
        [{**CODES, "labels": {"a": []}}],
        [{**TOPIC, "type": "magic"}],
    ):
        with pytest.raises(ValidationError):
            classify.Config.model_validate({"classifiers": wrong})


def test_names() -> None:
    assert registry.STAGES.name("classifier") == "classify"
    assert "onnxruntime" in sys.modules or classified({"text": "invoice"}, TOPIC)
