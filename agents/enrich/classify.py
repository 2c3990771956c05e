"""classify: labels for text fields or whole records, by keywords, patterns or an ONNX model, each with its reasons.

>>> words = {"name": "topic", "type": "keyword", "labels": {"billing": ["invoice", "refund"], "outage": ["down"]}}
>>> found = run("classify", {"message": "Where is my refund for the invoice?"}, classifiers=[words])["classification"]
>>> found["message_classification"]["label"], found["message_classification"]["score"]
('billing', 0.75)
>>> found["message_classification"]["labels"][0]["because"]
['keyword invoice', 'keyword refund']

Every classifier says of each of its labels how likely it is (0 to 1); ``labels`` holds those of at least
``threshold``, the likeliest first, with the classifier's name and reasons. ``label`` and ``score`` are the first.
Keywords are whole words; n different ones (or patterns) that are met make a score of 1 - 0.5ⁿ. A reason names the
keyword or pattern of the configuration, never the text of the record.

A model is an ONNX file of yours. It takes either one text (a tensor of strings, as scikit-learn's vectorisers have it
when they are converted) or numbers, which it gets from ``inputs``; it gives a score a label: probabilities (a tensor,
or the maps that scikit-learn's converter writes), or logits, of which ``activation`` makes probabilities. A model of
numbers speaks of the record, in ``record_classification``. The package onnxruntime comes with the extra ``onnx``.
Nothing is classified until ``classifiers`` are given.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, TypeAlias

from pydantic import Field, model_validator

from penstock.agents.enrich._rules.conditions import path
from penstock.agents.enrich._text.onnx import Activation, scorer
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, ComponentConfig, EnrichRecord, FieldNames, StageConfig
from penstock.model.record import Record

ALIASES = ("classification", "classifier")
GROUP = "classification"


class Keywords(ComponentConfig):
    """Labels by words."""

    type: Literal["keyword"] = Field("keyword", description="`keyword`.")
    name: str = Field(min_length=1, description="What the classifier is called.")
    labels: dict[str, tuple[str, ...]] = Field(
        min_length=1, description="Label -> words and phrases that speak for it."
    )
    case_sensitive: bool = Field(False, description="Whether capitals matter.")

    @model_validator(mode="after")
    def _filled(self) -> Self:
        if not all(words and all(word.strip() for word in words) for words in self.labels.values()):
            raise ValueError("a label has no keyword, or an empty one")
        return self


class Patterns(ComponentConfig):
    """Labels by regular expressions."""

    type: Literal["regex"] = Field("regex", description="`regex`.")
    name: str = Field(min_length=1, description="What the classifier is called.")
    labels: dict[str, tuple[str, ...]] = Field(min_length=1, description="Label -> patterns that speak for it.")

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        for label, patterns in self.labels.items():
            if not patterns:
                raise ValueError(f"the label {label} has no pattern")
            for number, pattern in enumerate(patterns, 1):
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise ValueError(f"pattern {number} of {label} is none: {error.msg} at {error.pos}") from None
        return self


class Model(ComponentConfig):
    """Labels by an ONNX model."""

    type: Literal["onnx"] = Field("onnx", description="`onnx`.")
    name: str = Field(min_length=1, description="What the classifier is called.")
    model: Path = Field(description="The ONNX file.")
    labels: tuple[str, ...] = Field(min_length=1, description="The labels, in the order of the model's scores.")
    inputs: FieldNames = Field((), description="Paths of numbers, in the model's order; empty: it takes a text.")
    missing: float = Field(0.0, description="What stands for a number that the record does not have.")
    output: str = Field("", description="The model's output that holds the scores; empty: its last one.")
    activation: Activation = Field("none", description="What makes probabilities of the scores.")


Classifier: TypeAlias = Annotated[Keywords | Patterns | Model, Field(discriminator="type")]


class Config(StageConfig):
    """Options of classify."""

    fields: FieldNames = Field(
        ("text", "content", "body", "message", "description", "comment", "title"), description="Fields that hold text."
    )
    classifiers: tuple[Classifier, ...] = Field((), description="What gives labels.")
    threshold: float = Field(0.5, ge=0, le=1, description="A label that is less likely is not noted.")
    max_length: int = Field(10_000, ge=1, description="Characters of a text that are looked at.")

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [each.name for each in self.classifiers]
        if len({*names}) < len(names):
            raise ValueError("two classifiers have the same name")
        return self


class Label(NamedTuple):
    """A label, how likely it is, and why."""

    label: str
    score: float
    because: list[str]


Classify: TypeAlias = Callable[[str], list[Label]]

_GREATEST: Final = 3.4e38
"""What fits a 32-bit float."""
_RECORD: Final = "record_classification"


def build(config: Config) -> EnrichRecord:
    """Compile the stage.

    Raises
    ------
    MissingExtraError
        A classifier is a model, and onnxruntime is not installed.
    ConfigurationError
        A model cannot be read, or does not take and give what its options say.
    """
    find = Finder(config.fields)
    of_texts: list[tuple[str, Classify]] = []
    of_records: list[tuple[str, Callable[[Record], list[Label]]]] = []
    for each in config.classifiers:
        match each:
            case Keywords():
                of_texts.append((each.name, _by_patterns(_words(each), "keyword")))
            case Patterns():
                of_texts.append((each.name, _by_patterns(_patterns(each), "pattern")))
            case Model(inputs=()):
                of_texts.append((each.name, _text_model(each)))
            case Model():
                of_records.append((each.name, _number_model(each)))

    def enrich(record: Record) -> Annotations | None:
        found = {}
        for label, text in find.labelled(record) if of_texts else ():
            if isinstance(text, str) and text and not text.isspace():
                sample = text[: config.max_length]
                found[f"{label}_classification"] = [(name, classify(sample)) for name, classify in of_texts]
        if of_records:
            found[_RECORD] = [(name, judge(record)) for name, judge in of_records]
        bodies = {name: body for name, given in found.items() if (body := _body(given, config.threshold))}
        return {GROUP: bodies} if bodies else None

    return enrich


def _body(given: list[tuple[str, list[Label]]], threshold: float) -> dict[str, Any] | None:
    """What stands in the record; None where no label is likely enough."""
    labels = [
        {"label": one.label, "score": round(one.score, 4), "classifier": name, "because": one.because}
        for name, found in given
        for one in found
        if one.score >= threshold and one.score > 0
    ]
    labels.sort(key=lambda label: -float(str(label["score"])))
    return {"label": labels[0]["label"], "score": labels[0]["score"], "labels": labels} if labels else None


_Named: TypeAlias = dict[str, list[tuple[str, Callable[[str], Any]]]]
"""Label -> what its keywords or patterns are called, and what looks for each."""


def _words(config: Keywords) -> _Named:
    flags = re.NOFLAG if config.case_sensitive else re.IGNORECASE
    return {
        label: [(word, re.compile(rf"(?<!\w){re.escape(word.strip())}(?!\w)", flags).search) for word in words]
        for label, words in config.labels.items()
    }


def _patterns(config: Patterns) -> _Named:
    return {
        label: [(f"{number} of {label}", re.compile(pattern).search) for number, pattern in enumerate(patterns, 1)]
        for label, patterns in config.labels.items()
    }


def _by_patterns(named: _Named, kind: str) -> Classify:
    def classify(text: str) -> list[Label]:
        found = []
        for label, searches in named.items():
            met = [f"{kind} {name}" for name, search in searches if search(text) is not None]
            if met:
                found.append(Label(label, 1 - 0.5 ** len(met), met))
        return found

    return classify


def _text_model(config: Model) -> Classify:
    scores = scorer(config.model, config.labels, None, config.output, config.activation)
    because = [f"model {config.model.name}"]

    def classify(text: str) -> list[Label]:
        return [Label(label, score, because) for label, score in zip(config.labels, scores(text), strict=True)]

    return classify


def _number_model(config: Model) -> Callable[[Record], list[Label]]:
    scores = scorer(config.model, config.labels, len(config.inputs), config.output, config.activation)
    places = [(name, path(name)) for name in config.inputs]

    def judge(record: Record) -> list[Label]:
        numbers, absent = [], []
        for name, values in places:
            number = next((_number(value) for value in values(record)), None)
            if number is None:
                absent.append(name)
            numbers.append(config.missing if number is None else number)
        because = [f"model {config.model.name}", *(f"without {name}" for name in absent)]
        if len(absent) == len(places):
            return []
        return [Label(label, score, because) for label, score in zip(config.labels, scores(numbers), strict=True)]

    return judge


def _number(value: Any) -> float | None:
    return max(-_GREATEST, min(_GREATEST, float(value))) if isinstance(value, bool | int | float) else None
