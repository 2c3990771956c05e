"""Scores of labels by an ONNX model, through onnxruntime (the extra ``onnx``)."""

import math
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

from penstock.model.errors import ConfigurationError, EnrichmentError, MissingExtraError

Activation: TypeAlias = Literal["none", "softmax", "sigmoid"]
Scores: TypeAlias = Callable[[Any], list[float]]
"""A text, or a list of numbers, in; the score of each label out."""

_KINDS = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64"}


def scorer(file: Path, labels: Sequence[str], numbers: int | None, output: str, activation: Activation) -> Scores:
    """A function of the model in `file`.

    Parameters
    ----------
    numbers
        How many numbers the model takes; None is one text.
    output
        The output that holds the scores; empty is the last one.

    Raises
    ------
    MissingExtraError
        onnxruntime is not installed.
    ConfigurationError
        The file is no model, or does not take and give what is said of it.
    """
    if find_spec("onnxruntime") is None:
        raise MissingExtraError("onnxruntime", "onnx")
    import numpy
    import onnxruntime

    if not file.is_file():
        raise ConfigurationError(f"classify finds no model {file}", hint="is the path right?")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers are many already
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base of their own
        raise ConfigurationError(f"classify cannot load the model {file}: {type(error).__name__}") from None
    given = session.get_inputs()
    kind = _KINDS.get(given[0].type) if len(given) == 1 else None
    if len(given) != 1 or (given[0].type != "tensor(string)" if numbers is None else kind is None):
        due = "one tensor of strings" if numbers is None else "one tensor of numbers"
        takes = ", ".join(each.type for each in given)
        raise ConfigurationError(
            f"the model {file} takes {takes or 'nothing'}, not {due}", hint="see its option inputs"
        )
    names = [each.name for each in session.get_outputs()]
    if output and output not in names:
        raise ConfigurationError(f"the model {file} has no output {output}", hint=f"it has {', '.join(names)}")
    name, asked, rank = given[0].name, output or names[-1], len(given[0].shape)

    def run(value: Any) -> list[float]:
        array = numpy.array([value], dtype=object if numbers is None else kind)
        if numbers is None and rank == 2:
            array = array.reshape(1, 1)
        return _activated(_flat(session.run([asked], {name: array})[0], labels), activation)

    try:
        run("" if numbers is None else [0.0] * numbers)
    except EnrichmentError as error:
        raise ConfigurationError(f"the model {file} {error.message}") from None
    except Exception as error:
        raise ConfigurationError(
            f"the model {file} does not run: {type(error).__name__}", hint="see its inputs"
        ) from None
    return run


def _flat(found: Any, labels: Sequence[str]) -> list[float]:
    """The scores in the order of the labels, of a tensor or of a list of maps (ZipMap)."""
    if isinstance(found, list) and found and isinstance(found[0], dict):
        by_label = {str(label): float(score) for label, score in found[0].items()}
        if set(by_label) >= set(labels):
            return [by_label[label] for label in labels]
        scores = list(by_label.values())
    else:
        scores = [float(score) for score in found.reshape(-1)]
    if len(scores) != len(labels):
        raise EnrichmentError("scores", f"gives {len(scores)} scores for {len(labels)} labels")
    if not all(map(math.isfinite, scores)):
        raise EnrichmentError("scores", "gives scores that are no finite numbers")
    return scores


def _activated(scores: list[float], activation: Activation) -> list[float]:
    if activation == "softmax":
        most = max(scores)
        raised = [math.exp(score - most) for score in scores]
        return [each / sum(raised) for each in raised]
    if activation == "sigmoid":
        return [1 / (1 + math.exp(-min(max(score, -700.0), 700.0))) for score in scores]
    return [min(1.0, max(0.0, score)) for score in scores]
