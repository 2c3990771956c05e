"""OCR: the text of a picture, a PDF or the pages of a TIFF, its words, where they stand and how sure they are.

Runs in a child process (see `penstock.model.room`). A page of a PDF that has text answers from it, with
confidence 1; a page that is a picture is drawn and read.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import pycld2
import pypdfium2
from PIL import Image, ImageOps, UnidentifiedImageError

from penstock.model.errors import EnrichmentError
from penstock.services.ai_languages import ISO
from penstock.services.ai_reader import Line, Picture, reader

FORMATS: Final = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM")

_MOST_PIXELS: Final = 60_000_000
_MOST_PAGES: Final = 50
_DOTS_PER_POINT: Final = 150 / 72
_LONGEST_SIDE_OF_A_PAGE: Final = 4000


class Word(NamedTuple):
    """A word, as it stands on its page."""

    text: str
    box: list[list[float]]
    confidence: float
    page: int


Rows = list[list[Word]]
"""The words of each line, from top to bottom."""


def extract(
    content: bytes, mime_type: str | None, languages: Sequence[str], confidence_threshold: float
) -> dict[str, Any]:
    """Read a picture or a PDF.

    Parameters
    ----------
    mime_type : str, optional
        What it is said to be; must not contradict what it is.
    languages : sequence of str
        ISO 639-3; the first that fits is named where the text does not tell.
    confidence_threshold : float
        Words that are less sure are left out.

    Raises
    ------
    EnrichmentError
        ``malformed``, ``mismatch``, ``too_large`` or ``encrypted``.
    """
    is_pdf = content[:1024].lstrip().startswith(b"%PDF-")
    if mime_type is not None and is_pdf != (mime_type == "application/pdf"):
        raise EnrichmentError("mismatch", f"the content is not what its type {mime_type} says")
    rows = _pdf(content) if is_pdf else [row for n, page in enumerate(_pictures(content), 1) for row in _read(page, n)]
    kept = [[word for word in row if word.confidence >= confidence_threshold] for row in rows]
    words = [word for row in kept for word in row]
    text = "\n".join(" ".join(word.text for word in row) for row in kept if row)
    # longer words are more of the text
    weights = [len(word.text) for word in words]
    confidence = float(np.average([word.confidence for word in words], weights=weights)) if words else 0.0
    return {
        "text": text,
        "confidence": round(confidence, 4),
        "language": language(text, languages),
        "word_count": len(words),
        "words": [
            {"text": word.text, "box": word.box, "confidence": round(word.confidence, 4), "page": word.page}
            for word in words
        ],
        "words_left_out": sum(map(len, rows)) - len(words),
    }


def language(text: str, languages: Sequence[str]) -> str:
    """Which of the languages a text is in; the first of them where it is too short to tell."""
    _, _, details = pycld2.detect("".join(char if char.isprintable() else " " for char in text), isPlainText=True)
    for _, code, percent, _ in details:
        for name in languages:
            if percent and ISO.get(code.split("-")[0]) == name:
                return name
    return languages[0]


def _pictures(content: bytes) -> Iterator[Picture]:
    """The pages of a TIFF; of what is animated, the first picture."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            if count > _MOST_PAGES:
                raise EnrichmentError("too_large", f"the picture has more than {_MOST_PAGES} pages")
            for number in range(count):
                image.seek(number)
                if image.width * image.height > _MOST_PIXELS:
                    raise _too_many_pixels()
                image.load()
                yield _blue_first(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except UnidentifiedImageError:
        raise EnrichmentError("malformed", "the content is no picture that can be read, and no PDF") from None
    except (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise EnrichmentError("malformed", f"the picture is damaged: {type(error).__name__}") from None


def _too_many_pixels() -> EnrichmentError:
    return EnrichmentError("too_large", f"the picture has more than {_MOST_PIXELS // 1_000_000} million pixels")


def _blue_first(image: Image.Image) -> Picture:
    """Its pixels; what is transparent becomes white."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        low, high = image.getextrema()
        values = np.asarray(image, np.float32)
        grey = ((values - low) * (255 / max(high - low, 1))).astype(np.uint8)  # type: ignore[operator] # one band
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        image = Image.alpha_composite(white, seen)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _pdf(content: bytes) -> Rows:
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise EnrichmentError("encrypted", "the PDF needs a password") from None
        raise EnrichmentError("malformed", "the PDF is damaged") from None
    with document:
        if len(document) > _MOST_PAGES:
            raise EnrichmentError("too_large", f"the PDF has more than {_MOST_PAGES} pages")
        if not len(document):
            raise EnrichmentError("malformed", "the PDF has no pages")
        try:
            return [row for number in range(len(document)) for row in _page(document[number], number + 1)]
        except pypdfium2.PdfiumError:
            raise EnrichmentError("malformed", "a page of the PDF is damaged") from None


def _page(page: pypdfium2.PdfPage, number: int) -> Rows:
    rows = [row for row in _printed(page, number) if row]
    if rows:
        return rows
    scale = min(_DOTS_PER_POINT, _LONGEST_SIDE_OF_A_PAGE / max(page.get_size()))
    return _read(np.ascontiguousarray(page.render(scale=scale).to_numpy()[:, :, :3]), number)


def _printed(page: pypdfium2.PdfPage, number: int) -> Iterator[list[Word]]:
    """The lines of the page's own text; boxes in points from its top left."""
    text = page.get_textpage()
    top = page.get_height()
    row: list[Word] = []
    word, boxes = "", []
    for index in range(text.count_chars()):
        # one UTF-16 unit at a time: half of a surrogate pair becomes whole again where the word ends
        char = text.get_text_range(index, 1, errors="replace")
        if not char.isspace() and char:
            word += char
            boxes.append(text.get_charbox(index))
            continue
        if word:
            row.append(_printed_word(word, boxes, top, number))
            word, boxes = "", []
        if char in "\r\n" and row:
            yield row
            row = []
    if word:
        row.append(_printed_word(word, boxes, top, number))
    yield row


def _printed_word(word: str, boxes: list[tuple[float, float, float, float]], top: float, number: int) -> Word:
    left, bottom, right, upper = (
        min(box[0] for box in boxes), min(box[1] for box in boxes),
        max(box[2] for box in boxes), max(box[3] for box in boxes),
    )  # fmt: skip
    corners = [[left, top - upper], [right, top - upper], [right, top - bottom], [left, top - bottom]]
    return Word(word, [[round(x, 1), round(y, 1)] for x, y in corners], 1.0, number)


def _read(picture: Picture, number: int) -> Rows:
    """The words of a picture, as one reads them: from the top, then from the left, however the page lies."""
    lines = reader().lines(picture)
    upright = _upright(lines)
    places = {id(line): line.quad @ upright for line in lines}

    def middle(line: Line) -> float:
        return float(places[id(line)][:, 1].mean())

    rows: list[list[Line]] = []
    for line in sorted(lines, key=middle):
        last = places[id(rows[-1][-1])][:, 1] if rows else None
        if last is not None and middle(line) - float(last.mean()) < 0.5 * float(last.max() - last.min()):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [
        [word for line in sorted(row, key=lambda line: float(places[id(line)][0, 0])) for word in _words(line, number)]
        for row in rows
    ]


def _upright(lines: Sequence[Line]) -> Any:
    """What turns places so that most of the lines run from left to right."""
    along = np.sum([line.quad[1] - line.quad[0] for line in lines], axis=0) if lines else np.zeros(2)
    length = float(np.hypot(*along))
    right, down = along / length if length else (1.0, 0.0)
    return np.array([[right, -down], [down, right]], np.float32)


def _words(line: Line, number: int) -> Iterator[Word]:
    """The words of a line; where they begin and end is half way to the characters beside them."""
    characters = line.characters
    places = [0.0, *[(a.place + b.place) / 2 for a, b in pairwise(characters)], 1.0]
    first = 0
    for index in range(len(characters) + 1):
        if index < len(characters) and not characters[index].text.isspace():
            continue
        if index > first:
            part = characters[first:index]
            confidence = float(np.mean([character.confidence for character in part]))
            box = _part_of(line, places[first], places[index])
            yield Word("".join(character.text for character in part), box, confidence, number)
        first = index + 1


def _part_of(line: Line, start: float, end: float) -> list[list[float]]:
    top_left, top_right, bottom_right, bottom_left = line.quad
    corners = (
        top_left + (top_right - top_left) * start, top_left + (top_right - top_left) * end,
        bottom_left + (bottom_right - bottom_left) * end, bottom_left + (bottom_right - bottom_left) * start,
    )  # fmt: skip
    return [[round(float(x), 1), round(float(y), 1)] for x, y in corners]
